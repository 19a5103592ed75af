/* The last changes of jobs, as the messages of batch.job-state tell them, and what a tab hears of
 * them. Pure; the owner locks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ob/buf.h"

#define CHANGES_KEPT 8192
#define CHANGE_QUEUE_TEXT 256
#define CHANGE_JOB_TEXT 56  /* <uuid> or <uuid>:<index> */
#define CHANGE_JOBS_MAX 100 /* a message names at most so many jobs */

typedef struct job_change {
    char queue[CHANGE_QUEUE_TEXT]; /* its ARN */
    char job[CHANGE_JOB_TEXT];     /* empty: the front of the queue is blocked */
    uint8_t state;                 /* ob_job_state */
} job_change;

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
    uint64_t next;
} change_reader;

/* Appends one message with all changes of the reader's queues since the last one; nothing, if there
 * are none. True: something was appended. */
bool changes_tell(const changes *c, change_reader *reader, ob_buf *out);
