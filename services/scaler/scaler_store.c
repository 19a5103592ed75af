/* Every SQL statement of the scaler. Holds no state. Invariant: writes go behind the leader's
 * fence, one short transaction each, instance rows in id order. Loop thread. */
#include "scaler_store.h"

#include <string.h>

#include "providers/provider.h"

#define COMMIT_TIMEOUT_MS 5000

/* The rows of an UPDATE are locked in id order first: the scheduler locks them in that order too.
 */
#define ADVANCE(which, more)                                                                       \
    "UPDATE instance i SET state = $2::int, reason = coalesce($3, i.reason),"                      \
    " active_at = CASE WHEN $2::int = 1 THEN now() ELSE i.active_at END,"                          \
    " ended_at = CASE WHEN $2::int = 4 THEN now() ELSE i.ended_at END" more                        \
    " FROM (SELECT id FROM instance WHERE id = ANY ($1::text[]) AND " which                        \
    " ORDER BY id FOR UPDATE) l WHERE i.id = l.id RETURNING i.id"

const ob_db_stmt scaler_statements[] = {
    { "envs",
      "SELECT e.id, e.name, e.version, e.enabled, e.deleting, e.resource_type, e.min_vcpus,"
      " e.max_vcpus, e.desired_vcpus, e.body, s.version, s.desired_vcpus, s.lacking, s.shapes,"
      " s.valid, s.reason, upper(e.type) = 'MANAGED'"
      " FROM compute_environment e LEFT JOIN ce_status s ON s.ce_id = e.id"
      " WHERE NOT e.deleting OR s.ce_id IS NOT NULL OR EXISTS"
      " (SELECT 1 FROM instance i WHERE i.ce_id = e.id AND i.state < 4) ORDER BY e.id" },
    { "insts", "SELECT id, ce_id, type, spot, mcpu, mem_mib, gpus, vcpus, state, token_hash, infra,"
               " deadline_at IS NOT NULL, doubtful AND state = 0"
               " FROM instance WHERE state < 4 ORDER BY id" },
    { "use",
      "SELECT p.instance_id, count(*), sum(j.mcpu), sum(j.mem_mib), sum(j.gpus) FROM placement p"
      " JOIN job j ON j.id = p.job_id GROUP BY p.instance_id" },
    { "inbox", "SELECT seq, instance_id FROM inbox WHERE consumer = 2 ORDER BY seq LIMIT 1000" },
    { "empty", "SELECT id FROM unnest($1::text[]) AS m(id)"
               " WHERE NOT EXISTS (SELECT 1 FROM placement p WHERE p.instance_id = m.id)" },

    { "status_put",
      "INSERT INTO ce_status (ce_id, version, valid, reason, desired_vcpus, shapes, lacking)"
      " SELECT m.ce_id, m.version, m.valid = 1, m.reason, m.desired, m.shapes, m.lacking"
      " FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::text[], $5::text[], $6::int[],"
      " $7::text[]) AS m(ce_id, version, desired, shapes, lacking, valid, reason)"
      " JOIN compute_environment e ON e.id = m.ce_id"
      " ON CONFLICT (ce_id) DO UPDATE SET version = excluded.version, valid = excluded.valid,"
      " reason = excluded.reason, desired_vcpus = excluded.desired_vcpus,"
      " shapes = excluded.shapes, lacking = excluded.lacking" },
    { "status_delete",
      "DELETE FROM ce_status s WHERE ce_id = ANY ($1::bigint[])"
      " AND NOT EXISTS (SELECT 1 FROM instance i WHERE i.ce_id = s.ce_id AND i.state < 4)" },
    { "inbox_delete", "DELETE FROM inbox WHERE consumer = 2 AND seq = ANY ($1::bigint[])" },
    { "insert",
      "INSERT INTO instance (id, ce_id, type, spot, mcpu, mem_mib, gpus, vcpus, state, token_hash,"
      " infra, doubtful) SELECT id, ce_id, type, spot = 1, mcpu, mem_mib, gpus, vcpus, 0,"
      " token_hash, infra, doubtful = 1"
      " FROM unnest($1::text[], $2::bigint[], $3::text[], $4::int[], $5::int[], $6::int[],"
      " $7::int[], $8::int[], $9::int[], $10::text[], $11::text[]) AS m(id, ce_id, type, spot,"
      " mcpu, mem_mib, gpus, vcpus, doubtful, token_hash, infra)" },
    { "join",
      "INSERT INTO instance (id, ce_id, type, spot, mcpu, mem_mib, gpus, vcpus, state, token_hash,"
      " infra) SELECT $1, c.id, $2, false, $3::int, $4::int, $5::int, 0, 0, $6, ''"
      " FROM join_token t JOIN compute_environment c ON c.id = t.ce_id"
      " WHERE t.hash = $7 AND c.name = $8 AND upper(c.type) = 'UNMANAGED' AND NOT c.deleting"
      " ON CONFLICT (id) DO NOTHING RETURNING ce_id" },
    { "found", "UPDATE instance i SET doubtful = false"
               " FROM (SELECT id FROM instance WHERE id = ANY ($1::text[]) AND doubtful"
               " ORDER BY id FOR UPDATE) l WHERE i.id = l.id RETURNING i.id" },
    { "retoken", "UPDATE instance SET token_hash = $2 WHERE id = $1 AND state < 4" },
    { "advance",
      ADVANCE("(1 << state) & $4::int <> 0",
              ", deadline_at = CASE WHEN $5::bigint < 0"
              " THEN i.deadline_at ELSE least(i.deadline_at, now() + $5::bigint * interval '1 ms')"
              " END") },
    { "overdue", "SELECT id FROM instance WHERE id = ANY ($1::text[]) AND state = 2"
                 " AND deadline_at <= now() AND EXISTS"
                 " (SELECT 1 FROM placement p WHERE p.instance_id = instance.id)" },
    /* DRAINING and LOST are committed before: nothing can be placed on these any more, so what is
     * not there now never will be. */
    { "end_empty",
      ADVANCE("state IN (2, 3)"
              " AND NOT EXISTS (SELECT 1 FROM placement p WHERE p.instance_id = instance.id)",
              "") },
    { 0 },
};

int store_envs(ob_db *db, PGresult **ret, ob_error *err)
{
    return ob_db_exec(db, "envs", NULL, ret, err);
}

int store_instances(ob_db *db, PGresult **ret, ob_error *err)
{
    return ob_db_exec(db, "insts", NULL, ret, err);
}

int store_use(ob_db *db, PGresult **ret, ob_error *err)
{
    return ob_db_exec(db, "use", NULL, ret, err);
}

int store_inbox(ob_db *db, PGresult **ret, ob_error *err)
{
    return ob_db_exec(db, "inbox", NULL, ret, err);
}

int store_empty(ob_db *db, const char *const *ids, size_t n, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_text_array(&p, ids, n);
    return ob_db_exec(db, "empty", &p, ret, err);
}

int store_overdue(ob_db *db, const char *const *ids, size_t n, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_text_array(&p, ids, n);
    return ob_db_exec(db, "overdue", &p, ret, err);
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
    ob_param_int64_array(&p, ids, n);
    ob_param_int64_array(&p, versions, n);
    ob_param_int32_array(&p, desired, n);
    ob_param_text_array(&p, shapes, n);
    ob_param_text_array(&p, lacking, n);
    ob_param_int32_array(&p, valid, n);
    ob_param_text_array(&p, reasons, n);
    return ob_db_pipe_add(ob_leader_db(leader), "status_put", &p, err);
}

int store_put_status(ob_leader *leader,
                     const store_status *status,
                     size_t n,
                     const int64_t *gone,
                     size_t n_gone,
                     const int64_t *inbox,
                     size_t n_inbox,
                     ob_error *err)
{
    int r = ob_leader_begin(leader, err);
    if (r == 0)
        r = add_status(leader, status, n, err);
    if (r == 0)
        r = add_ids(leader, "status_delete", gone, n_gone, err);
    if (r == 0)
        r = add_ids(leader, "inbox_delete", inbox, n_inbox, err);
    /* What could not be added makes the commit fail. */
    int c = ob_leader_commit(leader, COMMIT_TIMEOUT_MS, NULL, 0, r < 0 ? NULL : err);
    return r < 0 ? r : c;
}

int store_insert(ob_leader *leader, const store_instance *rows, size_t n, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_freep) const char **text = ob_calloc(4 * n, sizeof(*text));
    ob_cleanup(ob_freep) int64_t *ces = ob_calloc(n, sizeof(*ces));
    ob_cleanup(ob_freep) int32_t *number = ob_calloc(6 * n, sizeof(*number));
    for (size_t i = 0; i < n; i++) {
        text[i] = rows[i].id;
        text[n + i] = rows[i].type;
        text[2 * n + i] = rows[i].token_hash;
        text[3 * n + i] = rows[i].launch_hash;
        ces[i] = rows[i].ce_id;
        number[i] = rows[i].spot;
        number[n + i] = rows[i].size.mcpu;
        number[2 * n + i] = rows[i].size.mem_mib;
        number[3 * n + i] = rows[i].size.gpus;
        number[4 * n + i] = rows[i].vcpus;
        number[5 * n + i] = rows[i].may_fail;
    }
    ob_param_text_array(&p, text, n);
    ob_param_int64_array(&p, ces, n);
    ob_param_text_array(&p, text + n, n);
    for (size_t i = 0; i < 6; i++)
        ob_param_int32_array(&p, number + i * n, n);
    ob_param_text_array(&p, text + 2 * n, n);
    ob_param_text_array(&p, text + 3 * n, n);
    int r = ob_leader_begin(leader, err);
    if (r == 0)
        r = ob_db_pipe_add(ob_leader_db(leader), "insert", &p, err);
    int c = ob_leader_commit(leader, COMMIT_TIMEOUT_MS, NULL, 0, r < 0 ? NULL : err);
    return r < 0 ? r : c;
}

int store_retoken(ob_leader *leader, const char *id, const char *token_hash, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_text(&p, id);
    ob_param_text(&p, token_hash);
    int r = ob_leader_begin(leader, err);
    if (r == 0)
        r = ob_db_pipe_add(ob_leader_db(leader), "retoken", &p, err);
    int c = ob_leader_commit(leader, COMMIT_TIMEOUT_MS, NULL, 0, r < 0 ? NULL : err);
    return r < 0 ? r : c;
}

/* A round of one statement that returns ids. */
static int
move(ob_leader *leader, const char *stmt, const ob_params *p, PGresult **ret, ob_error *err)
{
    int r = ob_leader_begin(leader, err);
    if (r == 0)
        r = ob_db_pipe_add(ob_leader_db(leader), stmt, p, err);
    int c = ob_leader_commit(leader, COMMIT_TIMEOUT_MS, ret, 1, r < 0 ? NULL : err);
    return r < 0 ? r : c;
}

int store_found(ob_leader *leader, const char *const *ids, size_t n, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_text_array(&p, ids, n);
    return move(leader, "found", &p, ret, err);
}

int store_join(ob_leader *leader, const store_joining *row, int64_t *ret_ce, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_param_text(&p, row->id);
    ob_param_text(&p, PROVIDER_JOINED);
    ob_param_int(&p, row->size.mcpu);
    ob_param_int(&p, row->size.mem_mib);
    ob_param_int(&p, row->size.gpus);
    ob_param_text(&p, row->token_hash);
    ob_param_text(&p, row->join_hash);
    ob_param_text(&p, row->ce);
    int r = move(leader, "join", &p, &res, err);
    if (r == 0)
        *ret_ce = PQntuples(res) > 0 ? ob_col_int(res, 0, 0, 0) : 0;
    return r;
}

int store_advance(ob_leader *leader,
                  const char *const *ids,
                  size_t n,
                  unsigned from,
                  ob_instance_state to,
                  const char *reason,
                  int64_t deadline_ms,
                  PGresult **ret,
                  ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_text_array(&p, ids, n);
    ob_param_int(&p, to);
    ob_param_text(&p, reason);
    ob_param_int(&p, from);
    ob_param_int(&p, deadline_ms);
    return move(leader, "advance", &p, ret, err);
}

int store_end_empty(
    ob_leader *leader, const char *const *ids, size_t n, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_text_array(&p, ids, n);
    ob_param_int(&p, OB_INSTANCE_TERMINATED);
    ob_param_text(&p, NULL);
    return move(leader, "end_empty", &p, ret, err);
}
