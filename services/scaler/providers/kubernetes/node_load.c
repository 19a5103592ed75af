/* Requests of pods, see node_load.h. Owns the sums: one for each node and instance label.
 * Invariant: a sum never overflows; what is too much counts as the most. One owner thread. */
#include "node_load.h"

#include <stdio.h>
#include <string.h>
#include <uthash.h>

#include "ob/id.h"
#include "ob/mem.h"
#include "ob/message.h"

typedef struct load_part {
    char instance[OB_INSTANCE_TEXT]; /* "": no instance of ours */
    node_amount amount;
    struct load_part *next;
} load_part;

typedef struct load_node {
    char name[NODE_NAME_TEXT];
    load_part *parts;
    UT_hash_handle hh;
} load_node;

struct node_load {
    load_node *nodes;
};

/* ---- One pod ---- */

static int64_t sum(int64_t a, int64_t b)
{
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static node_amount plus(node_amount a, node_amount b)
{
    return (node_amount){ .mcpu = sum(a.mcpu, b.mcpu),
                          .mem_bytes = sum(a.mem_bytes, b.mem_bytes),
                          .gpus = sum(a.gpus, b.gpus) };
}

static node_amount most(node_amount a, node_amount b)
{
    return (node_amount){ .mcpu = larger(a.mcpu, b.mcpu),
                          .mem_bytes = larger(a.mem_bytes, b.mem_bytes),
                          .gpus = larger(a.gpus, b.gpus) };
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
        node_amount one = requests_of(container);
        starting = most(starting, plus(beside, one));
        if (!strcmp(ob_json_str(container, "restartPolicy", ""), "Always"))
            beside = plus(beside, one); /* it runs on */
    }
    json_array_foreach(json_object_get(spec, "containers"), i, container)
    {
        all = plus(all, requests_of(container));
    }
    all = most(plus(all, beside), starting);
    /* What the pod as a whole requests stands instead. */
    node_amount whole = requests_of(spec);
    if (whole.mcpu > 0)
        all.mcpu = whole.mcpu;
    if (whole.mem_bytes > 0)
        all.mem_bytes = whole.mem_bytes;
    return plus(all, node_amount_read(json_object_get(spec, "overhead"), true));
}

/* ---- Sums ---- */

node_load *node_load_new(void)
{
    return ob_calloc(1, sizeof(node_load));
}

void node_load_free(node_load *load)
{
    load_node *n, *next;
    if (!load)
        return;
    HASH_ITER(hh, load->nodes, n, next)
    {
        for (load_part *p = n->parts, *after; p; p = after) {
            after = p->next;
            free(p);
        }
        HASH_DEL(load->nodes, n);
        free(n);
    }
    free(load);
}

static load_part *part_of(node_load *load, const char *node, const char *instance)
{
    load_node *n;
    HASH_FIND_STR(load->nodes, node, n);
    if (!n) {
        n = ob_calloc(1, sizeof(*n));
        (void)snprintf(n->name, sizeof(n->name), "%s", node);
        HASH_ADD_STR(load->nodes, name, n);
    }
    for (load_part *p = n->parts; p; p = p->next)
        if (!strcmp(p->instance, instance))
            return p;
    load_part *p = ob_calloc(1, sizeof(*p));
    (void)snprintf(p->instance, sizeof(p->instance), "%s", instance);
    p->next = n->parts;
    n->parts = p;
    return p;
}

void node_load_add(node_load *load, const json_t *pod)
{
    const char *node = ob_json_str(json_object_get(pod, "spec"), "nodeName", "");
    const char *phase = ob_json_str(json_object_get(pod, "status"), "phase", "");
    const json_t *labels = json_object_get(json_object_get(pod, "metadata"), "labels");
    const char *instance = ob_json_str(labels, NODE_LABEL_INSTANCE, "");
    if (!*node || strlen(node) >= NODE_NAME_TEXT || !strcmp(phase, "Succeeded") ||
        !strcmp(phase, "Failed"))
        return;
    load_part *p = part_of(load, node, ob_instance_id_is(instance) ? instance : "");
    p->amount = plus(p->amount, node_load_of_pod(pod));
}

node_amount node_load_of_others(const node_load *load, const char *node, const char *instance)
{
    node_amount all = { 0 };
    load_node *n;
    HASH_FIND_STR(load->nodes, node, n);
    for (const load_part *p = n ? n->parts : NULL; p; p = p->next)
        if (!*p->instance || strcmp(p->instance, instance) != 0)
            all = plus(all, p->amount);
    return all;
}
