/* What pods request on nodes, where the jobs of an environment cannot use it: all that is told of
 * them, but for pods of that environment. Pure; one owner thread. */
#pragma once

#include <jansson.h>

#include "node_facts.h"

typedef struct node_load node_load;

node_load *node_load_new(void);
/* NULL is fine. */
void node_load_free(node_load *load);
/* A Pod object as it is now. It counts while it is bound to a node and has not ended. */
void node_load_put(node_load *load, const json_t *pod);
/* It is gone, or is no longer to count. */
void node_load_drop(node_load *load, const char *uid);
/* What is requested on the node of that name. */
node_amount node_load_on(const node_load *load, const char *node);

/* What a pod requests from its node, as Kubernetes counts: the sum of its containers, or its
 * largest init container beside what runs on since before, whichever is larger. */
node_amount node_load_of_pod(const json_t *pod);
