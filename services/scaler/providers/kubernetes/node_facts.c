/* Reads Node objects, see node_facts.h. Owns nothing. Pure: any thread. */
#include "node_facts.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "node_quantity.h"
#include "ob/kube_pod.h"
#include "ob/message.h"

#define MIB (1024 * 1024)
/* No machine is larger, and sums of many still fit the type. */
#define MCPU_MAX (4096 * 1000)
#define MEM_MIB_MAX (64 * 1024 * 1024)
#define GPUS_MAX 256

#define TAINT_OUT_OF_SERVICE "node.kubernetes.io/out-of-service"
#define TAINT_OF_KUBERNETES "node.kubernetes.io/"

/* ---- Amounts ---- */

static int64_t whole(int64_t thousandths, bool up)
{
    return thousandths / 1000 + (up && thousandths % 1000 > 0);
}

static int64_t quantity_of(const json_t *resources, const char *name, bool up)
{
    int64_t amount;
    const char *text = json_string_value(json_object_get(resources, name));
    return node_quantity(text, up, &amount) ? amount : 0;
}

node_amount node_amount_read(const json_t *resources, bool up)
{
    return (node_amount){ .mcpu = quantity_of(resources, "cpu", up),
                          .mem_bytes = whole(quantity_of(resources, "memory", up), up),
                          .gpus = whole(quantity_of(resources, "nvidia.com/gpu", up), up) };
}

static int64_t sum(int64_t a, int64_t b)
{
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

void node_amount_add(node_amount *to, const node_amount *what)
{
    to->mcpu = sum(to->mcpu, what->mcpu);
    to->mem_bytes = sum(to->mem_bytes, what->mem_bytes);
    to->gpus = sum(to->gpus, what->gpus);
}

static int32_t within(int64_t amount, int64_t taken, int64_t unit, int32_t max)
{
    int64_t left = amount > taken ? (amount - taken) / unit : 0;
    return left < max ? (int32_t)left : max;
}

ob_resources node_facts_size(const node_facts *node, const node_amount *foreign)
{
    const node_amount *all = &node->allocatable;
    return (ob_resources){ .mcpu = within(all->mcpu, foreign->mcpu, 1, MCPU_MAX),
                           .mem_mib = within(all->mem_bytes, foreign->mem_bytes, MIB, MEM_MIB_MAX),
                           .gpus = within(all->gpus, foreign->gpus, 1, GPUS_MAX) };
}

/* ---- The node ---- */

/* Letters, digits, '-' and '.' only: these become settings of an executor and parts of paths. */
static bool take_name(char *out, size_t size, const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || len >= size)
        return false;
    for (const char *c = text; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '-' && *c != '.')
            return false;
    memcpy(out, text, len + 1);
    return true;
}

static bool is_ready(const json_t *status)
{
    size_t i;
    const json_t *condition;
    json_array_foreach(json_object_get(status, "conditions"), i, condition)
    {
        if (!strcmp(ob_json_str(condition, "type", ""), "Ready"))
            return !strcmp(ob_json_str(condition, "status", ""), "True");
    }
    return false;
}

static void take_taint(node_facts *f, const json_t *taint)
{
    const char *key = ob_json_str(taint, "key", ""), *effect = ob_json_str(taint, "effect", "");
    if (!strcmp(key, TAINT_OUT_OF_SERVICE))
        f->out_of_service = true;
    else if (!strcmp(key, OB_KUBE_TAINT) ||
             (strcmp(effect, "NoSchedule") != 0 && strcmp(effect, "NoExecute") != 0))
        return;
    else if (strncmp(key, TAINT_OF_KUBERNETES, strlen(TAINT_OF_KUBERNETES)) != 0)
        f->taint = NODE_TAINT_LASTING;
    else if (f->taint == NODE_TAINT_NONE)
        f->taint = NODE_TAINT_PASSING;
}

bool node_facts_read(const json_t *node, const char *uuid, node_facts *ret)
{
    const json_t *meta = json_object_get(node, "metadata"), *spec = json_object_get(node, "spec");
    const json_t *status = json_object_get(node, "status");
    const char *label = ob_json_str(json_object_get(meta, "labels"), OB_KUBE_LABEL_CE, "");
    node_facts f = { .labelled = !strcmp(label, uuid),
                     .ready = is_ready(status),
                     .cordoned = json_is_true(json_object_get(spec, "unschedulable")) ||
                                 json_is_string(json_object_get(meta, "deletionTimestamp")),
                     .allocatable =
                         node_amount_read(json_object_get(status, "allocatable"), false) };
    size_t i;
    const json_t *taint;
    json_array_foreach(json_object_get(spec, "taints"), i, taint) take_taint(&f, taint);
    if (!take_name(f.name, sizeof(f.name), ob_json_str(meta, "name", "")) ||
        !take_name(f.uid, sizeof(f.uid), ob_json_str(meta, "uid", "")))
        return false;
    *ret = f;
    return true;
}
