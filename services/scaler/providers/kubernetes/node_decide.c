/* Decides about nodes and instances, see node_decide.h. Owns nothing. Invariant: a node has at most
 * one instance that has not ended. Pure: any thread. */
#include "node_decide.h"

#include <string.h>

#include "ob/text.h"

/* The index of an instance's node; n_nodes: it was not seen. */
static size_t node_of(const node_view *view, const node_instance *in)
{
    size_t i = 0;
    while (i < view->n_nodes && strcmp(view->nodes[i].facts.uid, in->node_uid) != 0)
        i++;
    return i;
}

static bool has_instance(const node_view *view, const node_facts *node)
{
    for (size_t i = 0; i < view->n_instances; i++)
        if (!strcmp(view->instances[i].node_uid, node->uid))
            return true;
    return false;
}

/* Is what runs on a node lost? Fills the reason then. */
static bool is_lost(const node_view *view, const node_seen *node, node_step *step)
{
    const char *name = node->facts.name;
    if (node->gone)
        ob_text_format(step->reason, sizeof(step->reason), "node %s is gone", name);
    else if (node->facts.out_of_service)
        ob_text_format(step->reason, sizeof(step->reason), "node %s is out of service", name);
    else if (!node->facts.ready && node->sure && node->not_ready_ms >= view->lost_ms)
        ob_text_format(step->reason, sizeof(step->reason), "node %s is not Ready for %lld s", name,
                       (long long)(node->not_ready_ms / 1000));
    else
        return false;
    return true;
}

static bool takes_no_more(const node_facts *node, node_step *step)
{
    if (!node->labelled)
        ob_text_format(step->reason, sizeof(step->reason),
                       "node %s has lost its environment's label", node->name);
    else if (node->cordoned)
        ob_text_format(step->reason, sizeof(step->reason), "node %s is cordoned", node->name);
    else if (node->taint == NODE_TAINT_LASTING)
        ob_text_format(step->reason, sizeof(step->reason), "node %s has a taint", node->name);
    else
        return false;
    return true;
}

static bool same_size(const ob_resources *a, const ob_resources *b)
{
    return a->mcpu == b->mcpu && a->mem_mib == b->mem_mib && a->gpus == b->gpus;
}

/* What becomes of an instance. Returns whether that is anything. */
static bool decide_instance_of(const node_view *view, size_t at, node_step *step)
{
    const node_instance *in = &view->instances[at];
    size_t node = node_of(view, in);
    if (node == view->n_nodes || in->state >= OB_INSTANCE_LOST)
        return false;
    const node_seen *seen = &view->nodes[node];
    *step = (node_step){ .node = node, .instance = at };
    if (is_lost(view, seen, step)) {
        step->kind = NODE_LOST;
        return true;
    }
    if (in->state == OB_INSTANCE_DRAINING)
        return false;
    if (takes_no_more(&seen->facts, step)) {
        step->kind = NODE_DRAINS;
        return true;
    }
    step->kind = NODE_SIZED;
    step->size = node_facts_size(&seen->facts, &in->others);
    return in->load_known && !same_size(&step->size, &in->size);
}

/* May a node become an instance? */
static bool joins(const node_view *view, size_t at, node_step *step)
{
    const node_seen *node = &view->nodes[at];
    if (!view->joins || !node->load_known || node->gone || node->facts.out_of_service ||
        !node->facts.ready || !node->facts.labelled || node->facts.cordoned ||
        node->facts.taint != NODE_TAINT_NONE || has_instance(view, &node->facts))
        return false;
    *step = (node_step){ .kind = NODE_JOINS,
                         .node = at,
                         .size = node_facts_size(&node->facts, &node->load) };
    return step->size.mcpu > 0 && step->size.mem_mib > 0;
}

size_t node_decide(const node_view *view, node_step *out)
{
    size_t n = 0;
    for (size_t i = 0; i < view->n_instances; i++)
        n += decide_instance_of(view, i, &out[n]);
    for (size_t i = 0; i < view->n_nodes; i++)
        n += joins(view, i, &out[n]);
    return n;
}
