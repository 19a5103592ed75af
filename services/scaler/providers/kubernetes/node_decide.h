/* What becomes of the nodes of one environment and of the instances on them. Pure: any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "node_facts.h"
#include "ob/id.h"
#include "ob/rows.h"

#define NODE_JOINS_MAX 8 /* at a time: each is a row, a directory and a process */

/* A node as last seen. */
typedef struct node_seen {
    node_facts facts;
    bool gone;            /* the node object does not exist any more */
    int64_t not_ready_ms; /* time for which it was seen not to be Ready */
    bool sure;            /* it is not Ready, as it said when asked after that time */
    /* What pods of others request there; known: false: not read yet, so it does not join. */
    bool load_known;
    node_amount load;
} node_seen;

/* An instance that has not ended. */
typedef struct node_instance {
    const char *id;
    size_t node; /* of the view; n_nodes: it was not seen */
    ob_instance_state state;
    ob_resources size; /* of its row */
    ob_resources used; /* by its runs */
} node_instance;

typedef struct node_view {
    const node_seen *const *nodes;
    size_t n_nodes;
    const node_instance *instances;
    size_t n_instances;
    bool joins;      /* the environment takes new instances */
    int64_t lost_ms; /* time after which a node that is not Ready is lost */
} node_view;

typedef enum node_step_kind {
    NODE_JOINS,  /* a row is made for it */
    NODE_DRAINS, /* its instance takes no more jobs */
    NODE_LOST,   /* its instance, and what runs there, is lost */
    NODE_SIZED,  /* the size of its instance has changed */
} node_step_kind;

/* Why an instance is lost, or drains. */
typedef enum node_reason {
    NODE_REASON_NONE,
    NODE_REASON_GONE,
    NODE_REASON_OUT_OF_SERVICE,
    NODE_REASON_NOT_READY,
    NODE_REASON_NO_LABEL,
    NODE_REASON_CORDONED,
    NODE_REASON_TAINTED,
    NODE_REASONS,
} node_reason;

typedef struct node_step {
    node_step_kind kind;
    size_t node, instance; /* of the view; instance: not with NODE_JOINS */
    ob_resources size;     /* NODE_JOINS, NODE_SIZED */
    node_reason reason;    /* NODE_DRAINS, NODE_LOST */
} node_step;

/* Decides. out: space for n_nodes + n_instances steps. Returns how many there are. An instance
 * whose node is not in the view stays as it is: nothing is concluded from what was not seen. */
size_t node_decide(const node_view *view, node_step *out);

/* For people. */
const char *node_reason_text(node_reason reason);
