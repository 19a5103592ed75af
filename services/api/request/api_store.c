/* Every SQL statement of the resource operations. Owns the tables compute_environment, job_queue
 * and job_definition (what users want) and adds to inbox; reads the status tables of the scaler and
 * the scheduler, never writes them. Thread: the request's.
 *
 * Invariants: a change is one transaction of the wanted row and its inbox rows; locks are taken
 * queue first, then environments in id order; a row that is deleting and without status is gone,
 * and gives way to a new one of its name. */
#include "api_store.h"

#include <stdio.h>
#include <string.h>

#include "ob/clock.h"
#include "ob/json.h"
#include "scoped.h"

#define CE_SELECT                                                                                  \
    "SELECT c.id, c.name, c.uuid, c.enabled, c.resource_type, c.min_vcpus, c.max_vcpus,"           \
    " COALESCE(s.desired_vcpus, GREATEST(c.min_vcpus, COALESCE(c.desired_vcpus, 0))), c.body, "    \
    "c.deleting,"                                                                                  \
    " s.ce_id IS NOT NULL, COALESCE(s.valid, false), COALESCE(s.version >= c.version, false), "    \
    "s.reason, c.type = 'MANAGED'"                                                                 \
    " FROM compute_environment c LEFT JOIN ce_status s ON s.ce_id = c.id"                          \
    " WHERE c.account = $1 AND c.region = $2 AND NOT (c.deleting AND s.ce_id IS NULL)"
#define JQ_SELECT                                                                                  \
    "SELECT q.id, q.name, q.enabled, q.priority, q.body, q.deleting, s.queue_id IS NOT NULL,"      \
    " COALESCE(s.valid, false), COALESCE(s.version >= q.version, false), s.reason, "               \
    "array_to_string(q.ce_ids, ','), q.policy_id"                                                  \
    " FROM job_queue q LEFT JOIN queue_status s ON s.queue_id = q.id"                              \
    " WHERE q.account = $1 AND q.region = $2 AND NOT (q.deleting AND s.queue_id IS NULL)"
#define DEF_SELECT                                                                                 \
    "SELECT id, name, revision, active, body FROM job_definition WHERE account = $1 AND region = " \
    "$2"

const ob_db_stmt api_store_stmts[] = {
    { "ce_find", CE_SELECT " AND c.name = $3" },
    { "ce_lock", CE_SELECT " AND c.name = $3 FOR UPDATE OF c" },
    { "ce_named", CE_SELECT " AND c.name = ANY ($3) ORDER BY array_position($3, c.name)" },
    { "ce_page", CE_SELECT " AND c.id > $3 ORDER BY c.id LIMIT $4" },
    { "ce_share", CE_SELECT " AND c.name = ANY ($3) ORDER BY c.id FOR SHARE OF c" },
    { "ce_gone", "DELETE FROM compute_environment c WHERE account = $1 AND region = $2 AND name = "
                 "$3 AND deleting"
                 " AND NOT EXISTS (SELECT FROM ce_status s WHERE s.ce_id = c.id)" },
    { "ce_count", "SELECT count(*) FROM (" CE_SELECT ") AS c" },
    { "ce_insert",
      "WITH c AS (INSERT INTO compute_environment (account, region, name, uuid, type, enabled, "
      "resource_type, min_vcpus,"
      " max_vcpus, desired_vcpus, body, unmanaged_vcpus) VALUES ($1, $2, $3, $4, $11, $5, $6, $7, "
      "$8, $9, $10, $12)"
      " ON CONFLICT (account, region, name) DO NOTHING RETURNING id)"
      " INSERT INTO inbox (consumer, kind, ref) SELECT consumer, 5, c.id FROM c, (VALUES (1), (2)) "
      "AS v (consumer) RETURNING ref" },
    { "ce_update", "WITH c AS (UPDATE compute_environment SET enabled = $2, resource_type = $3, "
                   "min_vcpus = $4, max_vcpus = $5,"
                   " desired_vcpus = $6, body = $7, deleting = $8, unmanaged_vcpus = $9, version = "
                   "version + 1 WHERE id "
                   "= $1 RETURNING id)"
                   " INSERT INTO inbox (consumer, kind, ref) SELECT consumer, 5, c.id FROM c, "
                   "(VALUES (1), (2)) AS v (consumer)" },
    { "ce_in_use", "SELECT EXISTS (SELECT FROM job_queue q LEFT JOIN queue_status s ON s.queue_id "
                   "= q.id WHERE account = $1 AND region = $2"
                   " AND $3 = ANY (ce_ids) AND NOT (q.deleting AND s.queue_id IS NULL))" },

    { "jq_find", JQ_SELECT " AND q.name = $3" },
    { "jq_lock", JQ_SELECT " AND q.name = $3 FOR UPDATE OF q" },
    { "jq_named", JQ_SELECT " AND q.name = ANY ($3) ORDER BY array_position($3, q.name)" },
    { "jq_page", JQ_SELECT " AND q.id > $3 ORDER BY q.id LIMIT $4" },
    { "jq_gone",
      "DELETE FROM job_queue q WHERE account = $1 AND region = $2 AND name = $3 AND deleting"
      " AND NOT EXISTS (SELECT FROM queue_status s WHERE s.queue_id = q.id)" },
    { "jq_count", "SELECT count(*) FROM (" JQ_SELECT ") AS q" },
    { "jq_insert",
      "WITH q AS (INSERT INTO job_queue (account, region, name, enabled, priority, ce_ids, body,"
      " policy_id, time_limits) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (account, "
      "region, name) DO NOTHING "
      "RETURNING id)"
      " INSERT INTO inbox (consumer, kind, ref) SELECT 1, 4, q.id FROM q RETURNING ref" },
    { "jq_update", "WITH q AS (UPDATE job_queue SET enabled = $2, priority = $3, ce_ids = $4, body "
                   "= $5, deleting = $6, policy_id = $7, time_limits = $8,"
                   " version = version + 1 WHERE id = $1 RETURNING id)"
                   " INSERT INTO inbox (consumer, kind, ref) SELECT 1, 4, q.id FROM q" },

    { "serial", "SELECT pg_advisory_xact_lock(hashtextextended($1 || ' ' || $2, 6))" },
    { "def_serial",
      "SELECT pg_advisory_xact_lock(hashtextextended($1 || ' ' || $2 || ' ' || $3, 5))" },
    { "def_insert", "INSERT INTO job_definition (account, region, name, revision, body, "
                    "created_at_ms) SELECT $1, $2, $3,"
                    " COALESCE((SELECT max(revision) FROM job_definition WHERE account = $1 AND "
                    "region = $2 AND name = $3), 0) + 1, $4, $5"
                    " RETURNING revision" },
    { "def_latest",
      DEF_SELECT " AND name = $3 AND (active OR NOT $4) ORDER BY revision DESC LIMIT 1" },
    { "def_exact", DEF_SELECT " AND name = $3 AND revision = $4" },
    { "def_page", DEF_SELECT " AND ($3::text IS NULL OR name = $3) AND ($4::int < 0 OR active = "
                             "($4 = 1)) AND ($5::bigint = 0 OR id < $5)"
                             " ORDER BY id DESC LIMIT $6" },
    { "def_off", "UPDATE job_definition SET active = false, inactive_since_ms = "
                 "coalesce(inactive_since_ms, (extract(epoch FROM now()) * 1000)::bigint) WHERE "
                 "account = $1 AND region = $2 AND "
                 "name = $3 AND revision = $4"
                 " RETURNING id" },
    { 0 },
};

static void param_bool(ob_params *p, bool value)
{
    ob_param_text(p, value ? "t" : "f");
}

int store_tx(api_request *req,
             api_reply *rep,
             int (*body)(api_request *, api_reply *, void *),
             void *arg)
{
    int r = req_sql(req, "BEGIN", &rep->err);
    if (r < 0)
        return r;
    r = body(req, rep, arg);
    if (r == 0)
        r = req_sql(req, "COMMIT", &rep->err);
    if (r < 0)
        (void)req_sql(req, "ROLLBACK", NULL);
    return r;
}

static int read_body(const char *text, json_t **ret, ob_error *err)
{
    *ret = ob_json_read_text(text);
    return *ret ? 0 : ob_fail(err, EIO, "a stored body is damaged");
}

static void copy(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text ? text : "");
}

/* ---- compute environments -------------------------------------------------------------------- */

void api_environment_done(api_environment *e)
{
    json_decref(e->body);
    e->body = NULL;
}

int environment_from_row(const PGresult *res, int row, api_environment *ret, ob_error *err)
{
    *ret = (api_environment){
        .id = ob_col_int(res, row, 0, 0),
        .enabled = ob_col_bool(res, row, 3),
        .min_vcpus = (int)ob_col_int(res, row, 5, 0),
        .max_vcpus = (int)ob_col_int(res, row, 6, 0),
        .desired_vcpus = (int)ob_col_int(res, row, 7, 0),
        .deleting = ob_col_bool(res, row, 9),
        .has_status = ob_col_bool(res, row, 10),
        .valid = ob_col_bool(res, row, 11),
        .current = ob_col_bool(res, row, 12),
        .managed = ob_col_bool(res, row, 14),
    };
    copy(ret->name, sizeof ret->name, ob_col(res, row, 1));
    copy(ret->uuid, sizeof ret->uuid, ob_col(res, row, 2));
    copy(ret->resource_type, sizeof ret->resource_type, ob_col(res, row, 4));
    copy(ret->reason, sizeof ret->reason, ob_col(res, row, 13));
    return read_body(ob_col(res, row, 8), &ret->body, err);
}

int environment_find(
    api_request *req, const char *name, bool lock, api_environment *ret, ob_error *err)
{
    SCOPED(p, req);
    ob_param_text(&p, name);
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = req_exec(req, lock ? "ce_lock" : "ce_find", &p, &res, err);
    if (r < 0)
        return r;
    if (PQntuples(res) == 0)
        return ob_fail(err, ENOENT, "no compute environment %s", name);
    return environment_from_row(res, 0, ret, err);
}

int environment_list(api_request *req,
                     const char *const *names,
                     size_t n,
                     int64_t after,
                     int limit,
                     PGresult **ret,
                     ob_error *err)
{
    return scoped_list(req, "ce_named", "ce_page", names, n, after, limit, ret, err);
}

int environment_share(
    api_request *req, const char *const *names, size_t n, PGresult **ret, ob_error *err)
{
    return scoped_list(req, "ce_share", NULL, names, n, 0, 0, ret, err);
}

/* Creations wait for each other, so that the count holds. */
static int check_quota(api_request *req, const char *count, int64_t max, ob_error *err)
{
    SCOPED(p, req);
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = req_exec(req, "serial", &p, NULL, err);
    if (r == 0)
        r = req_exec(req, count, &p, &res, err);
    if (r == 0 && ob_col_int(res, 0, 0, 0) >= max)
        r = ob_fail(err, EDQUOT, "there are %lld already", (long long)max);
    return r;
}

/* Removes a row of this name that is gone for everybody already. */
static int make_way(api_request *req, const char *stmt, const char *name, ob_error *err)
{
    SCOPED(p, req);
    ob_param_text(&p, name);
    return req_exec(req, stmt, &p, NULL, err);
}

static int insert(api_request *req, const char *stmt, const ob_params *p, ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = req_exec(req, stmt, p, &res, err);
    if (r == 0 && PQntuples(res) == 0)
        r = ob_fail(err, EEXIST, "Object already exists");
    return r;
}

static void param_optional_int(ob_params *p, const json_t *value)
{
    if (json_is_integer(value))
        ob_param_int(p, json_integer_value(value));
    else
        ob_param_text(p, NULL);
}

int environment_insert(api_request *req, const api_environment *e, ob_error *err)
{
    int r = check_quota(req, "ce_count", ENVIRONMENTS_MAX, err);
    if (r == 0)
        r = make_way(req, "ce_gone", e->name, err);
    if (r < 0)
        return r;
    ob_cleanup(ob_freep) char *body = json_dumps(e->body, JSON_COMPACT);
    SCOPED(p, req);
    ob_param_text(&p, e->name);
    ob_param_text(&p, e->uuid);
    param_bool(&p, e->enabled);
    ob_param_text(&p, e->resource_type);
    ob_param_int(&p, e->min_vcpus);
    ob_param_int(&p, e->max_vcpus);
    param_optional_int(
        &p, json_object_get(json_object_get(e->body, "computeResources"), "desiredvCpus"));
    ob_param_text(&p, body);
    ob_param_text(&p, e->managed ? "MANAGED" : "UNMANAGED");
    param_optional_int(&p, json_object_get(e->body, "unmanagedvCpus"));
    return insert(req, "ce_insert", &p, err);
}

int environment_update(api_request *req, const api_environment *e, ob_error *err)
{
    ob_cleanup(ob_freep) char *body = json_dumps(e->body, JSON_COMPACT);
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, e->id);
    param_bool(&p, e->enabled);
    ob_param_text(&p, e->resource_type);
    ob_param_int(&p, e->min_vcpus);
    ob_param_int(&p, e->max_vcpus);
    param_optional_int(
        &p, json_object_get(json_object_get(e->body, "computeResources"), "desiredvCpus"));
    ob_param_text(&p, body);
    param_bool(&p, e->deleting);
    param_optional_int(&p, json_object_get(e->body, "unmanagedvCpus"));
    return req_exec(req, "ce_update", &p, NULL, err);
}

int environment_in_use(api_request *req, int64_t id, bool *ret, ob_error *err)
{
    SCOPED(p, req);
    ob_param_int(&p, id);
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = req_exec(req, "ce_in_use", &p, &res, err);
    if (r == 0)
        *ret = ob_col_bool(res, 0, 0);
    return r;
}

/* ---- job queues ------------------------------------------------------------------------------ */

void api_wanted_queue_done(api_wanted_queue *q)
{
    json_decref(q->body);
    q->body = NULL;
}

int queue_from_row(const PGresult *res, int row, api_wanted_queue *ret, ob_error *err)
{
    *ret = (api_wanted_queue){
        .id = ob_col_int(res, row, 0, 0),
        .enabled = ob_col_bool(res, row, 2),
        .priority = (int)ob_col_int(res, row, 3, 0),
        .deleting = ob_col_bool(res, row, 5),
        .has_status = ob_col_bool(res, row, 6),
        .valid = ob_col_bool(res, row, 7),
        .current = ob_col_bool(res, row, 8),
    };
    copy(ret->name, sizeof ret->name, ob_col(res, row, 1));
    copy(ret->reason, sizeof ret->reason, ob_col(res, row, 9));
    ret->policy_id = ob_col_int(res, row, 11, 0);
    for (const char *at = ob_col(res, row, 10); at && *at;) {
        char *end = NULL;
        long long id = strtoll(at, &end, 10);
        if (end == at || ret->n_ces == sizeof ret->ce_ids / sizeof ret->ce_ids[0])
            break;
        ret->ce_ids[ret->n_ces++] = id;
        at = *end == ',' ? end + 1 : end;
    }
    return read_body(ob_col(res, row, 4), &ret->body, err);
}

int queue_find(api_request *req, const char *name, bool lock, api_wanted_queue *ret, ob_error *err)
{
    SCOPED(p, req);
    ob_param_text(&p, name);
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = req_exec(req, lock ? "jq_lock" : "jq_find", &p, &res, err);
    if (r < 0)
        return r;
    if (PQntuples(res) == 0)
        return ob_fail(err, ENOENT, "no job queue %s", name);
    return queue_from_row(res, 0, ret, err);
}

int queue_list(api_request *req,
               const char *const *names,
               size_t n,
               int64_t after,
               int limit,
               PGresult **ret,
               ob_error *err)
{
    return scoped_list(req, "jq_named", "jq_page", names, n, after, limit, ret, err);
}

static void param_policy(ob_params *p, const api_wanted_queue *q)
{
    if (q->policy_id)
        ob_param_int(p, q->policy_id);
    else
        ob_param_text(p, NULL);
}

/* *ret is new; NULL: none. */
static char *time_limits_text(const api_wanted_queue *q)
{
    const json_t *list = json_object_get(q->body, "jobStateTimeLimitActions");
    return json_array_size(list) ? json_dumps(list, JSON_COMPACT) : NULL;
}

int queue_insert(api_request *req, const api_wanted_queue *q, ob_error *err)
{
    int r = check_quota(req, "jq_count", QUEUES_MAX, err);
    if (r == 0)
        r = make_way(req, "jq_gone", q->name, err);
    if (r < 0)
        return r;
    ob_cleanup(ob_freep) char *body = json_dumps(q->body, JSON_COMPACT);
    ob_cleanup(ob_freep) char *limits = time_limits_text(q);
    SCOPED(p, req);
    ob_param_text(&p, q->name);
    param_bool(&p, q->enabled);
    ob_param_int(&p, q->priority);
    ob_param_int64_array(&p, q->ce_ids, q->n_ces);
    ob_param_text(&p, body);
    param_policy(&p, q);
    ob_param_text(&p, limits);
    return insert(req, "jq_insert", &p, err);
}

int queue_update(api_request *req, const api_wanted_queue *q, ob_error *err)
{
    ob_cleanup(ob_freep) char *body = json_dumps(q->body, JSON_COMPACT);
    ob_cleanup(ob_freep) char *limits = time_limits_text(q);
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, q->id);
    param_bool(&p, q->enabled);
    ob_param_int(&p, q->priority);
    ob_param_int64_array(&p, q->ce_ids, q->n_ces);
    ob_param_text(&p, body);
    param_bool(&p, q->deleting);
    param_policy(&p, q);
    ob_param_text(&p, limits);
    return req_exec(req, "jq_update", &p, NULL, err);
}

/* ---- job definitions ------------------------------------------------------------------------- */

int definition_insert(
    api_request *req, const char *name, const char *body, int *ret_revision, ob_error *err)
{
    SCOPED(p, req);
    ob_param_text(&p, name);
    int r = req_exec(req, "def_serial", &p, NULL, err);
    if (r < 0)
        return r;
    ob_param_text(&p, body);
    ob_param_int(&p, ob_wall_ms());
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    r = req_exec(req, "def_insert", &p, &res, err);
    if (r == 0)
        *ret_revision = (int)ob_col_int(res, 0, 0, 0);
    return r;
}

int definition_find(api_request *req,
                    const char *name,
                    int revision,
                    bool active_only,
                    PGresult **ret,
                    ob_error *err)
{
    SCOPED(p, req);
    ob_param_text(&p, name);
    if (revision)
        ob_param_int(&p, revision);
    else
        param_bool(&p, active_only);
    return req_exec(req, revision ? "def_exact" : "def_latest", &p, ret, err);
}

int definition_list(api_request *req,
                    const char *name,
                    int active,
                    int64_t before,
                    int limit,
                    PGresult **ret,
                    ob_error *err)
{
    SCOPED(p, req);
    ob_param_text(&p, name);
    ob_param_int(&p, active);
    ob_param_int(&p, before);
    ob_param_int(&p, limit);
    return req_exec(req, "def_page", &p, ret, err);
}

int definition_deactivate(api_request *req, const char *name, int revision, ob_error *err)
{
    SCOPED(p, req);
    ob_param_text(&p, name);
    ob_param_int(&p, revision);
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = req_exec(req, "def_off", &p, &res, err);
    if (r == 0 && PQntuples(res) == 0)
        r = ob_fail(err, ENOENT, "no job definition %s:%d", name, revision);
    return r;
}
