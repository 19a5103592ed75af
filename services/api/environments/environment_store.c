/* Owns the table compute_environment (what users want) and adds to inbox; reads the scaler's
 * ce_status, never writes it. Thread: the request's.
 *
 * Invariants: a change is one transaction of the wanted row and its inbox rows; locks are taken
 * queue first, then environments in id order; a row that is deleting and without status is gone,
 * and gives way to a new one of its name. */
#include "environment_store.h"

#include "ob/message.h"

void api_environment_done(api_environment *e)
{
    json_decref(e->body);
    e->body = NULL;
}

int environment_from_row(const PGresult *res, int row, api_environment *ret, ob_error *err)
{
    *ret = (api_environment){
        .id = ob_col_int(res, row, CE_COL_ID, 0),
        .enabled = ob_col_bool(res, row, CE_COL_ENABLED),
        .min_vcpus = (int)ob_col_int(res, row, CE_COL_MIN_VCPUS, 0),
        .max_vcpus = (int)ob_col_int(res, row, CE_COL_MAX_VCPUS, 0),
        .desired_vcpus = (int)ob_col_int(res, row, CE_COL_DESIRED_VCPUS, 0),
        .deleting = ob_col_bool(res, row, CE_COL_DELETING),
        .has_status = ob_col_bool(res, row, CE_COL_HAS_STATUS),
        .valid = ob_col_bool(res, row, CE_COL_VALID),
        .current = ob_col_bool(res, row, CE_COL_CURRENT),
        .managed = ob_col_bool(res, row, CE_COL_MANAGED),
    };
    store_copy(ret->name, sizeof ret->name, ob_col(res, row, CE_COL_NAME));
    store_copy(ret->uuid, sizeof ret->uuid, ob_col(res, row, CE_COL_UUID));
    store_copy(ret->resource_type, sizeof ret->resource_type,
               ob_col(res, row, CE_COL_RESOURCE_TYPE));
    store_copy(ret->reason, sizeof ret->reason, ob_col(res, row, CE_COL_REASON));
    return store_read_body(ob_col(res, row, CE_COL_BODY), &ret->body, err);
}

int environment_find(
    api_request *req, const char *name, bool lock, api_environment *ret, ob_error *err)
{
    SCOPED(p, req);
    ob_param_text(&p, name);
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = req_exec(req, lock ? STMT_ENVIRONMENT_LOCK : STMT_ENVIRONMENT_FIND, &p, &res, err);
    if (r < 0)
        return r;
    if (PQntuples(res) == 0)
        return ob_fail(err, ENOENT, "no compute environment %s", name);
    return environment_from_row(res, 0, ret, err);
}

int environment_list(api_request *req, const store_selection *which, PGresult **ret, ob_error *err)
{
    return store_list(req, STMT_ENVIRONMENT_NAMED, STMT_ENVIRONMENT_PAGE, which, ret, err);
}

int environment_share(
    api_request *req, const char *const *names, size_t n, PGresult **ret, ob_error *err)
{
    return store_list(req, STMT_ENVIRONMENT_SHARE, NULL,
                      &(store_selection){ .names = names, .n = n }, ret, err);
}

/* Of the environments on one Kubernetes cluster. arn: NULL: it is on none. */
static int check_cluster_quota(api_request *req, const char *arn, ob_error *err)
{
    if (!arn)
        return 0;
    SCOPED(p, req);
    ob_param_text(&p, arn);
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = req_exec(req, STMT_ENVIRONMENT_COUNT_OF_CLUSTER, &p, &res, err);
    if (r == 0 &&
        ob_col_int(res, 0, ENVIRONMENT_COUNT_OF_CLUSTER_COL_N, 0) >= CLUSTER_ENVIRONMENTS_MAX)
        r = ob_fail(err, EUSERS, "there are %d on the cluster already", CLUSTER_ENVIRONMENTS_MAX);
    return r;
}

static int check_quota(api_request *req, ob_error *err)
{
    SCOPED(p, req);
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = store_serialize(req, err);
    if (r == 0)
        r = req_exec(req, STMT_ENVIRONMENT_COUNT, &p, &res, err);
    if (r == 0 && ob_col_int(res, 0, ENVIRONMENT_COUNT_COL_N, 0) >= ENVIRONMENTS_MAX)
        r = ob_fail(err, EDQUOT, "there are %d already", ENVIRONMENTS_MAX);
    return r;
}

int environment_insert(api_request *req, const api_environment *e, ob_error *err)
{
    const json_t *eks = json_object_get(e->body, "eksConfiguration");
    const char *cluster = ob_json_str(eks, "eksClusterArn", NULL);
    int r = check_quota(req, err);
    if (r == 0)
        r = check_cluster_quota(req, cluster, err);
    if (r == 0)
        r = store_exec_named(req, STMT_ENVIRONMENT_GONE, e->name, err);
    if (r < 0)
        return r;
    ob_cleanup(ob_freep) char *body = json_dumps(e->body, JSON_COMPACT);
    SCOPED(p, req);
    ob_param_text(&p, e->name);
    ob_param_text(&p, e->uuid);
    store_param_bool(&p, e->enabled);
    ob_param_text(&p, e->resource_type);
    ob_param_int(&p, e->min_vcpus);
    ob_param_int(&p, e->max_vcpus);
    store_param_optional_int(
        &p, json_object_get(json_object_get(e->body, "computeResources"), "desiredvCpus"));
    ob_param_text(&p, body);
    ob_param_text(&p, e->managed ? "MANAGED" : "UNMANAGED");
    store_param_optional_int(&p, json_object_get(e->body, "unmanagedvCpus"));
    ob_param_text(&p, cluster);
    ob_param_text(&p, ob_json_str(eks, "kubernetesNamespace", NULL));
    return store_insert(req, STMT_ENVIRONMENT_INSERT, &p, err);
}

int environment_update(api_request *req, const api_environment *e, ob_error *err)
{
    ob_cleanup(ob_freep) char *body = json_dumps(e->body, JSON_COMPACT);
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, e->id);
    store_param_bool(&p, e->enabled);
    ob_param_text(&p, e->resource_type);
    ob_param_int(&p, e->min_vcpus);
    ob_param_int(&p, e->max_vcpus);
    store_param_optional_int(
        &p, json_object_get(json_object_get(e->body, "computeResources"), "desiredvCpus"));
    ob_param_text(&p, body);
    store_param_bool(&p, e->deleting);
    store_param_optional_int(&p, json_object_get(e->body, "unmanagedvCpus"));
    return req_exec(req, STMT_ENVIRONMENT_UPDATE, &p, NULL, err);
}

int environment_in_use(api_request *req, int64_t id, bool *ret, ob_error *err)
{
    SCOPED(p, req);
    ob_param_int(&p, id);
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = req_exec(req, STMT_ENVIRONMENT_IN_USE, &p, &res, err);
    if (r == 0)
        *ret = ob_col_bool(res, 0, IN_USE_COL_IN_USE);
    return r;
}
