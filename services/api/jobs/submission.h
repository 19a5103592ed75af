/* A job that is being stored in the database. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ob/id.h"
#include "ob/job.h"
#include "ob/rows.h"

#define SUBMISSION_DEPS_MAX 20 /* AWS quota: dependencies of a job */

typedef struct submission_dep {
    ob_job_ref job;
    ob_dep_type type;
} submission_dep;

/* One job to be stored. Strings are borrowed until submit_wait returns, except for the owned
 * ones. */
typedef struct submission {
    ob_uuid id;
    const char *account, *region;
    int64_t queue_id;
    int64_t queue_version; /* the version that the checks used */
    int64_t definition_id;
    bool latest; /* the definition was named without a revision: it must still be the latest */
    const char *definition; /* name, without revision */
    int revision;
    const char *name;
    int32_t array_size; /* 0: a single job */
    ob_resources need;
    int64_t created_at_ms;
    char *detail;  /* owned: the job's unchanging JobDetail members (job_detail.h) */
    int attempts;  /* in all */
    char *on_exit; /* owned: JSON of evaluateOnExit; NULL: none */
    int timeout_s; /* of an attempt; 0: none */
    const char *share;
    int priority;
    submission_dep deps[SUBMISSION_DEPS_MAX];
    size_t n_deps;
    char *task_tags; /* owned: JSON, the tags of its containers; NULL: none */
    const char *
        failure; /* statusReason of a job that is accepted and then fails; NULL: it does not fail */
    const char *traceparent; /* of the call, valid; NULL: none */
    const char *key_id; /* access key and amz-sdk-invocation-id of the call; invocation_id NULL: not
                           known */
    const char *invocation_id;
    uint8_t body_hash[32];
} submission;
void submission_done(submission *job);
