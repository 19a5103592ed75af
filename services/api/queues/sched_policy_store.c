/* Every SQL statement on scheduling policies. Owns the table scheduling_policy. Thread: the
 * request's. Locks are taken after the queue's, before the environments'. */
#include "sched_policy_store.h"

#include <stdio.h>
#include <string.h>

#include "ob/json.h"
#include "request/names.h"
#include "request/scoped.h"

#define POLICY_SELECT                                                                              \
    "SELECT id, name, body FROM scheduling_policy WHERE account = $1 AND region = $2"

const ob_db_stmt sched_policy_store_stmts[] = {
    { "policy_read", POLICY_SELECT " AND name = $3" },
    { "policy_share", POLICY_SELECT " AND name = $3 FOR SHARE" },
    { "policy_change", POLICY_SELECT " AND name = $3 FOR UPDATE" },
    { "policy_named", POLICY_SELECT " AND name = ANY ($3) ORDER BY array_position($3, name)" },
    { "policy_page", POLICY_SELECT " AND id > $3 ORDER BY id LIMIT $4" },
    { "sched_policy_insert",
      "INSERT INTO scheduling_policy (account, region, name, body) VALUES ($1, $2, $3, $4)"
      " ON CONFLICT (account, region, name) DO NOTHING RETURNING id" },
    { "sched_policy_update",
      "WITH p AS (UPDATE scheduling_policy SET body = $2, version = version + 1 WHERE id = $1"
      " RETURNING id) INSERT INTO inbox (consumer, kind, ref)"
      " SELECT 1, 4, q.id FROM job_queue q JOIN p ON q.policy_id = p.id ORDER BY q.id" },
    { "sched_policy_in_use",
      "SELECT EXISTS (SELECT FROM job_queue q LEFT JOIN queue_status s ON s.queue_id = q.id"
      " WHERE q.policy_id = $1 AND NOT (q.deleting AND s.queue_id IS NULL))" },
    { "sched_policy_delete", "DELETE FROM scheduling_policy WHERE id = $1" },
    { 0 },
};

void sched_policy_done(sched_policy *p)
{
    json_decref(p->body);
    p->body = NULL;
}

int sched_policy_named(
    api_request *req, const char *member, sched_policy_lock lock, sched_policy *ret, api_reply *rep)
{
    static const char *const stmts[] = { "policy_read", "policy_share", "policy_change" };
    const api_name *named = names_of(req, member);
    const char *arn = named ? named->text : "";
    if (!named || !named->name || strcmp(named->of, "scheduling-policy") != 0) {
        (void)api_client_error(rep, "%.383s does not exist", arn);
        return -ENOENT;
    }
    SCOPED(p, req);
    ob_param_text(&p, named->name);
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = req_exec(req, stmts[lock], &p, &res, &rep->err);
    if (r < 0)
        return r;
    if (PQntuples(res) == 0) {
        (void)api_client_error(rep, "%.383s does not exist", arn);
        return -ENOENT;
    }
    ret->id = ob_col_int(res, 0, SCHED_POLICY_COL_ID, 0);
    (void)snprintf(ret->name, sizeof ret->name, "%s", ob_col(res, 0, SCHED_POLICY_COL_NAME));
    ret->body = ob_json_read_text(ob_col(res, 0, SCHED_POLICY_COL_BODY));
    return ret->body ? 0 : ob_fail(&rep->err, EIO, "the stored body of %s is damaged", arn);
}

int sched_policy_insert(api_request *req, const sched_policy *policy, ob_error *err)
{
    ob_cleanup(ob_freep) char *body = json_dumps(policy->body, JSON_COMPACT);
    SCOPED(p, req);
    ob_param_text(&p, policy->name);
    ob_param_text(&p, body);
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = req_exec(req, "sched_policy_insert", &p, &res, err);
    if (r == 0 && PQntuples(res) == 0)
        r = ob_fail(err, EEXIST, "Object already exists");
    return r;
}

int sched_policy_update(api_request *req, const sched_policy *policy, ob_error *err)
{
    ob_cleanup(ob_freep) char *body = json_dumps(policy->body, JSON_COMPACT);
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, policy->id);
    ob_param_text(&p, body);
    return req_exec(req, "sched_policy_update", &p, NULL, err);
}

int sched_policy_in_use(api_request *req, int64_t id, bool *ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, id);
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = req_exec(req, "sched_policy_in_use", &p, &res, err);
    if (r == 0)
        *ret = ob_col_bool(res, 0, 0);
    return r;
}

int sched_policy_delete(api_request *req, int64_t id, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, id);
    return req_exec(req, "sched_policy_delete", &p, NULL, err);
}

int sched_policy_list(api_request *req,
                      const char *const *names,
                      size_t n,
                      int64_t after,
                      int limit,
                      PGresult **ret,
                      ob_error *err)
{
    return scoped_list(req, "policy_named", "policy_page", names, n, after, limit, ret, err);
}
