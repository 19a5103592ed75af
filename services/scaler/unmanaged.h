/* Unmanaged environments: executors that nobody launched ask to be let in; one of this host comes
 * by itself where that is wanted. */
#pragma once

#include "scaler.h"

/* An executor that has no row, as far as is known, offers itself (its message). */
void join_note(scaler *s, const json_t *msg);
/* Lets in those whose token is good; launches the local executors. */
int join_turn(scaler *s, int64_t now_ms, ob_error *err);
void join_forget(scaler *s);
