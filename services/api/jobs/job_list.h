/* Pages of ListJobs. The cost of a page is limited, however much there is to search: after
 * LIST_EXAMINED_MAX jobs it ends, even if it has found few or none, and says where to continue. */
#pragma once

#include "job_store.h"

#define LIST_EXAMINED_MAX 10000

/* Members that are NULL or 0 match all jobs. */
typedef struct job_filter {
    const char *name;                   /* in lower case, as what follows about names */
    const char *name_from, *name_below; /* a prefix, as a range */
    const char *definition;
    const char *definition_from, *definition_below;
    int revision;
    const char *share;
    int64_t after_ms, before_ms; /* createdAt, both left out; 0: any */
} job_filter;

#define LIST_POSITION_TEXT OB_UUID_TEXT

/* *rows is new, columns JOB_COL_*: at most as many as asked. 'next': where the page behind it
 * begins; "": there is none. */
typedef struct job_page {
    PGresult *rows;
    char next[LIST_POSITION_TEXT];
} job_page;

/* Which page: where it begins, and how many jobs it has at most. */
typedef struct job_cursor {
    const char *position; /* job_page.next of the page before; NULL: the first page */
    int limit;
} job_cursor;

/* For all: newest first, except for children. Errors: -EINVAL: the position is not valid. */

/* Jobs of a queue in a state; only the share of the filter is used. */
int job_list_state(ob_db *db,
                   int64_t queue_id,
                   ob_job_state state,
                   const job_filter *filter,
                   job_cursor cursor,
                   job_page *ret,
                   ob_error *err);

/* Jobs of a queue in whatever state. */
int job_list_filtered(ob_db *db,
                      int64_t queue_id,
                      const job_filter *filter,
                      job_cursor cursor,
                      job_page *ret,
                      ob_error *err);

/* Children of an array in a state, in their order. */
int job_list_children(ob_db *db,
                      job_scope scope,
                      const ob_uuid *array,
                      ob_job_state state,
                      job_cursor cursor,
                      job_page *ret,
                      ob_error *err);
