/* How the stored text of a job (job.detail) begins and ends. Pure. */
#pragma once

#define JOB_DETAIL_PREFIX_MAX 512

/* Stored text of a job: {"jobArn":"...","jobId":"...",<members>,"container":{...}}. The first two
 * members and the last one have fixed positions, so that a reader can put a child's ids in front
 * and the run-time members at the end without parsing it. The last member of an EKS job is
 * "eksProperties":{"podProperties":{...}} instead. */

/* The first two members with the ids of 'ref' (<jobId> or <jobId>:<index>), with a comma at the
 * end. */
void job_detail_prefix(char out[JOB_DETAIL_PREFIX_MAX],
                       const char *region,
                       const char *account,
                       const char *ref);
