/* Launches of instances, and what the provider and executors say of them. Functions return 0 or an
 * error of the database; what went wrong is tried again at the next turn. */
#pragma once

#include "scaler.h"

/* Makes the provider tell this scaler. Once. */
void launches_listen(scaler *s);
/* When leading begins, after envs_load: compares with what the provider has. */
int launches_reconcile(scaler *s, int64_t now_ms, ob_error *err);

/* Commits and starts what decide asked for; takes the plans. */
int launches_start(
    scaler *s, decide_launch *launches, env *const *envs, size_t n, int64_t now_ms, ob_error *err);

/* Takes what was said since the last turn: instances that have come, failed or ended. */
int launches_hear(scaler *s, int64_t now_ms, ob_error *err);
/* What is due: launches that nothing is heard of are given up, or asked for again. */
int launches_turn(scaler *s, int64_t now_ms, ob_error *err);
