/* Nodes as instances, see nodes.h. Owns nothing: an environment owns its view of the cluster.
 * Invariants: rows are committed before memory follows and anything is done; an instance is LOST
 * only when its node was seen to be gone, out of service, or not Ready for long. Loop thread. */
#include "nodes.h"

#include <string.h>

#include "announce.h"
#include "instance_moves.h"
#include "instances.h"
#include "launches.h"
#include "ob/log.h"

/* What is decided for one environment. */
typedef struct nodes_view {
    instance **which; /* the instances behind 'instances' */
    node_instance *instances;
    size_t n;
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
    const node_seen *nodes = kube_environment_nodes(e->kube, &n_nodes);
    v->which = ob_calloc(all + 1, sizeof(*v->which));
    v->instances = ob_calloc(all + 1, sizeof(*v->instances));
    v->steps = ob_calloc(all + n_nodes + 1, sizeof(*v->steps));
    for (instance *in = s->instances; in; in = in->hh.next) {
        if (!is_node_of(e, in))
            continue;
        node_instance *one = &v->instances[v->n];
        *one = (node_instance){
            .id = in->id, .node_uid = in->node_uid, .state = in->state, .size = in->size
        };
        one->load_known = kube_environment_others(e->kube, in->node_uid, in->id, &one->others);
        v->which[v->n++] = in;
    }
    v->n_steps = node_decide(&(node_view){ .nodes = nodes,
                                           .n_nodes = n_nodes,
                                           .instances = v->instances,
                                           .n_instances = v->n,
                                           .joins = e->enabled && !e->deleting && !e->invalid,
                                           .lost_ms = s->config.kubernetes_lost_ms },
                             v->steps);
}

/* ---- Acting ---- */

/* One that nothing was placed on yet just ends. */
static int lose(scaler *s, instance *in, const char *reason, ob_error *err)
{
    id_list one = { .ids = (const char *[]){ in->id }, .n = 1 };
    bool launching = in->state == OB_INSTANCE_LAUNCHING;
    in->end_code = "gone";
    return launching ? moves_advance(s, &one, BIT(OB_INSTANCE_LAUNCHING), OB_INSTANCE_TERMINATED,
                                     reason, err)
                     : moves_advance(s, &one, BIT(OB_INSTANCE_ACTIVE) | BIT(OB_INSTANCE_DRAINING),
                                     OB_INSTANCE_LOST, reason, err);
}

static int resize(scaler *s, const nodes_view *v, ob_error *err)
{
    ob_cleanup(ob_freep) store_size *rows = ob_calloc(v->n + 1, sizeof(*rows));
    ob_cleanup(ob_freep) const char **ids = ob_calloc(v->n + 1, sizeof(*ids));
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    size_t n = 0;
    for (size_t i = 0; i < v->n_steps; i++)
        if (v->steps[i].kind == NODE_SIZED) {
            const instance *in = v->which[v->steps[i].instance];
            ids[n] = in->id;
            rows[n++] = (store_size){ .id = in->id, .size = v->steps[i].size };
        }
    if (n == 0)
        return 0;
    int r = store_resize(s->leader, rows, n, &res, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++) {
        instance *in = scaler_instance(s, rows[i].id);
        if (in)
            in->size = rows[i].size;
    }
    announce_instances(s, ids, n);
    return 0;
}

static int
act_on(scaler *s, env *e, const nodes_view *v, const node_step *step, int64_t now_ms, ob_error *err)
{
    size_t n;
    const node_seen *nodes = kube_environment_nodes(e->kube, &n);
    switch (step->kind) {
    case NODE_JOINS:
        return launches_join_node(s, e, &nodes[step->node].facts, &step->size, now_ms, err);
    case NODE_DRAINS:
        return instances_drain(s, &v->which[step->instance], 1, step->reason, -1, err);
    case NODE_LOST:
        return lose(s, v->which[step->instance], step->reason, err);
    case NODE_SIZED:
        return 0; /* all together, before */
    }
    return 0;
}

/* ---- Turns ---- */

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
    const char *invalid = e->unchecked ? NULL : kube_environment_invalid(e->kube);
    if (invalid && (!e->invalid || strcmp(invalid, e->invalid) != 0))
        ob_warn("cluster.refused", "{s:s, s:s}", "ce", e->name, "error", invalid);
    free(e->invalid);
    e->invalid = invalid ? ob_strdup(invalid) : NULL;
}

int nodes_turn(scaler *s, int64_t now_ms, ob_error *err)
{
    int r = 0;
    if (!s->config.kubernetes_dir || !*s->config.kubernetes_dir)
        return 0;
    for (env *e = s->envs; r == 0 && e; e = e->hh.next) {
        if (!e->kubernetes)
            continue;
        look(s, e, now_ms);
        if (e->unchecked)
            continue;
        ob_cleanup(view_done) nodes_view v = { 0 };
        decide_nodes(s, e, &v);
        r = resize(s, &v, err);
        for (size_t i = 0; r == 0 && i < v.n_steps; i++)
            r = act_on(s, e, &v, &v.steps[i], now_ms, err);
    }
    return r;
}
