/* Requests of pods, see node_load.h. Owns the pods, by their uid and by their node. Invariant: a
 * sum never overflows; what is too much counts as the most. So a sum is made anew when one of its
 * pods has changed. One owner thread. */
#include "node_load.h"

#include <stdio.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "ob/kube.h"
#include "ob/mem.h"
#include "ob/message.h"

typedef struct load_node load_node;

typedef struct load_pod {
    char uid[NODE_UID_TEXT];
    load_node *on;
    node_amount amount;
    struct load_pod *prev, *next; /* of its node */
    UT_hash_handle hh;
} load_pod;

struct load_node {
    char name[NODE_NAME_TEXT];
    load_pod *pods;
    node_amount sum;
    bool changed; /* since the sum was made */
    UT_hash_handle hh;
};

struct node_load {
    load_pod *pods;
    load_node *nodes;
};

/* ---- One pod ---- */

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void raise_to(node_amount *to, const node_amount *least)
{
    to->mcpu = larger(to->mcpu, least->mcpu);
    to->mem_bytes = larger(to->mem_bytes, least->mem_bytes);
    to->gpus = larger(to->gpus, least->gpus);
}

static node_amount requests_of(const json_t *owner)
{
    return node_amount_read(json_object_get(json_object_get(owner, "resources"), "requests"), true);
}

node_amount node_load_of_pod(const json_t *pod)
{
    const json_t *spec = json_object_get(pod, "spec"), *container;
    node_amount all = { 0 }, beside = { 0 }, starting = { 0 };
    size_t i;
    json_array_foreach(json_object_get(spec, "initContainers"), i, container)
    {
        node_amount own = requests_of(container), then = beside;
        node_amount_add(&then, &own);
        raise_to(&starting, &then);
        if (!strcmp(ob_json_str(container, "restartPolicy", ""), "Always"))
            beside = then; /* it runs on */
    }
    json_array_foreach(json_object_get(spec, "containers"), i, container)
    {
        node_amount own = requests_of(container);
        node_amount_add(&all, &own);
    }
    node_amount_add(&all, &beside);
    raise_to(&all, &starting);
    /* What the pod as a whole requests stands instead. */
    node_amount whole = requests_of(spec);
    if (whole.mcpu > 0)
        all.mcpu = whole.mcpu;
    if (whole.mem_bytes > 0)
        all.mem_bytes = whole.mem_bytes;
    node_amount overhead = node_amount_read(json_object_get(spec, "overhead"), true);
    node_amount_add(&all, &overhead);
    return all;
}

/* ---- Sums ---- */

node_load *node_load_new(void)
{
    return ob_calloc(1, sizeof(node_load));
}

static void drop(node_load *load, load_pod *p)
{
    load_node *n = p->on;
    DL_DELETE(n->pods, p);
    HASH_DEL(load->pods, p);
    free(p);
    n->changed = true;
    if (n->pods)
        return;
    HASH_DEL(load->nodes, n);
    free(n);
}

void node_load_free(node_load *load)
{
    load_pod *p, *next;
    if (!load)
        return;
    HASH_ITER(hh, load->pods, p, next)
    drop(load, p);
    free(load);
}

static load_node *node_named(node_load *load, const char *name)
{
    load_node *n;
    HASH_FIND_STR(load->nodes, name, n);
    if (n)
        return n;
    n = ob_calloc(1, sizeof(*n));
    (void)snprintf(n->name, sizeof(n->name), "%s", name);
    HASH_ADD_STR(load->nodes, name, n);
    return n;
}

void node_load_drop(node_load *load, const char *uid)
{
    load_pod *p;
    HASH_FIND_STR(load->pods, uid, p);
    if (p)
        drop(load, p);
}

void node_load_put(node_load *load, const json_t *pod)
{
    const char *node = ob_json_str(json_object_get(pod, "spec"), "nodeName", "");
    const char *phase = ob_json_str(json_object_get(pod, "status"), "phase", "");
    const char *uid = ob_kube_meta(pod, "uid");
    node_load_drop(load, uid);
    if (!*uid || strlen(uid) >= NODE_UID_TEXT || !*node || strlen(node) >= NODE_NAME_TEXT ||
        !strcmp(phase, "Succeeded") || !strcmp(phase, "Failed"))
        return;
    load_pod *p = ob_calloc(1, sizeof(*p));
    (void)snprintf(p->uid, sizeof(p->uid), "%s", uid);
    p->on = node_named(load, node);
    p->amount = node_load_of_pod(pod);
    p->on->changed = true;
    DL_APPEND(p->on->pods, p);
    HASH_ADD_STR(load->pods, uid, p);
}

node_amount node_load_on(const node_load *load, const char *node)
{
    load_node *n;
    HASH_FIND_STR(load->nodes, node, n);
    if (!n)
        return (node_amount){ 0 };
    if (n->changed) {
        n->sum = (node_amount){ 0 };
        for (const load_pod *p = n->pods; p; p = p->next)
            node_amount_add(&n->sum, &p->amount);
        n->changed = false;
    }
    return n->sum;
}
