/* What static analysers cannot see by themselves; included before each file that they read, never
 * in a build. */
#pragma once

#include <stddef.h>

#include <uthash.h>

#include "ob/error.h"

/* The result is negative: what follows a check of it is not reached. */
#define OB_NEGATIVE(call)                                                                          \
    ({                                                                                             \
        int ob_negative_ = (call);                                                                 \
        if (ob_negative_ >= 0)                                                                     \
            __builtin_unreachable();                                                               \
        ob_negative_;                                                                              \
    })
#define ob_fail(err, code, ...) OB_NEGATIVE((ob_fail)(err, code, __VA_ARGS__))
#define ob_fail_retry(err, code, ...) OB_NEGATIVE((ob_fail_retry)(err, code, __VA_ARGS__))

/* Safe for threads since glibc 2.32, which clang-tidy's list of its functions does not know. */
char *ob_safe_strerror(int code);
#define strerror(code) ob_safe_strerror(code)

/* uthash: to look for a member may find any, and after one is added or removed the head is any. The
 * macros' own code costs analysers most of their time, and they lose count of the members: they
 * take the table for freed, or the head for a member that was removed and freed. */
void *ob_any_member(const void *head);
unsigned ob_any_hash(const void *key, size_t len);
#undef HASH_VALUE
#undef HASH_FIND_BYHASHVALUE
#undef HASH_ADD_KEYPTR_BYHASHVALUE
#undef HASH_DELETE
#define HASH_VALUE(key, len, hash) ((hash) = ob_any_hash(key, len))
#define HASH_FIND_BYHASHVALUE(hh, head, key, len, hash, out)                                       \
    ((void)(hash), (out) = (head) ? ob_any_member(head) : NULL)
#define HASH_ADD_KEYPTR_BYHASHVALUE(hh, head, key, len, hash, member)                              \
    ((void)(hash), (void)(key), (head) = ob_any_member(member))
#define HASH_DELETE(hh, head, member) ((void)(member), (head) = ob_any_member(head))
