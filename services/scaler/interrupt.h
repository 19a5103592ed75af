/* Spot interruptions: which instances get a notice, and what follows when an executor reports
 * one. */
#pragma once

#include "scaler.h"

/* A user requested it (an inbox row). Returns true if nothing is left to do for the request: the
 * instance drains already, is gone, or its provider cannot interrupt it. */
bool interrupt_ask(scaler *s, const char *id);
/* Chooses instances at random, gives notices, and drains instances that have one. */
int interrupt_turn(scaler *s, int64_t now_ms, ob_error *err);
