/* Where a run's output goes in CloudWatch Logs: it follows from the job and the run, so that who
 * writes and who reads agree without telling each other (AWS Batch user guide, "Use the awslogs log
 * driver"). Pure: any thread. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "ob/id.h"

#define OB_LOG_GROUP "/aws/batch/job" /* when the job names none */

/* What the names of a job's streams begin with: the driver's option, else the first 200 characters
 * of the definition's name. configuration: its logConfiguration, or NULL. New; NULL: its output is
 * another driver's to send. */
char *ob_log_prefix(const json_t *configuration, const char *definition);

/* <prefix>/default/<task id>. New. */
char *ob_log_stream(const char *prefix, const ob_run_ref *run);

/* The job's group, and its region where it names none: both borrowed. */
const char *ob_log_group(const json_t *configuration);
const char *ob_log_region(const json_t *configuration, const char *region);
