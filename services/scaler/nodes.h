/* Environments of Kubernetes clusters: their nodes become instances, and drain, change their size
 * and end with them. */
#pragma once

#include "scaler.h"

/* All that is due. Returns 0 or an error of the database; a failed step is decided again in the
 * next turn. Without OPENBATCH_KUBERNETES_DIR such environments are INVALID. */
int nodes_turn(scaler *s, int64_t now_ms, ob_error *err);
