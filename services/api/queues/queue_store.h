/* Job queues in PostgreSQL. */
#pragma once

#include "queues_sql.h"
#include "request/arn.h"
#include "request/operation.h"
#include "request/store.h"

/* What a user wants and what has become of it. 'body' is owned. */
typedef struct api_wanted_queue {
    int64_t id;
    char name[API_NAME_MAX];
    bool enabled;
    int priority;
    int64_t ce_ids[8];
    size_t n_ces;
    int64_t policy_id; /* 0: none */
    json_t *body;      /* {"computeEnvironmentOrder":[],"schedulingPolicyArn":"","jobQueueType":"",
                          "jobStateTimeLimitActions":[],"tags":{}} */
    bool deleting;
    bool has_status, valid, current;
    char reason[512];
} api_wanted_queue;
void api_wanted_queue_done(api_wanted_queue *q);

/* Columns JQ_COL_* into a struct. */
int queue_from_row(const PGresult *res, int row, api_wanted_queue *ret, ob_error *err);
int queue_find(api_request *req, const char *name, bool lock, api_wanted_queue *ret, ob_error *err);
int queue_list(api_request *req, const store_selection *which, PGresult **ret, ob_error *err);
/* How many jobs they have, by state: COUNTED_COL_*. */
int queue_counted(api_request *req, const store_selection *which, PGresult **ret, ob_error *err);
#define QUEUES_MAX 50 /* AWS quota, of a region */
/* New row and inbox row, inside store_tx. Errors: -EEXIST; -EDQUOT: there are QUEUES_MAX. */
int queue_insert(api_request *req, const api_wanted_queue *q, ob_error *err);
int queue_update(api_request *req, const api_wanted_queue *q, ob_error *err);

/* What an operation on jobs has to know of the queue of that name: one row (QUEUE_COL_*) or none; a
 * deleted one while it is DELETING. *ret is new. */
int queue_of_jobs(ob_db *db,
                  const char *account,
                  const char *region,
                  const char *name,
                  PGresult **ret,
                  ob_error *err);

/* May a job of this share enter a fair-share queue, of which 'max' shares may be active? Shares
 * that the scheduler has not seen yet are not counted. */
int queue_share_fits(
    ob_db *db, int64_t queue_id, const char *share, int max, bool *ret, ob_error *err);

/* The front of a queue, as the scheduler wrote it: one row (body, updated_at_ms) or none. *ret is
 * new. */
int queue_snapshot(ob_db *db, int64_t queue_id, PGresult **ret, ob_error *err);
