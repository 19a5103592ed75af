/* How much environments are used, over time. */
#pragma once

#include "scaler.h"

/* Stores what is due. Errors: as ob_leader_commit. */
int environment_usage_write(scaler *s, int64_t now_ms, ob_error *err);
