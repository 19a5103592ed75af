/* What pods request on nodes. Each pod is of an instance of ours, or of nobody we know; a node's
 * jobs cannot use what the pods of all others request there. Pure; one owner thread. */
#pragma once

#include <jansson.h>

#include "node_facts.h"

#define NODE_LABEL_INSTANCE "openbatch.io/instance" /* of a job's pod */

typedef struct node_load node_load;

node_load *node_load_new(void);
void node_load_free(node_load *load);
/* Counts a Pod object that is bound to a node and has not ended. */
void node_load_add(node_load *load, const json_t *pod);
/* What is requested on the node by pods that are not of that instance ("": by all). */
node_amount node_load_of_others(const node_load *load, const char *node, const char *instance);

/* What a pod requests from its node, as Kubernetes counts: the sum of its containers, or its
 * largest init container beside what runs on since before, whichever is larger. */
node_amount node_load_of_pod(const json_t *pod);
