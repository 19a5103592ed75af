/* Changes to a request's body that its operation's table suggests (request/fields.h): members,
 * kinds and limits, so that most of what comes out gets past the first checks. For libFuzzer's
 * custom mutators. */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "request/fields.h"

/* libFuzzer's own mutator; absent when kept inputs are replayed. */
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

/* Changes one to three members. */
void body_mutate(const api_field *fields, json_t *body, unsigned seed);
