/* Scheduling policies in PostgreSQL. */
#pragma once

#include "policies_sql.h"
#include "request/arn.h"
#include "request/operation.h"
#include "request/store.h"

/* 'body' is owned. */
typedef struct sched_policy {
    int64_t id;
    char name[API_NAME_MAX];
    json_t *body; /* {"fairsharePolicy":{},"tags":{}} */
} sched_policy;
void sched_policy_done(sched_policy *p);

typedef enum sched_policy_lock {
    SCHED_POLICY_READ,
    SCHED_POLICY_SHARE,  /* it cannot be deleted until the transaction ends */
    SCHED_POLICY_CHANGE, /* no other transaction changes it or starts to use it meanwhile */
} sched_policy_lock;

/* The policy whose ARN is in the request's 'member'. Locks: inside store_tx. Errors: -ENOENT, the
 * reply is "<ARN> does not exist". */
int sched_policy_named(api_request *req,
                       const char *member,
                       sched_policy_lock lock,
                       sched_policy *ret,
                       api_reply *rep);
/* Errors: -EEXIST. */
int sched_policy_insert(api_request *req, const sched_policy *p, ob_error *err);
/* Stores the new body and informs the scheduler about each queue that uses it. Inside store_tx,
 * locked. */
int sched_policy_update(api_request *req, const sched_policy *p, ob_error *err);
int sched_policy_in_use(api_request *req, int64_t id, bool *ret, ob_error *err);
int sched_policy_delete(api_request *req, int64_t id, ob_error *err);

/* *ret rows: the names in their order, or the page; columns: SCHED_POLICY_COL_*. */
int sched_policy_list(api_request *req,
                      const store_selection *which,
                      PGresult **ret,
                      ob_error *err);
