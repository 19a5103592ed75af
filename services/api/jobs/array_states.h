/* All children of an array as a text: a letter a child, in the order of their indexes
 * (docs/access.md, "The picture of an array"). */
#pragma once

/* Most children of an array (AWS quota). */
#define ARRAY_CHILDREN_MAX 10000

/* bulk: the letter of children that 'others' does not have. others: index and letter of the rest,
 * "3R17F", in any order; an index that the array does not have is left out. A new text. */
char *array_states_text(int size, char bulk, const char *others);
