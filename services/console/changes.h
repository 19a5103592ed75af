/* The last changes of jobs, as the messages of batch.job-state tell them, and what a tab hears of
 * them. Pure; the owner locks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ob/buf.h"
#include "ob/job.h"

#define CHANGES_KEPT 8192
#define CHANGE_QUEUE_TEXT 256
#define CHANGE_JOB_TEXT 56 /* <uuid> or <uuid>:<index> */
#define CHANGE_REASON_TEXT 256
#define CHANGE_JOBS_MAX 100                       /* a message names at most so many jobs */
#define CHANGE_EVENTS_MAX 100                     /* and tells so many events whole */
#define CHANGE_EVENTS_PAST (CHANGES_KEPT / 8 * 7) /* a new reader of events looks back so far */

typedef struct job_change {
    char queue[CHANGE_QUEUE_TEXT]; /* its ARN */
    char job[CHANGE_JOB_TEXT];
    char reason[CHANGE_REASON_TEXT]; /* may come from the job; any bytes but NUL */
    int64_t at_s;                    /* 0: not known */
    uint8_t state;                   /* ob_job_state */
    bool blocked;                    /* the job is at the front of the queue, which is blocked */
} job_change;

/* Kinds of changes: the bit of a state, and this one. */
#define CHANGE_KIND(state) (1U << (state))
#define CHANGE_KIND_BLOCKED CHANGE_KIND(OB_JOB_STATE_COUNT)
#define CHANGE_KINDS_ALL (2 * CHANGE_KIND_BLOCKED - 1)
/* "FAILED", "BLOCKED"; 0: there is no such kind. */
unsigned change_kind(const char *name);

/* Reads a message. False: it is none of a job or a queue, or its members are not ours. */
bool change_read(const char *data, size_t len, job_change *ret);

typedef struct changes {
    job_change last[CHANGES_KEPT];
    uint64_t next; /* the number of the next one */
} changes;
void changes_add(changes *c, const job_change *one);

/* What a tab has heard, and of which queues it may hear. */
typedef struct change_reader {
    char (*queues)[CHANGE_QUEUE_TEXT];
    size_t n_queues;
    unsigned events; /* the kinds that are told whole; 0: none */
    uint64_t next;
    bool is_new; /* it looks back: what is cut then is not told as cut */
} change_reader;

/* Appends one message with all changes of the reader's queues since the last one; nothing, if there
 * are none. True: something was appended. */
bool changes_tell(const changes *c, change_reader *reader, ob_buf *out);
