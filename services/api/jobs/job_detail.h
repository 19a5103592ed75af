/* A job after its submission: definition, overrides and parameters resolved into the unchanging
 * members of JobDetail. Pure. */
#pragma once

#include "request/operation.h"
#include "request/resolve.h"
#include "submission.h"

/* Bytes of a job's stored text. Ref:: may stand for a long parameter many times; a resolved job
 * must fit into one message to an executor, and into one event. */
#define JOB_DETAIL_MAX (60 * 1024)

/* Resolves a checked SubmitJob body against its definition (AWS: "SubmitJob", parameter merging,
 * overrides): detail, need (of each child for an array), attempts, on_exit, timeout_s,
 * share, priority, task_tags and failure of 'job', whose other members are set. Errors: -EINVAL
 * with the reply filled. */
int job_detail_resolve(const api_request *req,
                       const api_queue *queue,
                       const api_definition *definition,
                       submission *job,
                       api_reply *rep);
