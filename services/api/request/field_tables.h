/* How to write the tables of members (*_operations.c, *_fields.c). A member works by default: KEPT
 * makes it stored and shown only, REFUSE not supported. .why goes to docs/compatibility.md. */
#pragma once

#include "fields.h"

#define STRING(n, ...)                                                                             \
    {                                                                                              \
        .name = n, .kind = KIND_STRING, ##__VA_ARGS__                                              \
    }
#define INT(n, ...)                                                                                \
    {                                                                                              \
        .name = n, .kind = KIND_INT, ##__VA_ARGS__                                                 \
    }
#define LONG(n, ...)                                                                               \
    {                                                                                              \
        .name = n, .kind = KIND_INT, .min = 0, .max = INT64_MAX / 1024, ##__VA_ARGS__              \
    }
#define NUMBER(n, ...)                                                                             \
    {                                                                                              \
        .name = n, .kind = KIND_NUMBER, ##__VA_ARGS__                                              \
    }
#define BOOL(n, ...)                                                                               \
    {                                                                                              \
        .name = n, .kind = KIND_BOOL, ##__VA_ARGS__                                                \
    }
#define MAP(n, ...)                                                                                \
    {                                                                                              \
        .name = n, .kind = KIND_MAP, ##__VA_ARGS__                                                 \
    }
#define OBJECT(n, members, ...)                                                                    \
    {                                                                                              \
        .name = n, .kind = KIND_OBJECT, .of = members, ##__VA_ARGS__                               \
    }
#define STRINGS(n, ...)                                                                            \
    {                                                                                              \
        .name = n, .kind = KIND_LIST, .item = KIND_STRING, ##__VA_ARGS__                           \
    }
#define OBJECTS(n, members, ...)                                                                   \
    {                                                                                              \
        .name = n, .kind = KIND_LIST, .item = KIND_OBJECT, .of = members, ##__VA_ARGS__            \
    }
#define REFUSE(n, ...)                                                                             \
    {                                                                                              \
        .name = n, .support = REFUSED, ##__VA_ARGS__                                               \
    }
#define TAGS(n)                                                                                    \
    {                                                                                              \
        .name = n, .kind = KIND_MAP, .flags = FIELD_TAGS                                           \
    }
#define REQUIRED .flags = FIELD_REQUIRED
#define KEPT .support = STORED
#define STATE STRING("state", .choice = "ENABLED|DISABLED", .flags = FIELD_ANY_CASE)
/* page_read has the maximum; larger values are allowed. */
#define PAGE INT("maxResults", .min = 1, .max = INT32_MAX), STRING("nextToken")
#define END                                                                                        \
    {                                                                                              \
        0                                                                                          \
    }

/* Notes that several members share. */
#define WHY_ROLES "jobs use the credentials of the machine; there are no roles to assume"
#define WHY_PARTS "such definitions are stored and shown, but SubmitJob refuses them"
