/* The published status of environments: ce_status rows, counters in Redis, health. */
#pragma once

#include "scaler.h"

/* Reads the inbox, loads again what it names, and notes the rows for the next status_write. */
int status_sweep_inbox(scaler *s, int64_t now_ms, ob_error *err);
/* Writes what has changed of ce_status, and deletes the inbox rows that were acted on. */
int status_write(scaler *s, int64_t now_ms, ob_error *err);
/* Updates Redis. Never fails: if Redis is not reachable, it is updated later. May request a reload,
 * from which lost counters are rebuilt. */
void status_count(scaler *s, int64_t now_ms);
void status_health(scaler *s);
