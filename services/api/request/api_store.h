/* Every SQL statement of the resource operations: environments, queues, definitions. */
#pragma once

#include "arn.h"
#include "operation.h"

extern const ob_db_stmt api_store_stmts[];

/* Runs 'body' in a transaction. body returns 0 to commit, or a negative errno: rolled back. Thread:
 * the owner of req->db. */
int store_tx(api_request *req,
             api_reply *rep,
             int (*body)(api_request *, api_reply *, void *),
             void *arg);

/* What a user wants and what has become of it. 'body' is owned. */
typedef struct api_environment {
    int64_t id;
    char name[API_NAME_MAX];
    char uuid[OB_UUID_TEXT];
    bool managed;
    bool enabled;
    char resource_type[16];
    int min_vcpus, max_vcpus;
    int desired_vcpus; /* as now in effect */
    json_t *body;      /* {"computeResources":{},"unmanagedvCpus":1,"serviceRole":"","tags":{}} */
    bool deleting;
    bool has_status, valid, current;
    char reason[512];
} api_environment;
void api_environment_done(api_environment *e);

/* Columns of ce_* statements into a struct. */
int environment_from_row(const PGresult *res, int row, api_environment *ret, ob_error *err);

/* By name in the caller's scope; lock: for update, inside store_tx. Errors: -ENOENT. */
int environment_find(
    api_request *req, const char *name, bool lock, api_environment *ret, ob_error *err);
/* *ret rows: names (n > 0) in that order, or a page of all with ids above 'after'. */
int environment_list(api_request *req,
                     const char *const *names,
                     size_t n,
                     int64_t after,
                     int limit,
                     PGresult **ret,
                     ob_error *err);
#define ENVIRONMENTS_MAX 50 /* AWS quotas, of a region */
#define QUEUES_MAX 50
/* New row and inbox rows, inside store_tx. Errors: -EEXIST; -EDQUOT: there are ENVIRONMENTS_MAX. */
int environment_insert(api_request *req, const api_environment *e, ob_error *err);
/* The wanted row as e says, version + 1, inbox rows. */
int environment_update(api_request *req, const api_environment *e, ob_error *err);
/* Is it in a queue's order? */
int environment_in_use(api_request *req, int64_t id, bool *ret, ob_error *err);
/* Environments by id, locked for share in id order, rows as environment_list. */
int environment_share(
    api_request *req, const char *const *names, size_t n, PGresult **ret, ob_error *err);

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

int queue_from_row(const PGresult *res, int row, api_wanted_queue *ret, ob_error *err);
int queue_find(api_request *req, const char *name, bool lock, api_wanted_queue *ret, ob_error *err);
int queue_list(api_request *req,
               const char *const *names,
               size_t n,
               int64_t after,
               int limit,
               PGresult **ret,
               ob_error *err);
/* Errors: as environment_insert. */
int queue_insert(api_request *req, const api_wanted_queue *q, ob_error *err);
int queue_update(api_request *req, const api_wanted_queue *q, ob_error *err);

/* Columns of definition rows. */
enum { DEF_COL_ID, DEF_COL_NAME, DEF_COL_REVISION, DEF_COL_ACTIVE, DEF_COL_BODY };

/* Registers the next revision, inside store_tx: registrations of one name wait for each other. */
int definition_insert(
    api_request *req, const char *name, const char *body, int *ret_revision, ob_error *err);
/* revision 0: the latest, active_only: the latest ACTIVE. No row: not there. */
int definition_find(api_request *req,
                    const char *name,
                    int revision,
                    bool active_only,
                    PGresult **ret,
                    ob_error *err);
/* Newest first, ids below 'before' (0: all). name, active: NULL and -1 = any. */
int definition_list(api_request *req,
                    const char *name,
                    int active,
                    int64_t before,
                    int limit,
                    PGresult **ret,
                    ob_error *err);
/* Errors: -ENOENT. */
int definition_deactivate(api_request *req, const char *name, int revision, ob_error *err);
