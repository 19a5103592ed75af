/* The jobs of events. A job's row never changes, and most of what an event shows of it is the same
 * in each of its events: it is read once for the events that are published together, and rendered
 * once. One owner thread. */
#pragma once

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "detail.h"
#include "ob/buf.h"
#include "ob/db.h"
#include "ob/id.h"

/* Where an event inserts members of its own. */
typedef enum event_gap_kind {
    EVENT_GAP_RUN, /* at the end of container */
    EVENT_GAP_ARN, /* at the end of tags */
} event_gap_kind;
#define EVENT_GAPS_MAX 2

typedef struct event_gap {
    event_gap_kind kind;
    bool is_first; /* the object has no other members */
    size_t at;     /* in the text */
} event_gap;

/* The members of the detail that events copy. */
typedef struct event_members {
    ob_buf text; /* each begins with a comma */
    event_gap gaps[EVENT_GAPS_MAX];
    size_t n_gaps;
} event_members;

typedef struct event_job {
    char key[OB_UUID_TEXT]; /* the id, as text */
    ob_uuid id;
    char *detail; /* NULL: there is no such job (any more) */
    size_t detail_len;
    char *definition;
    int64_t array_size;
    detail_arn arn;           /* region and account */
    detail_span stream;       /* how the names of its log streams begin, as written in JSON */
    bool has_stream;          /* else its output goes elsewhere */
    bool is_eks;              /* its events have a pod in place of a container */
    event_members members[2]; /* whole, lean; rendered when they are needed */
    bool wanted;              /* by the events that are being published */
    UT_hash_handle hh;
} event_job;

/* The jobs of the events that were published last, by id. Zero-initialise it. */
typedef struct event_jobs {
    event_job *all;
} event_jobs;

/* Reads the jobs of these rows of store_events; those that are known already stay, the others go.
 * Errors: those of ob_db_exec. */
int event_jobs_read(event_jobs *jobs, ob_db *db, const PGresult *events, ob_error *err);
/* Takes the rows of store_subjects instead of reading them. */
void event_jobs_take(event_jobs *jobs, const PGresult *subjects);
/* Forgets those that take much memory. */
void event_jobs_shrink(event_jobs *jobs);
void event_jobs_done(event_jobs *jobs);

/* NULL: retention has deleted it. Borrowed until the next call of one of the above. */
event_job *event_jobs_find(const event_jobs *jobs, const char *id);

/* lean: without the largest submitted parts (docs/messages.md). */
const event_members *event_job_members(event_job *job, bool lean);
