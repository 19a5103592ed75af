/* Group commit of submissions: callers wait, one thread commits what has gathered. */
#pragma once

#include <stdint.h>

#include "ob/bus.h"
#include "ob/error.h"
#include "ob/id.h"
#include "ob/job.h"

typedef struct submitter submitter;

#define SUBMISSION_DEPS_MAX 20 /* AWS quota: dependencies of a job */

/* What a job waits for; the numbers are stored in job.dep_types. */
typedef enum dep_type {
    DEP_PLAIN = 0,
    DEP_N_TO_N = 1,
    DEP_SEQUENTIAL = 2, /* job: the array itself */
} dep_type;
typedef struct submission_dep {
    ob_job_ref job;
    dep_type type;
} submission_dep;

/* One job to be made durable. Strings are borrowed until submit_wait returns, but for the owned
 * ones. */
typedef struct submission {
    ob_uuid id;
    int64_t queue_id;
    int64_t queue_version; /* what was checked was checked against this one */
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
    char *task_tags;     /* owned: JSON, what its containers are tagged with; NULL: nothing */
    const char *failure; /* statusReason of a job that is accepted only to fail; NULL: it is not */
    const char *key_id; /* access key and amz-sdk-invocation-id of the call; invocation_id NULL: not
                           known */
    const char *invocation_id;
    uint8_t body_hash[32];
} submission;
void submission_done(submission *job);

/* Starts the thread with its own connection. Errors: -errno. */
int submitter_start(const char *conninfo, ob_bus *bus, submitter **ret, ob_error *err);
/* Lets what waits be committed, then ends the thread. */
void submitter_stop(submitter *s);

/* Makes 'job' durable: the row, its inbox row and submit_once in one transaction shared with what
 * else arrived meanwhile (docs/architecture.md, "Requests"). Blocks until that commit is known.
 * *ret_id: the job's id; an earlier one when this is an SDK's repeated try. Errors: -ENOENT (the
 * queue has changed or takes no jobs, or the definition is not the one any more), -EEXIST (the same
 * invocation id with another body, or of a call that was refused), -EIO retriable (PostgreSQL is
 * away). Any thread. */
int submit_wait(submitter *s, const submission *job, ob_uuid *ret_id, ob_error *err);
