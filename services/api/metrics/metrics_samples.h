/* Chosen series of a page of metrics, as JSON. */
#pragma once

#include <jansson.h>

/* page: Prometheus' text format. names: ends with NULL. A list of {"name", "labels", "value"}, in
 * the page's order; lines of another form and values that are no numbers are left out. *ret is new.
 * Pure. */
json_t *metrics_samples(const char *page, const char *const *names);
