/* The metrics of all services of this host. */
#pragma once

#include "ob/metrics.h"

/* Appends a page with this process's metrics and those of each service that has a socket for them
 * in 'run_dir'. A service that does not answer is missing, and openbatch_service_up says so. Waits
 * for some seconds at most. Any thread; one caller at a time is served. */
void metrics_gather(const char *run_dir, ob_metric_page page, ob_buf *out);
/* For whom. Each kind has places of its own, so that a crowd of one does not shut out the other. */
typedef enum gather_for { GATHER_FOR_SCRAPES, GATHER_FOR_PAGES } gather_for;
/* The same, unless some others of this kind wait for theirs: then false, and nothing is appended.
 * For requests: more of them would only hold threads. */
bool metrics_gather_in_turn(gather_for kind, const char *run_dir, ob_metric_page page, ob_buf *out);
