/* Numbers in rows of PostgreSQL that more than one file writes or reads, each defined once. SQL
 * uses them by name (:OB_JOB_RUNNING, see tools/embed_queries.py). Stored numbers stay valid: never
 * give a number another meaning. */
#pragma once

/* live.state, done.state, job_event.state and bulk_state: AWS's seven states (docs: "Job states" in
 * the AWS Batch user guide) */
typedef enum ob_job_state {
    OB_JOB_SUBMITTED = 0,
    OB_JOB_PENDING = 1,
    OB_JOB_RUNNABLE = 2,
    OB_JOB_STARTING = 3,
    OB_JOB_RUNNING = 4,
    OB_JOB_SUCCEEDED = 5,
    OB_JOB_FAILED = 6,
} ob_job_state;
#define OB_JOB_STATE_COUNT 7

/* instance.state: the life cycle of an instance */
typedef enum ob_instance_state {
    OB_INSTANCE_LAUNCHING = 0,
    OB_INSTANCE_ACTIVE = 1,
    OB_INSTANCE_DRAINING = 2,
    OB_INSTANCE_LOST = 3,
    OB_INSTANCE_TERMINATED = 4,
} ob_instance_state;

/* live.flags, done.flags */
typedef enum ob_job_flag {
    OB_FLAG_CANCELLED = 1,
    OB_FLAG_TERMINATED = 2,
    OB_FLAG_TIMED_OUT = 4, /* the scheduler has stopped it for its timeout */
} ob_job_flag;

/* job.dep_types: how a job depends on the job in the same entry of dep_ids */
typedef enum ob_dep_type {
    OB_DEP_PLAIN = 0,
    OB_DEP_N_TO_N = 1,     /* child i waits for child i of the other array */
    OB_DEP_SEQUENTIAL = 2, /* the entry is the array itself: child i waits for child i - 1 */
} ob_dep_type;

/* inbox.consumer */
typedef enum ob_inbox_consumer {
    OB_INBOX_SCHEDULER = 1,
    OB_INBOX_SCALER = 2,
} ob_inbox_consumer;

/* inbox.kind: the event or the request */
typedef enum ob_inbox_kind {
    OB_INBOX_SUBMIT = 1,
    OB_INBOX_CANCEL = 2,
    OB_INBOX_TERMINATE = 3,
    OB_INBOX_QUEUE = 4,         /* a queue was created or changed */
    OB_INBOX_ENVIRONMENT = 5,   /* a compute environment was created or changed */
    OB_INBOX_INTERRUPT = 6,     /* an instance is to be interrupted */
    OB_INBOX_STOP_MATCHING = 7, /* all jobs that match a stop_request are to be stopped */
    OB_INBOX_DEPENDENTS = 8,    /* a question: who waits for the job? A row of answer answers it */
} ob_inbox_kind;

/* queue_usage, ce_usage: how long a point is kept */
#define OB_USAGE_KEPT_S (7 * 24 * 3600)

/* Advisory locks with two numbers: a class, and the object of that class that is locked. */
typedef enum ob_lock {
    OB_LOCK_LEADING = 28514, /* the class; the second number is an ob_role */
} ob_lock;
typedef enum ob_role {
    OB_ROLE_SCHEDULER = 1,
    OB_ROLE_SCALER = 2,
} ob_role;

/* Advisory locks with one number: a hash of names, seeded with one of these for what is locked, so
 * that different objects with the same name do not wait for each other. */
typedef enum ob_lock_of {
    OB_LOCK_DEFINITION = 5, /* account, region, name: registering revisions one by one */
    OB_LOCK_REGION = 6,     /* account, region: counting before something is created */
    OB_LOCK_JOB_TAGS = 8,   /* job: changing its tags */
} ob_lock_of;

/* With one number, alone: an api brings the schema up to date. */
#define OB_LOCK_MIGRATING 7309453
