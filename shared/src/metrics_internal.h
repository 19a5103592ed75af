/* Shared by metrics.c, metrics_text.c, metrics_process.c and metrics_socket.c. */
#pragma once

#include "ob/metrics.h"

typedef struct metrics_table {
    ob_metric *at;
    size_t n;
    struct metrics_table *next;
} metrics_table;

/* The value of that label. */
const char *metrics_value(const ob_series *s, size_t label);
/* Those of ob_metrics_on_show are called. */
void metrics_ask_watchers(void);
/* Calls fn for each registered metric, with the registry's lock held. */
void metrics_each(void (*fn)(const ob_metric *m, void *arg), void *arg);
/* Values that found no series to be counted in, because there were too many. */
uint64_t metrics_beyond(void);
/* All tables and series. */
void metrics_forget(void);

/* Sets the metrics of the process itself; registers them the first time. */
void metrics_process(void);
