/* What a job is from its submission on: definition, overrides and parameters resolved into the
 * unchanging members of JobDetail. Pure. */
#pragma once

#include "request/operation.h"
#include "request/resolve.h"
#include "submit.h"

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
 * container overrides): detail, need (of each child for an array), attempts, on_exit, timeout_s,
 * share, priority, task_tags and failure of 'job', whose other members are set. Errors: -EINVAL
 * with the reply filled. */
int job_detail_resolve(const api_request *req,
                       const api_queue *queue,
                       const api_definition *definition,
                       submission *job,
                       api_reply *rep);
