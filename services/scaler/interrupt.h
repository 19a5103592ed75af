/* Spot interruptions: who gets a notice, and what follows when an executor tells of one. */
#pragma once

#include "scaler.h"

/* Somebody asked for it (an inbox row). Returns true when nothing is left to be done for that: the
 * instance drains already, is gone, or its provider cannot. */
bool interrupt_ask(scaler *s, const char *id);
/* Draws lots, gives notices, drains what has one. */
int interrupt_turn(scaler *s, int64_t now_ms, ob_error *err);
