/* Tables in: decodes a JSON object into a struct by a table; errors name the field. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "ob/error.h"

typedef enum ob_json_kind {
    OB_JSON_STRING,  /* const char *, borrowed from the object */
    OB_JSON_INT,     /* int64_t; a real number is refused */
    OB_JSON_BOOL,    /* bool */
    OB_JSON_ARRAY,   /* json_t *, borrowed */
    OB_JSON_OBJECT,  /* json_t *, borrowed */
    OB_JSON_STRINGS, /* json_t * array whose elements are all strings, borrowed */
    OB_JSON_MAP,     /* json_t * object whose values are all strings, borrowed */
} ob_json_kind;

typedef struct ob_json_field {
    const char *name; /* NULL ends the table */
    ob_json_kind kind;
    size_t offset;
    bool required;
    size_t set_offset; /* of a bool that is set when the member is there; 0 = none */
} ob_json_field;

/* Fills 'out' (zeroed by the caller). null members count as absent, unknown members are ignored.
 * Errors: -EINVAL; the text names the member, e.g. "jobName must be a string". */
int ob_json_decode(const json_t *obj, const ob_json_field *fields, void *out, ob_error *err);

/* jansson with limits: depth, duplicate keys allowed (last wins), body size checked by the caller.
 */
int ob_json_parse(const char *data, size_t len, json_t **ret, ob_error *err);
