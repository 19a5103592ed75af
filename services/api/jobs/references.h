/* References of a job's command to its parameters: Ref::name. Pure. */
#pragma once

#include <jansson.h>

#include "request/errors.h"

/* Parameters, prepared for fast look-up. Borrows them. */
typedef struct references {
    const json_t *values;
    bool *has_length; /* is there a name of this length? */
    size_t longest;
} references;
void references_init(references *p, const json_t *values);
void references_done(references *p);

/* Bytes of values, and of the references that they stand in place of. */
typedef struct references_extent {
    size_t values, references;
} references_extent;

/* Adds what replacing all references in a list of words would take: a short reference may stand for
 * a long value many times. Errors: -EINVAL with the reply, a parameter is missing. */
int references_measure(const references *p,
                       const json_t *words,
                       references_extent *ret,
                       api_reply *rep);
/* Replaces them. Errors: the same. */
int references_replace(const references *p, json_t *words, api_reply *rep);
