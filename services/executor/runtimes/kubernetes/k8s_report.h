/* What DescribeJobs shows of a pod. Pure. */
#pragma once

#include <jansson.h>

/* As runtime_callbacks.pod gives it (ob/pod.h): new. Only containers that were made are in it,
 * and not empty lists: so a report of very many pods stays within what its readers accept
 * (docs/messages.md, batch.executions). */
json_t *k8s_report_make(const json_t *pod);
