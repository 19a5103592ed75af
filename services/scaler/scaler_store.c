/* Calls of the scaler's statements (sql/queries), except retention's. Holds no state. Invariant:
 * writes go behind the leader's fence, one short transaction each, instance rows in id order. Loop
 * thread. */
#include "scaler_store.h"

#include <string.h>

#include "providers/provider.h"

#define COMMIT_TIMEOUT_MS 5000

int store_envs(ob_db *db, PGresult **ret, ob_error *err)
{
    return ob_db_exec(db, STMT_ENVIRONMENTS, NULL, ret, err);
}

int store_all_instances(ob_db *db, PGresult **ret, ob_error *err)
{
    return ob_db_exec(db, STMT_INSTANCES, NULL, ret, err);
}

int store_use(ob_db *db, PGresult **ret, ob_error *err)
{
    return ob_db_exec(db, STMT_INSTANCE_USE, NULL, ret, err);
}

int store_requests(ob_db *db, PGresult **ret, ob_error *err)
{
    return ob_db_exec(db, STMT_INBOX, NULL, ret, err);
}

int store_empty(ob_db *db, const char *const *ids, size_t n, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_text_array(&p, ids, n);
    return ob_db_exec(db, STMT_INSTANCES_EMPTY, &p, ret, err);
}

int store_overdue(ob_db *db, const char *const *ids, size_t n, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_text_array(&p, ids, n);
    return ob_db_exec(db, STMT_INSTANCES_OVERDUE, &p, ret, err);
}

static int add_ids(ob_leader *leader, const char *stmt, const int64_t *ids, size_t n, ob_error *err)
{
    if (n == 0)
        return 0;
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int64_array(&p, ids, n);
    return ob_db_pipe_add(ob_leader_db(leader), stmt, &p, err);
}

static int add_status(ob_leader *leader, const store_status *status, size_t n, ob_error *err)
{
    if (n == 0)
        return 0;
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_freep) int64_t *ids = ob_calloc(n, sizeof(*ids));
    ob_cleanup(ob_freep) int64_t *versions = ob_calloc(n, sizeof(*versions));
    ob_cleanup(ob_freep) int32_t *desired = ob_calloc(n, sizeof(*desired));
    ob_cleanup(ob_freep) const char **shapes = ob_calloc(n, sizeof(*shapes));
    ob_cleanup(ob_freep) const char **lacking = ob_calloc(n, sizeof(*lacking));
    ob_cleanup(ob_freep) const char **reasons = ob_calloc(n, sizeof(*reasons));
    ob_cleanup(ob_freep) int32_t *valid = ob_calloc(n, sizeof(*valid));
    for (size_t i = 0; i < n; i++) {
        ids[i] = status[i].ce_id;
        versions[i] = status[i].version;
        desired[i] = status[i].desired_vcpus;
        shapes[i] = status[i].shapes;
        lacking[i] = status[i].lacking;
        reasons[i] = status[i].reason;
        valid[i] = status[i].valid;
    }
    ob_param_next(&p, STATUS_CE_ID);
    ob_param_int64_array(&p, ids, n);
    ob_param_next(&p, STATUS_VERSION);
    ob_param_int64_array(&p, versions, n);
    ob_param_next(&p, STATUS_DESIRED_VCPUS);
    ob_param_int32_array(&p, desired, n);
    ob_param_next(&p, STATUS_SHAPES);
    ob_param_text_array(&p, shapes, n);
    ob_param_next(&p, STATUS_LACKING);
    ob_param_text_array(&p, lacking, n);
    ob_param_next(&p, STATUS_VALID);
    ob_param_int32_array(&p, valid, n);
    ob_param_next(&p, STATUS_REASON);
    ob_param_text_array(&p, reasons, n);
    return ob_db_pipe_add(ob_leader_db(leader), STMT_STATUS_PUT, &p, err);
}

int store_put_status(ob_leader *leader, const store_statuses *what, ob_error *err)
{
    int r = ob_leader_begin(leader, err);
    if (r == 0)
        r = add_status(leader, what->put, what->n, err);
    if (r == 0)
        r = add_ids(leader, STMT_STATUS_DELETE, what->gone, what->n_gone, err);
    if (r == 0)
        r = add_ids(leader, STMT_INBOX_DELETE, what->inbox, what->n_inbox, err);
    /* If a statement could not be added, the commit fails. */
    int c = ob_leader_commit(leader, OB_POINT_SCALER_STATUS, COMMIT_TIMEOUT_MS, NULL, 0,
                             r < 0 ? NULL : err);
    return r < 0 ? r : c;
}

int store_put_usage(ob_leader *leader, const ce_usage *rows, size_t n, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    OB_PARAM_COLUMN(&p, USAGE_CE_ID, int64, int64_t, rows, n, row->ce_id);
    OB_PARAM_COLUMN(&p, USAGE_AT_MS, int64, int64_t, rows, n, row->at_ms);
    OB_PARAM_COLUMN(&p, USAGE_MCPU, int64, int64_t, rows, n, row->mcpu);
    OB_PARAM_COLUMN(&p, USAGE_PROVISIONED_MCPU, int64, int64_t, rows, n, row->provisioned_mcpu);
    OB_PARAM_COLUMN(&p, USAGE_DESIRED_VCPUS, int32, int32_t, rows, n, row->desired_vcpus);
    OB_PARAM_COLUMN(&p, USAGE_MAX_VCPUS, int32, int32_t, rows, n, row->max_vcpus);
    OB_PARAM_COLUMN(&p, USAGE_INSTANCES, int32, int32_t, rows, n, row->instances);
    int r = ob_leader_begin(leader, err);
    if (r == 0)
        r = ob_db_pipe_add(ob_leader_db(leader), STMT_USAGE_PUT, &p, err);
    int c = ob_leader_commit(leader, OB_POINT_SCALER_USAGE, COMMIT_TIMEOUT_MS, NULL, 0,
                             r < 0 ? NULL : err);
    return r < 0 ? r : c;
}

int store_insert(ob_leader *leader, const store_instance *rows, size_t n, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    OB_PARAM_COLUMN(&p, NEW_INSTANCE_ID, text, const char *, rows, n, row->id);
    OB_PARAM_COLUMN(&p, NEW_INSTANCE_CE_ID, int64, int64_t, rows, n, row->ce_id);
    OB_PARAM_COLUMN(&p, NEW_INSTANCE_TYPE, text, const char *, rows, n, row->type);
    OB_PARAM_COLUMN(&p, NEW_INSTANCE_SPOT, int32, int32_t, rows, n, row->spot);
    OB_PARAM_COLUMN(&p, NEW_INSTANCE_MCPU, int32, int32_t, rows, n, row->size.mcpu);
    OB_PARAM_COLUMN(&p, NEW_INSTANCE_MEM_MIB, int32, int32_t, rows, n, row->size.mem_mib);
    OB_PARAM_COLUMN(&p, NEW_INSTANCE_GPUS, int32, int32_t, rows, n, row->size.gpus);
    OB_PARAM_COLUMN(&p, NEW_INSTANCE_VCPUS, int32, int32_t, rows, n, row->vcpus);
    OB_PARAM_COLUMN(&p, NEW_INSTANCE_DOUBTFUL, int32, int32_t, rows, n, row->may_fail);
    OB_PARAM_COLUMN(&p, NEW_INSTANCE_KEY_SALT, text, const char *, rows, n, row->key_salt);
    OB_PARAM_COLUMN(&p, NEW_INSTANCE_INFRA, text, const char *, rows, n, row->launch_hash);
    OB_PARAM_COLUMN(&p, NEW_INSTANCE_NODE_NAME, text, const char *, rows, n, row->node_name);
    OB_PARAM_COLUMN(&p, NEW_INSTANCE_NODE_UID, text, const char *, rows, n, row->node_uid);
    int r = ob_leader_begin(leader, err);
    if (r == 0)
        r = ob_db_pipe_add(ob_leader_db(leader), STMT_INSTANCE_INSERT, &p, err);
    int c = ob_leader_commit(leader, OB_POINT_SCALER_LAUNCHING, COMMIT_TIMEOUT_MS, NULL, 0,
                             r < 0 ? NULL : err);
    return r < 0 ? r : c;
}

int store_key(ob_leader *leader, const char *id, const char *salt, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_text(&p, id);
    ob_param_text(&p, salt);
    int r = ob_leader_begin(leader, err);
    if (r == 0)
        r = ob_db_pipe_add(ob_leader_db(leader), STMT_INSTANCE_SET_KEY, &p, err);
    int c = ob_leader_commit(leader, OB_POINT_SCALER_TOKEN, COMMIT_TIMEOUT_MS, NULL, 0,
                             r < 0 ? NULL : err);
    return r < 0 ? r : c;
}

/* A round of one statement that returns ids. */
static int change(ob_leader *leader,
                  ob_point point,
                  const char *stmt,
                  const ob_params *p,
                  PGresult **ret,
                  ob_error *err)
{
    int r = ob_leader_begin(leader, err);
    if (r == 0)
        r = ob_db_pipe_add(ob_leader_db(leader), stmt, p, err);
    int c = ob_leader_commit(leader, point, COMMIT_TIMEOUT_MS, ret, 1, r < 0 ? NULL : err);
    return r < 0 ? r : c;
}

int store_found(ob_leader *leader, const char *const *ids, size_t n, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_text_array(&p, ids, n);
    return change(leader, OB_POINT_SCALER_FOUND, STMT_INSTANCE_FOUND, &p, ret, err);
}

int store_resize(ob_leader *leader, const store_size *rows, size_t n, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    OB_PARAM_COLUMN(&p, RESIZE_ID, text, const char *, rows, n, row->id);
    OB_PARAM_COLUMN(&p, RESIZE_MCPU, int32, int32_t, rows, n, row->size.mcpu);
    OB_PARAM_COLUMN(&p, RESIZE_MEM_MIB, int32, int32_t, rows, n, row->size.mem_mib);
    OB_PARAM_COLUMN(&p, RESIZE_GPUS, int32, int32_t, rows, n, row->size.gpus);
    return change(leader, OB_POINT_SCALER_RESIZED, STMT_INSTANCE_RESIZE, &p, ret, err);
}

int store_join(ob_leader *leader, const store_joining *row, int64_t *ret_ce, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_param_next(&p, JOINING_ID);
    ob_param_text(&p, row->id);
    ob_param_next(&p, JOINING_TYPE);
    ob_param_text(&p, PROVIDER_JOINED);
    ob_param_next(&p, JOINING_MCPU);
    ob_param_int(&p, row->size.mcpu);
    ob_param_next(&p, JOINING_MEM_MIB);
    ob_param_int(&p, row->size.mem_mib);
    ob_param_next(&p, JOINING_GPUS);
    ob_param_int(&p, row->size.gpus);
    ob_param_next(&p, JOINING_KEY_SALT);
    ob_param_text(&p, row->key_salt);
    ob_param_next(&p, JOINING_JOIN_HASH);
    ob_param_text(&p, row->join_hash);
    ob_param_next(&p, JOINING_CE);
    ob_param_text(&p, row->ce);
    int r = change(leader, OB_POINT_SCALER_JOINED, STMT_INSTANCE_JOIN, &p, &res, err);
    if (r == 0)
        *ret_ce = PQntuples(res) > 0 ? ob_col_int(res, 0, JOINED_CE_ID, 0) : 0;
    return r;
}

int store_advance(ob_leader *leader,
                  const char *const *ids,
                  size_t n,
                  const store_move *move,
                  PGresult **ret,
                  ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_next(&p, ADVANCE_IDS);
    ob_param_text_array(&p, ids, n);
    ob_param_next(&p, ADVANCE_STATE);
    ob_param_int(&p, move->to);
    ob_param_next(&p, ADVANCE_REASON);
    ob_param_text(&p, move->reason);
    ob_param_next(&p, ADVANCE_FROM_STATES);
    ob_param_int(&p, move->from);
    ob_param_next(&p, ADVANCE_DEADLINE_MS);
    ob_param_int(&p, move->deadline_ms);
    return change(leader, OB_POINT_SCALER_MOVED, STMT_INSTANCE_ADVANCE, &p, ret, err);
}

int store_end_empty(
    ob_leader *leader, const char *const *ids, size_t n, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_text_array(&p, ids, n);
    ob_param_int(&p, OB_INSTANCE_TERMINATED);
    ob_param_text(&p, NULL);
    return change(leader, OB_POINT_SCALER_ENDED, STMT_INSTANCE_END_EMPTY, &p, ret, err);
}
