/* Requests as data: one table declares the members of each operation, their types and limits, and
 * which of them OpenBatch does not act on yet. fields_check() holds a request against its table. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "api_error.h"

typedef enum api_kind {
    KIND_STRING, /* min, max: length in characters; pattern: one of the names below; choice: allowed
                    values */
    KIND_INT,    /* min, max: value. 32 bits unless they say more; a real number is refused */
    KIND_NUMBER, /* min, max: value */
    KIND_BOOL,
    KIND_OBJECT, /* of: members */
    KIND_LIST,   /* min, max: entries; item: their kind; of: members of an object entry */
    KIND_MAP,    /* string to string. min, max: entries */
} api_kind;

typedef enum api_field_flags {
    FIELD_REQUIRED = 1, /* absent: "<name> is required." */
    FIELD_LATER = 2, /* not effective yet: anything but an empty value (null, {}, [], "", false, 0)
                        is refused by name */
    FIELD_ANY_CASE =
        4, /* choice is compared without case; the value is replaced by the choice's spelling */
    FIELD_TAGS = 8, /* KIND_MAP: the rules of tags */
} api_field_flags;

typedef struct api_field {
    const char *name; /* NULL ends the table */
    api_kind kind;
    unsigned flags;
    int64_t min, max;         /* both 0: no limit */
    const char *choice;       /* "EC2|SPOT" */
    const char *later_choice; /* values of AWS's that OpenBatch does not act on yet */
    const struct api_field *of;
    api_kind item;
    const char *required_text; /* instead of "<name> is required." */
} api_field;

/* Checks 'body' (an object) against 'fields'. null members count as absent and are removed; unknown
 * members are ignored. Errors: -EINVAL, the reply is a ClientException that names the member by its
 * path ("computeResources.type"). */
int fields_check(const api_field *fields,
                 json_t *body,
                 const char *request_id_or_null,
                 api_reply *rep);

/* Is it one of the empty values: null, {}, [], "", false, 0? */
bool json_is_nothing(const json_t *value);
