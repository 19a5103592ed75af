/* Quantities of Kubernetes: "100m", "1.5", "2Gi", "1e3". Pure: any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The quantity in thousandths; one that does not fit is INT64_MAX. up: a part of a thousandth
 * counts as a whole one. Returns false if the text is no quantity, or a negative one. */
bool node_quantity(const char *text, bool up, int64_t *ret);
