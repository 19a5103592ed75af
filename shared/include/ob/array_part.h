/* An array that is a part of another one: "3,7,11-18/40" says that its children have these indexes,
 * in this order, of an array of 40. It is the value of an environment variable, so any client can
 * submit one (docs/aws-batch.md). */
#pragma once

#include <stdbool.h>

#define OB_ARRAY_PART "OPENBATCH_ARRAY_PART"

/* Indexes rise, and each is below the size. Fills the number of indexes, the index in 'position'
 * (-1: there is none) and the size. False: it is malformed, and nothing is filled. Pure. */
bool ob_array_part_read(const char *text, int position, int *ret_n, int *ret_index, int *ret_size);
