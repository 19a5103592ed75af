/* Where a run's output goes in CloudWatch Logs. It follows from the job and the run, so writer and
 * readers agree without messages (AWS Batch user guide, "Use the awslogs log driver"). Pure: any
 * thread. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "ob/id.h"

#define OB_LOG_GROUP "/aws/batch/job" /* if the job names none */

/* The line in place of a run's output past the limit (a long long). */
#define OB_LOG_LIMIT_LINE                                                                          \
    "[OpenBatch: the limit of %lld bytes of output is reached; what follows is not kept]"

/* The prefix of the names of a job's streams: the driver's option, or else the first 200 characters
 * of the definition's name. configuration: the job's logConfiguration, or NULL. New; NULL: another
 * driver sends the output. */
char *ob_log_prefix(const json_t *configuration, const char *definition);

/* <prefix>/default/<task id>. New. */
char *ob_log_stream(const char *prefix, const ob_run_ref *run);

/* The job's group, and its region if it names none: both borrowed. */
const char *ob_log_group(const json_t *configuration);
const char *ob_log_region(const json_t *configuration, const char *region);
