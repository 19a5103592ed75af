/* What a job is from its submission on: definition, overrides and parameters resolved into the
 * unchanging members of JobDetail. Pure. */
#pragma once

#include <jansson.h>

#include "api_error.h"
#include "ob/id.h"
#include "ob/job.h"
#include "resolve.h"

#define JOB_DETAIL_PREFIX_MAX 512

/* Stored text of a job: {"jobArn":"...","jobId":"...",<members>,"container":{...}}. The two first
 * members and the last one stand where they are, so that a reader can put a child's ids in front
 * and the run-time members behind without parsing it. */

/* {"jobArn":"arn:aws:batch:<region>:<account>:job/ : what all jobs of a scope begin with. */
void job_detail_scope(char out[JOB_DETAIL_PREFIX_MAX], const char *region, const char *account);
/* The two first members with ids of 'ref' (<jobId> or <jobId>:<index>), with the comma behind. */
void job_detail_prefix(char out[JOB_DETAIL_PREFIX_MAX],
                       const char *region,
                       const char *account,
                       const char *ref);

/* Resolves a checked SubmitJob body against its definition (AWS: "SubmitJob", parameter merging,
 * container overrides). *ret_detail is new; *ret_need is what the job asks of an instance, of each
 * child for an array. Errors: -EINVAL with the reply filled. */
int job_detail_new(const json_t *body,
                   const api_definition *definition,
                   const api_queue *queue,
                   const char *region,
                   const char *account,
                   const ob_uuid *id,
                   int64_t created_at_ms,
                   char **ret_detail,
                   ob_resources *ret_need,
                   api_reply *rep);

/* vCPUs, memory and GPUs of a container object: resourceRequirements, else the older vcpus and
 * memory. Missing ones are 0. */
ob_resources container_need(const json_t *container);
