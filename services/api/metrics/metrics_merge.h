/* Pages of metrics from several processes become one. */
#pragma once

#include "ob/buf.h"

typedef struct metrics_merge metrics_merge;

metrics_merge *metrics_merge_new(void);
/* Takes a page in Prometheus' text format. What is not of that form is left out. */
void metrics_merge_add(metrics_merge *m, const char *page, size_t len);
/* Appends all of it: each metric once, with the lines of all pages behind its HELP and TYPE. */
void metrics_merge_show(const metrics_merge *m, ob_buf *out);
void metrics_merge_free(metrics_merge *m);
