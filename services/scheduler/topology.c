/* Queues, environments and instances. Owns the scheduler's data about them in addition to the
 * engine's: names, versions, and which must be read again. Never writes a row: queue statuses are
 * written with the round (commit.c). Invariant: the engine's data come from committed rows. Thread:
 * the loop's. */
#include "topology.h"

#include <string.h>

#include <uthash.h>

#include "ob/log.h"
#include "peers.h"
#include "round_sql.h"
#include "scheduler_store.h"
#include "topology_rows.h"

typedef struct known_queue {
    int64_t id;
    int64_t version, known_version; /* wanted; written to queue_status (-1: no row) */
    bool deleting, gone_tried, seen;
    UT_hash_handle hh;
} known_queue;

typedef struct known_ce {
    int64_t id;
    char *name;
    bool seen;
    UT_hash_handle hh;
} known_ce;

typedef struct id_list {
    int64_t *at;
    size_t n, cap;
} id_list;

typedef struct name_list {
    char **at;
    size_t n, cap;
} name_list;

struct topology {
    known_queue *queues;
    known_ce *ces;
    id_list queues_changed, ces_changed;
    name_list instances_changed;
    id_list owed, owed_versions, gone; /* what topology_owes returned */
};

static void ids_append(id_list *list, int64_t id)
{
    if (list->n == list->cap) {
        list->cap = list->cap ? list->cap * 2 : 16;
        list->at = ob_realloc(list->at, list->cap * sizeof(*list->at));
    }
    list->at[list->n++] = id;
}

static void ids_add(id_list *list, int64_t id)
{
    for (size_t i = 0; i < list->n; i++) {
        if (list->at[i] == id)
            return;
    }
    ids_append(list, id);
}

static void names_clear(name_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->at[i]);
    list->n = 0;
}

static void names_add(name_list *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->at[i], name) == 0)
            return;
    }
    if (list->n == list->cap) {
        list->cap = list->cap ? list->cap * 2 : 16;
        list->at = ob_realloc(list->at, list->cap * sizeof(*list->at));
    }
    list->at[list->n++] = ob_strdup(name);
}

static known_queue *find_queue(const topology *t, int64_t id)
{
    known_queue *q;
    HASH_FIND(hh, t->queues, &id, sizeof(id), q);
    return q;
}

static known_ce *find_ce(const topology *t, int64_t id)
{
    known_ce *ce;
    HASH_FIND(hh, t->ces, &id, sizeof(id), ce);
    return ce;
}

static void forget_queue(topology *t, known_queue *q)
{
    HASH_DEL(t->queues, q);
    free(q);
}

static void forget_ce(topology *t, known_ce *ce)
{
    HASH_DEL(t->ces, ce);
    free(ce->name);
    free(ce);
}

topology *topology_new(void)
{
    return ob_calloc(1, sizeof(topology));
}

void topology_clear(topology *t)
{
    known_queue *q, *q_next;
    HASH_ITER(hh, t->queues, q, q_next)
    {
        forget_queue(t, q);
    }
    known_ce *ce, *ce_next;
    HASH_ITER(hh, t->ces, ce, ce_next)
    {
        forget_ce(t, ce);
    }
    t->queues_changed.n = t->ces_changed.n = 0;
    names_clear(&t->instances_changed);
}

void topology_free(topology *t)
{
    if (!t)
        return;
    topology_clear(t);
    free(t->queues_changed.at);
    free(t->ces_changed.at);
    free(t->instances_changed.at);
    free(t->owed.at);
    free(t->owed_versions.at);
    free(t->gone.at);
    free(t);
}

void topology_queue_changed(topology *t, int64_t id)
{
    ids_add(&t->queues_changed, id);
}

void topology_ce_changed(topology *t, int64_t id)
{
    ids_add(&t->ces_changed, id);
}

void topology_instance_changed(topology *t, const char *id)
{
    names_add(&t->instances_changed, id);
}

void topology_want_queue(topology *t, int64_t id)
{
    if (!find_queue(t, id))
        ids_add(&t->queues_changed, id);
}

const char *topology_ce_name(const topology *t, int64_t ce_id)
{
    const known_ce *ce = find_ce(t, ce_id);
    return ce ? ce->name : "";
}

void topology_each_ce(const topology *t, void (*fn)(int64_t ce_id, void *arg), void *arg)
{
    for (const known_ce *ce = t->ces; ce; ce = ce->hh.next)
        fn(ce->id, arg);
}

/* ---- Environments ---- */

static void put_ce(scheduler *s, const PGresult *res, int row)
{
    topology *t = s->topology;
    ce_row put;
    ce_row_read(res, row, &put);
    known_ce *ce = find_ce(t, put.ce.id);
    if (!ce) {
        ce = ob_calloc(1, sizeof(*ce));
        ce->id = put.ce.id;
        ce->name = ob_strdup(put.ce.name);
        HASH_ADD(hh, t->ces, id, sizeof(ce->id), ce);
    }
    ce->seen = true;
    engine_put_ce(s->engine, &put.ce);
    ce_row_done(&put);
}

static void drop_ce(scheduler *s, int64_t id)
{
    known_ce *ce = find_ce(s->topology, id);
    if (!ce)
        return;
    engine_drop_ce(s->engine, id);
    forget_ce(s->topology, ce);
}

/* ---- Queues ---- */

static void put_queue(scheduler *s, const PGresult *res, int row)
{
    topology *t = s->topology;
    queue_row put;
    queue_row_read(res, row, &put);
    known_queue *q = find_queue(t, put.queue.id);
    if (!q) {
        q = ob_calloc(1, sizeof(*q));
        q->id = put.queue.id;
        HASH_ADD(hh, t->queues, id, sizeof(q->id), q);
    }
    q->seen = true;
    q->deleting = put.queue.deleting;
    q->gone_tried = false;
    q->version = ob_col_int(res, row, QUEUE_VERSION, 0);
    q->known_version = ob_col_int(res, row, QUEUE_KNOWN_VERSION, -1);
    engine_put_queue(s->engine, &put.queue);
    queue_row_done(&put);
}

/* A job was accepted for a queue that has been deleted: it ends like those of a queue that is being
 * deleted */
static void put_deleted_queue(scheduler *s, int64_t id)
{
    engine_queue put = { .id = id, .name = "", .deleting = true };
    engine_put_queue(s->engine, &put);
}

/* ---- Instances ---- */

static void put_instance(scheduler *s, const PGresult *res, int row, bool loading)
{
    const char *id = ob_col(res, row, INSTANCE_ID);
    ob_instance_state state = (ob_instance_state)ob_col_int(res, row, INSTANCE_STATE, 0);
    if (!loading && state >= OB_INSTANCE_LOST && ob_col_bool(res, row, INSTANCE_JOINED))
        peers_leave(s->peers, id, ob_col(res, row, INSTANCE_KEY_SALT));
    if (!loading && state == OB_INSTANCE_TERMINATED) {
        engine_drop_instance(s->engine, id);
        peers_drop(s->peers, id);
        return;
    }
    if (loading && state >= OB_INSTANCE_LOST) {
        /* Its runs are loaded first and ended then (topology_loaded). */
        topology_instance_changed(s->topology, id);
        state = OB_INSTANCE_DRAINING;
    }
    engine_instance put = instance_row_read(res, row);
    put.state = state;
    /* A doubtful instance does not count; if its executor sends a message, it becomes known. */
    if (ob_col_bool(res, row, INSTANCE_DOUBTFUL))
        engine_drop_instance(s->engine, id);
    else
        engine_put_instance(s->engine, &put);
    peers_put(s->peers, id, put.ce_id, state, ob_col(res, row, INSTANCE_KEY_SALT),
              ob_col(res, row, INSTANCE_TOKEN_HASH));
}

static void drop_instance(const char *id, void *arg)
{
    scheduler *s = arg;
    engine_drop_instance(s->engine, id);
}

/* ---- Reading ---- */

static void want_ces(topology *t, const PGresult *queues, const PGresult *instances)
{
    for (int i = 0; queues && i < PQntuples(queues); i++) {
        int64_t ids[ENGINE_MAX_CES];
        size_t n = queue_row_ces(queues, i, ids);
        for (size_t k = 0; k < n; k++) {
            if (!find_ce(t, ids[k]))
                ids_add(&t->ces_changed, ids[k]);
        }
    }
    for (int i = 0; instances && i < PQntuples(instances); i++) {
        int64_t id = ob_col_int(instances, i, INSTANCE_CE_ID, 0);
        if (!find_ce(t, id))
            ids_add(&t->ces_changed, id);
    }
}

/* id_column: QUEUE_ID or another. */
static bool has_row(const PGresult *res, int id_column, int64_t id)
{
    for (int i = 0; i < PQntuples(res); i++) {
        if (ob_col_int(res, i, id_column, 0) == id)
            return true;
    }
    return false;
}

static bool has_instance_row(const PGresult *res, const char *id)
{
    for (int i = 0; i < PQntuples(res); i++) {
        if (strcmp(ob_col(res, i, INSTANCE_ID), id) == 0)
            return true;
    }
    return false;
}

static void apply_queues(scheduler *s, const PGresult *res)
{
    topology *t = s->topology;
    for (int i = 0; i < PQntuples(res); i++)
        put_queue(s, res, i);
    for (size_t i = 0; i < t->queues_changed.n; i++) {
        if (!has_row(res, QUEUE_ID, t->queues_changed.at[i]))
            put_deleted_queue(s, t->queues_changed.at[i]);
    }
}

static void apply_instances(scheduler *s, const PGresult *res)
{
    topology *t = s->topology;
    for (int i = 0; i < PQntuples(res); i++)
        put_instance(s, res, i, false);
    for (size_t i = 0; i < t->instances_changed.n; i++) {
        const char *id = t->instances_changed.at[i];
        if (!has_instance_row(res, id)) {
            engine_drop_instance(s->engine, id);
            peers_drop(s->peers, id);
        }
    }
}

int topology_refresh(scheduler *s, ob_error *err)
{
    topology *t = s->topology;
    ob_cleanup(ob_pq_clearp) PGresult *queues = NULL;
    ob_cleanup(ob_pq_clearp) PGresult *instances = NULL;
    ob_cleanup(ob_pq_clearp) PGresult *ces = NULL;
    int r = 0;
    if (t->queues_changed.n > 0)
        r = store_queues(s->db, t->queues_changed.at, t->queues_changed.n, &queues, err);
    if (r == 0 && t->instances_changed.n > 0)
        r = store_instances(s->db, (const char *const *)t->instances_changed.at,
                            t->instances_changed.n, &instances, err);
    if (r < 0)
        return r;
    want_ces(t, queues, instances);
    if (t->ces_changed.n > 0)
        r = store_ces(s->db, t->ces_changed.at, t->ces_changed.n, &ces, err);
    if (r < 0)
        return r;

    for (int i = 0; ces && i < PQntuples(ces); i++)
        put_ce(s, ces, i);
    for (size_t i = 0; ces && i < t->ces_changed.n; i++) {
        if (!has_row(ces, CE_ID, t->ces_changed.at[i]))
            drop_ce(s, t->ces_changed.at[i]);
    }
    if (queues)
        apply_queues(s, queues);
    if (instances)
        apply_instances(s, instances);
    t->ces_changed.n = t->queues_changed.n = 0;
    names_clear(&t->instances_changed);
    return 0;
}

/* Drops queues and environments without a row. */
static void drop_unseen(scheduler *s)
{
    topology *t = s->topology;
    known_queue *q, *q_next;
    HASH_ITER(hh, t->queues, q, q_next)
    {
        if (q->seen)
            continue;
        if (engine_queue_empty(s->engine, q->id)) {
            engine_drop_queue(s->engine, q->id);
            forget_queue(t, q);
        } else {
            put_deleted_queue(s, q->id);
        }
    }
    known_ce *ce, *ce_next;
    HASH_ITER(hh, t->ces, ce, ce_next)
    {
        if (!ce->seen)
            drop_ce(s, ce->id);
    }
}

/* Its row still exists, but its status has been removed: nothing is left to do. */
static bool is_gone(const topology *t, const PGresult *res, int row)
{
    return ob_col_bool(res, row, QUEUE_DELETING) && !ob_col(res, row, QUEUE_KNOWN_VERSION) &&
           !find_queue(t, ob_col_int(res, row, QUEUE_ID, 0));
}

int topology_read_all(scheduler *s, bool loading, ob_error *err)
{
    topology *t = s->topology;
    ob_cleanup(ob_pq_clearp) PGresult *queues = NULL;
    ob_cleanup(ob_pq_clearp) PGresult *instances = NULL;
    ob_cleanup(ob_pq_clearp) PGresult *ces = NULL;
    int r = store_queues(s->db, NULL, 0, &queues, err);
    if (r == 0)
        r = store_instances(s->db, NULL, 0, &instances, err);
    if (r == 0)
        r = store_ces(s->db, NULL, 0, &ces, err);
    if (r < 0)
        return r;

    for (known_queue *q = t->queues; q; q = q->hh.next)
        q->seen = false;
    for (known_ce *ce = t->ces; ce; ce = ce->hh.next)
        ce->seen = false;
    peers_unsee(s->peers);
    for (int i = 0; i < PQntuples(ces); i++)
        put_ce(s, ces, i);
    for (int i = 0; i < PQntuples(queues); i++) {
        if (loading || !is_gone(t, queues, i))
            put_queue(s, queues, i);
    }
    for (int i = 0; i < PQntuples(instances); i++)
        put_instance(s, instances, i, loading);
    if (!loading)
        drop_unseen(s);
    peers_drop_unseen(s->peers, drop_instance, s);
    return 0;
}

int topology_loaded(scheduler *s, ob_error *err)
{
    return topology_refresh(s, err);
}

/* ---- Statuses of queues ---- */

void topology_owes(scheduler *s, topology_owed *ret)
{
    topology *t = s->topology;
    t->owed.n = t->owed_versions.n = t->gone.n = 0;
    for (known_queue *q = t->queues; q; q = q->hh.next) {
        if (q->deleting && engine_queue_empty(s->engine, q->id)) {
            if (!q->gone_tried)
                ids_append(&t->gone, q->id);
        } else if (q->known_version != q->version) {
            ids_append(&t->owed, q->id);
            ids_append(&t->owed_versions, q->version);
        }
    }
    *ret = (topology_owed){
        .queues = t->owed.at,
        .versions = t->owed_versions.at,
        .gone = t->gone.at,
        .n_queues = t->owed.n,
        .n_gone = t->gone.n,
    };
}

void topology_retry_gone(topology *t)
{
    for (known_queue *q = t->queues; q; q = q->hh.next)
        q->gone_tried = false;
}

void topology_committed(scheduler *s, const topology_owed *owed, const PGresult *gone)
{
    topology *t = s->topology;
    for (size_t i = 0; i < owed->n_queues; i++) {
        known_queue *q = find_queue(t, owed->queues[i]);
        if (q)
            q->known_version = owed->versions[i];
    }
    for (size_t i = 0; i < owed->n_gone; i++) {
        known_queue *q = find_queue(t, owed->gone[i]);
        if (!q)
            continue;
        /* Without a status row of its own (a scheduler that died between) nothing is returned; it
         * is as gone as it was. */
        bool removed = gone && has_row(gone, GONE_QUEUE_ID, q->id);
        if (removed)
            ob_info("queue.removed", "{s:I}", "queue", (json_int_t)q->id);
        if (removed || q->known_version < 0) {
            engine_drop_queue(s->engine, q->id);
            forget_queue(t, q);
        } else {
            q->gone_tried = true;
        }
    }
}
