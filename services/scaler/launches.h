/* Launches of instances, and what the provider and executors say of them. Functions return 0 or an
 * error of the database; what went wrong is tried again at the next turn. */
#pragma once

#include "scaler.h"

/* Makes the provider report to this scaler. Call it once. */
void launches_listen(scaler *s);
/* Call it when leading begins, after envs_load: compares with the provider's instances. */
int launches_reconcile(scaler *s, int64_t now_ms, ob_error *err);

/* Commits and starts decide's launches; takes the plans. */
int launches_start(
    scaler *s, decide_launch *launches, env *const *envs, size_t n, int64_t now_ms, ob_error *err);

/* Commits an instance for a node of a cluster, and starts its executor. */
int launches_join_node(scaler *s,
                       const env *e,
                       const node_facts *node,
                       const ob_resources *size,
                       int64_t now_ms,
                       ob_error *err);

/* Stores the keys that executors of an earlier version have begun to use; from then on their
 * messages in clear do not count. */
int launches_store_keys(scaler *s, ob_error *err);

/* Takes what was said since the last turn: instances that have come, failed or ended. */
int launches_hear(scaler *s, int64_t now_ms, ob_error *err);
/* What is due: launches that nothing is heard of are given up, or asked for again. */
int launches_turn(scaler *s, int64_t now_ms, ob_error *err);
