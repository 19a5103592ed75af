/* Decides about nodes and instances, see node_decide.h. Owns nothing. Invariants: a node has at
 * most one instance that jobs are placed on; what those before it still use there, it does not get.
 * Pure: any thread. */
#include "node_decide.h"

#include <stdlib.h>

#include "ob/mem.h"

#define INSTANCES_MAX 3 /* of a node, that have not ended: it may be taken away and given often */
#define MIB (1024 * 1024)

/* The instances of a node. */
typedef struct node_sum {
    size_t n;
    bool taken; /* by one that jobs are placed on, or what one that is lost ran there is not settled
                 */
    node_amount used; /* of all */
} node_sum;

static const char *const reasons[NODE_REASONS] = {
    [NODE_REASON_NONE] = "",
    [NODE_REASON_GONE] = "its node is gone",
    [NODE_REASON_OUT_OF_SERVICE] = "its node is out of service",
    [NODE_REASON_NOT_READY] = "its node has not been Ready for too long",
    [NODE_REASON_NO_LABEL] = "its node has lost the label of its compute environment",
    [NODE_REASON_CORDONED] = "its node is cordoned",
    [NODE_REASON_TAINTED] = "its node has a taint",
};

const char *node_reason_text(node_reason reason)
{
    return reasons[reason];
}

/* ---- Sums ---- */

static node_amount amount_of(const ob_resources *r)
{
    return (
        node_amount){ .mcpu = r->mcpu, .mem_bytes = (int64_t)r->mem_mib * MIB, .gpus = r->gpus };
}

static void add_instances(const node_view *view, node_sum *sums)
{
    for (size_t i = 0; i < view->n_instances; i++) {
        const node_instance *in = &view->instances[i];
        if (in->node == view->n_nodes)
            continue;
        node_sum *sum = &sums[in->node];
        sum->n++;
        sum->taken = sum->taken || in->state != OB_INSTANCE_DRAINING;
        node_amount used = amount_of(&in->used);
        node_amount_add(&sum->used, &used);
    }
}

/* What is left of a node for one of its instances (NULL: for a new one). */
static ob_resources size_of(const node_seen *node, const node_sum *sum, const node_instance *in)
{
    node_amount own = in ? amount_of(&in->used) : (node_amount){ 0 };
    node_amount others = { .mcpu = sum->used.mcpu - own.mcpu,
                           .mem_bytes = sum->used.mem_bytes - own.mem_bytes,
                           .gpus = sum->used.gpus - own.gpus };
    node_amount taken = node->load;
    node_amount_add(&taken, &others);
    return node_facts_size(&node->facts, &taken);
}

/* ---- Instances ---- */

static node_reason why_lost(const node_view *view, const node_seen *node)
{
    if (node->gone)
        return NODE_REASON_GONE;
    if (node->facts.out_of_service)
        return NODE_REASON_OUT_OF_SERVICE;
    bool is_late = !node->facts.ready && node->sure && node->not_ready_ms >= view->lost_ms;
    return is_late ? NODE_REASON_NOT_READY : NODE_REASON_NONE;
}

static node_reason why_drained(const node_facts *node)
{
    if (!node->labelled)
        return NODE_REASON_NO_LABEL;
    if (node->cordoned)
        return NODE_REASON_CORDONED;
    return node->taint == NODE_TAINT_LASTING ? NODE_REASON_TAINTED : NODE_REASON_NONE;
}

/* Takes it new pods now? */
static bool takes_pods(const node_facts *node)
{
    return node->ready && node->taint == NODE_TAINT_NONE;
}

static bool same_size(const ob_resources *a, const ob_resources *b)
{
    return a->mcpu == b->mcpu && a->mem_mib == b->mem_mib && a->gpus == b->gpus;
}

/* While its node takes no pods, its size is 0. */
static bool has_other_size(const node_view *view, const node_sum *sums, node_step *step)
{
    const node_instance *in = &view->instances[step->instance];
    const node_seen *node = view->nodes[step->node];
    bool takes = takes_pods(&node->facts);
    step->kind = NODE_SIZED;
    step->size = takes ? size_of(node, &sums[step->node], in) : (ob_resources){ 0 };
    return (node->load_known || !takes) && !same_size(&step->size, &in->size);
}

/* What becomes of an instance. Returns whether that is anything. */
static bool decide_instance(const node_view *view, const node_sum *sums, size_t at, node_step *step)
{
    const node_instance *in = &view->instances[at];
    if (in->node == view->n_nodes || in->state >= OB_INSTANCE_LOST)
        return false;
    const node_seen *node = view->nodes[in->node];
    *step = (node_step){
        .kind = NODE_LOST, .node = in->node, .instance = at, .reason = why_lost(view, node)
    };
    if (step->reason != NODE_REASON_NONE)
        return true;
    if (in->state == OB_INSTANCE_DRAINING)
        return false;
    step->kind = NODE_DRAINS;
    step->reason = why_drained(&node->facts);
    return step->reason != NODE_REASON_NONE || has_other_size(view, sums, step);
}

/* ---- Nodes ---- */

/* May a node become an instance? */
static bool joins(const node_view *view, const node_sum *sums, size_t at, node_step *step)
{
    const node_seen *node = view->nodes[at];
    const node_sum *sum = &sums[at];
    if (!view->joins || !node->load_known || node->gone || sum->taken || sum->n >= INSTANCES_MAX ||
        node->facts.out_of_service || !takes_pods(&node->facts) ||
        why_drained(&node->facts) != NODE_REASON_NONE)
        return false;
    *step = (node_step){ .kind = NODE_JOINS, .node = at, .size = size_of(node, sum, NULL) };
    return step->size.mcpu > 0 && step->size.mem_mib > 0;
}

size_t node_decide(const node_view *view, node_step *out)
{
    ob_cleanup(ob_freep) node_sum *sums = ob_calloc(view->n_nodes + 1, sizeof(*sums));
    size_t n = 0, joined = 0;
    add_instances(view, sums);
    for (size_t i = 0; i < view->n_instances; i++)
        n += decide_instance(view, sums, i, &out[n]);
    for (size_t i = 0; i < view->n_nodes && joined < NODE_JOINS_MAX; i++)
        if (joins(view, sums, i, &out[n])) {
            n++;
            joined++;
        }
    return n;
}
