/* Numbers that stand in rows of PostgreSQL and that more than one file writes or reads, each in one
 * place. What is stored stays: a number is never given another meaning. States are in ob/job.h. */
#pragma once

/* live.flags, done.flags */
typedef enum ob_job_flag {
    OB_FLAG_CANCELLED = 1,
    OB_FLAG_TERMINATED = 2,
    OB_FLAG_TIMED_OUT = 4, /* the scheduler has stopped it for its timeout */
} ob_job_flag;

/* job.dep_types: how a job depends on what the entry of dep_ids names */
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

/* inbox.kind: what has happened, or is asked for */
typedef enum ob_inbox_kind {
    OB_INBOX_SUBMIT = 1,
    OB_INBOX_CANCEL = 2,
    OB_INBOX_TERMINATE = 3,
    OB_INBOX_QUEUE = 4,       /* a queue was made or changed */
    OB_INBOX_ENVIRONMENT = 5, /* a compute environment was made or changed */
    OB_INBOX_INTERRUPT = 6,   /* an instance is to be interrupted */
} ob_inbox_kind;
