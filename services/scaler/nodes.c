/* Nodes as instances, see nodes.h. Owns nothing: an environment owns its view of the cluster.
 * Invariants: rows are committed before memory follows and anything is done; an instance is LOST
 * only when its node was seen to be gone, out of service, or not Ready for long. Loop thread. */
#include "nodes.h"

#include <stdlib.h>
#include <string.h>

#include "announce.h"
#include "instance_moves.h"
#include "instances.h"
#include "launches.h"
#include "ob/log.h"
#include "scaler_store.h"

#define TURN_MS 100
#define NO_FOLDER                                                                                  \
    "CLIENT_ERROR - Unable to validate Kubernetes Namespace: OPENBATCH_KUBERNETES_DIR is not set"

/* What is decided for one environment. */
typedef struct nodes_view {
    instance **which; /* the instances behind 'instances' */
    node_instance *instances;
    size_t n;
    const node_seen *const *nodes;
    node_step *steps;
    size_t n_steps;
} nodes_view;

static void view_done(nodes_view *v)
{
    free(v->which);
    free(v->instances);
    free(v->steps);
}

static bool is_node_of(const env *e, const instance *in)
{
    return in->ce_id == e->id && in->origin == ORIGIN_NODE && in->node_name && in->node_uid;
}

static void decide_nodes(const scaler *s, const env *e, nodes_view *v)
{
    size_t n_nodes, all = HASH_COUNT(s->instances);
    v->nodes = kube_environment_nodes(e->kube, &n_nodes);
    v->which = ob_calloc(all + 1, sizeof(*v->which));
    v->instances = ob_calloc(all + 1, sizeof(*v->instances));
    v->steps = ob_calloc(all + n_nodes + 1, sizeof(*v->steps));
    for (instance *in = s->instances; in; in = in->hh.next) {
        if (!is_node_of(e, in))
            continue;
        v->instances[v->n] =
            (node_instance){ .id = in->id,
                             .node = kube_environment_node_at(e->kube, in->node_uid),
                             .state = in->state,
                             .size = in->size,
                             .used = in->used };
        v->which[v->n++] = in;
    }
    v->n_steps = node_decide(&(node_view){ .nodes = v->nodes,
                                           .n_nodes = n_nodes,
                                           .instances = v->instances,
                                           .n_instances = v->n,
                                           .joins = e->enabled && !e->deleting && !e->invalid,
                                           .lost_ms = s->config.kubernetes_lost_ms },
                             v->steps);
}

/* ---- Acting ---- */

/* Those that are lost for the same reason, in one transaction. One that nothing was placed on yet
 * just ends. */
static int lose(scaler *s, const nodes_view *v, node_reason reason, ob_error *err)
{
    ob_cleanup(id_list_done) id_list alive = { 0 };
    ob_cleanup(id_list_done) id_list launching = { 0 };
    const char *text = node_reason_text(reason);
    for (size_t i = 0; i < v->n_steps; i++) {
        const node_step *step = &v->steps[i];
        if (step->kind != NODE_LOST || step->reason != reason)
            continue;
        instance *in = v->which[step->instance];
        in->end_code = "gone";
        id_list_add(in->state == OB_INSTANCE_LAUNCHING ? &launching : &alive, in->id);
    }
    int r =
        moves_advance(s, &launching, BIT(OB_INSTANCE_LAUNCHING), OB_INSTANCE_TERMINATED, text, err);
    if (r == 0)
        r = moves_advance(s, &alive, BIT(OB_INSTANCE_ACTIVE) | BIT(OB_INSTANCE_DRAINING),
                          OB_INSTANCE_LOST, text, err);
    return r;
}

static int drain(scaler *s, const nodes_view *v, node_reason reason, ob_error *err)
{
    ob_cleanup(ob_freep) instance **which = ob_calloc(v->n + 1, sizeof(*which));
    size_t n = 0;
    for (size_t i = 0; i < v->n_steps; i++)
        if (v->steps[i].kind == NODE_DRAINS && v->steps[i].reason == reason)
            which[n++] = v->which[v->steps[i].instance];
    return n > 0 ? instances_drain(s, which, n, node_reason_text(reason), -1, err) : 0;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const store_size *)a)->id, ((const store_size *)b)->id);
}

/* What the rows have now: one that has ended meanwhile stays as it is. rows: sorted. */
static void resized(scaler *s, const PGresult *res, const store_size *rows, size_t n)
{
    ob_cleanup(id_list_done) id_list changed = { 0 };
    for (int i = 0; i < PQntuples(res); i++) {
        const store_size key = { .id = PQgetvalue(res, i, MOVED_ID) };
        const store_size *row = bsearch(&key, rows, n, sizeof(*rows), by_id);
        instance *in = scaler_instance(s, key.id);
        if (!in || !row)
            continue;
        in->size = row->size;
        id_list_add(&changed, in->id);
    }
    announce_instances(s, changed.ids, changed.n);
}

static int resize(scaler *s, const nodes_view *v, ob_error *err)
{
    ob_cleanup(ob_freep) store_size *rows = ob_calloc(v->n + 1, sizeof(*rows));
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    size_t n = 0;
    for (size_t i = 0; i < v->n_steps; i++)
        if (v->steps[i].kind == NODE_SIZED)
            rows[n++] =
                (store_size){ .id = v->which[v->steps[i].instance]->id, .size = v->steps[i].size };
    if (n == 0)
        return 0;
    qsort(rows, n, sizeof(*rows), by_id);
    int r = store_resize(s->leader, rows, n, &res, err);
    if (r == 0)
        resized(s, res, rows, n);
    return r;
}

static int join(scaler *s, const env *e, const nodes_view *v, int64_t now_ms, ob_error *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < v->n_steps; i++) {
        const node_step *step = &v->steps[i];
        if (step->kind != NODE_JOINS)
            continue;
        r = launches_join_node(s, e, &v->nodes[step->node]->facts, &step->size, now_ms, err);
        if (r == 0)
            r = ob_leader_keep(s->leader, err);
    }
    return r;
}

static int act_on_nodes(scaler *s, const env *e, int64_t now_ms, ob_error *err)
{
    ob_cleanup(view_done) nodes_view v = { 0 };
    decide_nodes(s, e, &v);
    int r = resize(s, &v, err);
    for (int reason = NODE_REASON_NONE + 1; r == 0 && reason < NODE_REASONS; reason++) {
        r = drain(s, &v, (node_reason)reason, err);
        if (r == 0)
            r = lose(s, &v, (node_reason)reason, err);
    }
    return r < 0 ? r : join(s, e, &v, now_ms, err);
}

/* ---- Turns ---- */

static void set_invalid(env *e, const char *invalid)
{
    if (invalid && (!e->invalid || strcmp(invalid, e->invalid) != 0))
        ob_warn("cluster.refused", "{s:s, s:s}", "ce", e->name, "error", invalid);
    char *copy = invalid ? ob_strdup(invalid) : NULL;
    free(e->invalid);
    e->invalid = copy;
}

static void look(scaler *s, env *e, int64_t now_ms)
{
    if (!e->kube)
        e->kube = kube_environment_new(
            &(kube_environment_options){ .dir = s->config.kubernetes_dir,
                                         .cluster = e->cluster,
                                         .kube_namespace = e->kube_namespace,
                                         .uuid = e->uuid,
                                         .lost_ms = s->config.kubernetes_lost_ms });
    for (const instance *in = s->instances; in; in = in->hh.next)
        if (is_node_of(e, in) && in->state != OB_INSTANCE_LOST)
            kube_environment_want(e->kube, in->node_name, in->node_uid);
    kube_environment_step(e->kube, now_ms);
    e->unchecked = !kube_environment_checked(e->kube);
    set_invalid(e, e->unchecked ? NULL : kube_environment_invalid(e->kube));
}

static bool has_instance(const scaler *s, const env *e)
{
    for (const instance *in = s->instances; in; in = in->hh.next)
        if (in->ce_id == e->id)
            return true;
    return false;
}

/* An environment that is deleted is there until nothing of it is left in its cluster. */
static void clear(const scaler *s, env *e, int64_t now_ms)
{
    const char *left;
    if (!e->deleting || e->cleared || has_instance(s, e))
        return;
    e->cleared = kube_environment_clear(e->kube, now_ms, &left);
    if (e->cleared && left)
        ob_warn("cluster.left", "{s:s, s:s, s:s}", "ce", e->name, "uuid", e->uuid, "error", left);
}

static int turn_of(scaler *s, env *e, int64_t now_ms, ob_error *err)
{
    if (!s->config.kubernetes_dir || !*s->config.kubernetes_dir) {
        e->unchecked = false;
        e->cleared = true; /* there is no way to it */
        set_invalid(e, NO_FOLDER);
        return 0;
    }
    if (e->kube)
        clear(s, e, now_ms);
    look(s, e, now_ms);
    return e->unchecked ? 0 : act_on_nodes(s, e, now_ms, err);
}

int nodes_turn(scaler *s, int64_t now_ms, ob_error *err)
{
    int r = 0;
    if (s->nodes_at_ms > 0 && now_ms - s->nodes_at_ms < TURN_MS)
        return 0;
    s->nodes_at_ms = now_ms;
    for (env *e = s->envs; r == 0 && e; e = e->hh.next)
        if (e->kubernetes)
            r = turn_of(s, e, now_ms, err);
    return r;
}
