/* Reads job.detail (a JSON object, as the api wrote it) without building it: its members are copied
 * unchanged into specs and events. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct detail_span {
    const char *at;
    size_t len;
} detail_span;

/* Iterates over the members of a JSON object: *pos starts at the object's text. False: there are no
 * more, or the text is not an object. key is without its quotes, value as it is written. */
bool detail_next(const char **pos, detail_span *key, detail_span *value);
/* The member 'name' of the object at 'object'. */
bool detail_get(const char *object, const char *name, detail_span *ret_value);
bool detail_is(const detail_span *span, const char *text);
/* The value of a string member without its quotes (names and ARNs contain no escapes); empty if
 * missing. */
detail_span detail_string(const char *object, const char *name);

/* The parts of arn:aws:batch:<region>:<account>:<kind>/<name>. */
typedef struct detail_arn {
    detail_span region, account, name;
} detail_arn;
detail_arn detail_arn_of(const char *object, const char *name);
