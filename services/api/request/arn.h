/* ARNs and names. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define API_NAME_MAX 129 /* 128 and NUL */
#define API_ARN_MAX 384
#define ARN_KIND_MAX 40
#define LOG_NAME_MAX 513 /* 512 and NUL */

/* Each writes at most API_ARN_MAX bytes to 'out'. */
void arn_compute_environment(char *out, const char *region, const char *account, const char *name);
void arn_job_queue(char *out, const char *region, const char *account, const char *name);
void arn_scheduling_policy(char *out, const char *region, const char *account, const char *name);
void arn_job_definition(
    char *out, const char *region, const char *account, const char *name, int revision);
/* ref: <jobId> or <jobId>:<index>. */
void arn_job(char *out, const char *region, const char *account, const char *ref);
/* cluster: <environment>_Batch_<uuid>. */
void arn_ecs_cluster(char *out, const char *region, const char *account, const char *cluster);
void arn_ecs_task(
    char *out, const char *region, const char *account, const char *cluster, const char *task);
void arn_ecs_container_instance(
    char *out, const char *region, const char *account, const char *cluster, const char *id);

/* A parsed arn:<partition>:batch:<region>:<account>:<kind>/<rest>. Pointers into the text given;
 * not NUL-terminated. */
typedef struct arn_parts {
    char region[64];
    char account[32];
    char kind[ARN_KIND_MAX]; /* "job-queue" */
    const char *rest;        /* the end of the text */
} arn_parts;
bool arn_is(const char *text); /* begins with "arn:" */
bool arn_parse(const char *text, arn_parts *ret);

/* Takes a name or an ARN of 'kind' and returns the name part: *ret points into 'text'. False: an
 * ARN of another kind, account or region, so it names nothing of the caller's. */
bool arn_or_name(
    const char *text, const char *kind, const char *region, const char *account, const char **ret);

/* The log group that 'text' means for this caller: a name or, if 'or_arn', an ARN
 * arn:<partition>:logs:<region>:<account>:log-group:<name>[:*]. New; NULL: not a valid name (AWS:
 * [.\-_/#A-Za-z0-9]+, at most 512), or an ARN of something else or of another caller. */
char *arn_log_group(const char *text, bool or_arn, const char *region, const char *account);

/* ^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$: names of environments, queues and definitions; job names too.
 */
bool name_is_valid(const char *name);

/* Splits <name> or <name>:<revision>. *ret_revision is 0 without one. False: neither. */
bool definition_name_split(const char *text, char name[API_NAME_MAX], int *ret_revision);
