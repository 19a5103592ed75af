/* How the stored text of a job (job.detail) begins and ends. Pure. */
#pragma once

#define JOB_DETAIL_PREFIX_MAX 512

/* Stored text of a job: {"jobArn":"...","jobId":"...",<members>,"container":{...}}. The two first
 * members and the last one stand where they are, so that a reader can put a child's ids in front
 * and the run-time members behind without parsing it. */

/* The two first members with ids of 'ref' (<jobId> or <jobId>:<index>), with the comma behind. */
void job_detail_prefix(char out[JOB_DETAIL_PREFIX_MAX],
                       const char *region,
                       const char *account,
                       const char *ref);
