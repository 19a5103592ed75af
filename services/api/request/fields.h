/* Requests as data: one table declares the members of each operation, their types and limits, and
 * the members that OpenBatch does not support yet. fields_check() checks a request with its
 * table. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "errors.h"

typedef enum api_kind {
    KIND_STRING, /* min, max: length in characters; choice: allowed values */
    KIND_INT,    /* min, max: value; 32 bits if both are 0; a real number is refused */
    KIND_NUMBER, /* min, max: value */
    KIND_BOOL,
    KIND_OBJECT, /* of: members */
    KIND_LIST,   /* min, max: entries; item: their kind; choice: of strings; of: of objects */
    KIND_MAP,    /* string to string. min, max: entries */
} api_kind;

typedef enum api_field_flags {
    FIELD_REQUIRED = 1, /* absent: "<path> is required.", or 'text' */
    FIELD_ANY_CASE =
        2,          /* choice is compared without case; the value becomes the choice's spelling */
    FIELD_TAGS = 4, /* KIND_MAP: the rules of tags */
} api_field_flags;

/* Support for a member, as in docs/compatibility.md. */
typedef enum api_support {
    WORKS,   /* it has its effect */
    STORED,  /* checked, stored and shown again; it has no effect here */
    REFUSED, /* all but an empty value (null, {}, [], "", false, 0) is refused: "<path> is not
                supported by OpenBatch yet.", or 'text' */
} api_support;

typedef struct api_field_where {
    const char *path;       /* "containerProperties.resourceRequirements" */
    const char *request_id; /* not NULL: errors come in AWS's long form */
    api_reply *rep;
} api_field_where;

/* Fails with a ClientException in the form that the operation uses. Returns -EINVAL. */
__attribute__((format(printf, 2, 3))) int
field_refuse(const api_field_where *where, const char *fmt, ...);

typedef struct api_field {
    const char *name; /* NULL ends the table */
    api_kind kind;
    api_support support;
    unsigned flags;
    int64_t min, max;           /* both 0: no limit */
    int64_t refused_above;      /* KIND_INT, not 0: greater values are REFUSED */
    const char *choice;         /* "EC2|SPOT" */
    const char *refused_choice; /* values of AWS's that are REFUSED */
    const struct api_field *of;
    api_kind item;
    const char *text;
    const char *why; /* a note for docs/compatibility.md */
    /* A check that a table cannot express; called last, with a value of the right type. */
    int (*check)(json_t *value, const api_field_where *where);
} api_field;

/* Checks 'body' (an object) with 'fields'. null members count as absent and are removed; unknown
 * members are ignored. Errors: -EINVAL, the reply is a ClientException that names the member by its
 * path ("computeResources.type"). request_id: NULL, or the id for the long form of errors. */
int fields_check(const api_field *fields, json_t *body, const char *request_id, api_reply *rep);

/* The members of 'object' that are in the table and effective, at all depths. *ret is new. */
json_t *fields_copy(const api_field *fields, const json_t *object);
/* The members of an object or list member; NULL: the table has no such member. */
const api_field *fields_of(const api_field *fields, const char *name);

/* Is it one of the empty values: null, {}, [], "", false, 0? */
bool json_is_nothing(const json_t *value);
