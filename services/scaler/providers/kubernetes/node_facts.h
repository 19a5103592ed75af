/* What a node says of itself, and what is left of it for jobs. Pure: any thread. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "ob/job.h"

#define NODE_NAME_TEXT 254 /* a DNS subdomain, and NUL */
#define NODE_UID_TEXT 64

/* Taints that our pods do not tolerate. */
typedef enum node_taint {
    NODE_TAINT_NONE,
    NODE_TAINT_PASSING, /* set by Kubernetes for a condition (node.kubernetes.io/...) */
    NODE_TAINT_LASTING, /* set by a person: the node is for other work */
} node_taint;

/* vCPUs in thousandths, memory in bytes, whole GPUs. */
typedef struct node_amount {
    int64_t mcpu, mem_bytes, gpus;
} node_amount;

typedef struct node_facts {
    char name[NODE_NAME_TEXT], uid[NODE_UID_TEXT];
    bool labelled; /* for the environment that was asked for */
    bool ready;
    bool cordoned;       /* no new pods: cordoned, or about to be deleted */
    bool out_of_service; /* a person says that it does not come back */
    node_taint taint;
    node_amount allocatable;
} node_facts;

/* Reads a Node object. uuid: of the environment. false: it has no valid name or uid. */
bool node_facts_read(const json_t *node, const char *uuid, node_facts *ret);

/* What jobs can use of a node on which pods of others request 'foreign'. */
ob_resources node_facts_size(const node_facts *node, const node_amount *foreign);

/* What is too much counts as the most. */
void node_amount_add(node_amount *to, const node_amount *what);
/* An amount of cpu, memory and nvidia.com/gpu; what is missing or is no quantity is 0. up: as for
 * node_quantity. */
node_amount node_amount_read(const json_t *resources, bool up);
