/* Times of RFC 3339, as container engines and clusters write them. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The time in ns since the epoch; 0 for the zero time, for a time that ns since the epoch
 * cannot express, and for text that is not a time. *ret_end, if not NULL, is the rest of the text
 * after a time. */
int64_t rfc3339_ns(const char *text, size_t len, const char **ret_end);
