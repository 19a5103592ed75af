/* Unmanaged environments: executors that were started by hand ask to join; if configured, an
 * executor of this host joins automatically. */
#pragma once

#include "scaler.h"

/* The offer (message) of an executor without a known row. */
void join_note(scaler *s, const json_t *msg);
/* Accepts offers with a valid token; launches the local executors. */
int join_turn(scaler *s, int64_t now_ms, ob_error *err);
void join_done(scaler *s);
