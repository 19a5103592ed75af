/* Owns the table scheduling_policy. Thread: the
 * request's. Locks are taken after the queue's, before the environments'. */
#include "sched_policy_store.h"

#include <stdio.h>
#include <string.h>

#include "ob/json.h"
#include "request/names.h"
#include "request/store.h"

void sched_policy_done(sched_policy *p)
{
    json_decref(p->body);
    p->body = NULL;
}

int sched_policy_named(
    api_request *req, const char *member, sched_policy_lock lock, sched_policy *ret, api_reply *rep)
{
    static const char *const stmts[] = { STMT_POLICY_READ, STMT_POLICY_SHARE, STMT_POLICY_LOCK };
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
    return store_insert(req, STMT_POLICY_INSERT, &p, err);
}

int sched_policy_update(api_request *req, const sched_policy *policy, ob_error *err)
{
    ob_cleanup(ob_freep) char *body = json_dumps(policy->body, JSON_COMPACT);
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, policy->id);
    ob_param_text(&p, body);
    return req_exec(req, STMT_POLICY_UPDATE, &p, NULL, err);
}

int sched_policy_in_use(api_request *req, int64_t id, bool *ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, id);
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = req_exec(req, STMT_POLICY_IN_USE, &p, &res, err);
    if (r == 0)
        *ret = ob_col_bool(res, 0, POLICY_IN_USE_COL_IN_USE);
    return r;
}

int sched_policy_delete(api_request *req, int64_t id, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, id);
    return req_exec(req, STMT_POLICY_DELETE, &p, NULL, err);
}

int sched_policy_list(api_request *req, const store_selection *which, PGresult **ret, ob_error *err)
{
    return store_list(req, STMT_POLICY_NAMED, STMT_POLICY_PAGE, which, ret, err);
}
