/* Decides what to launch and what to give back (decide/decide.h), and starts it. */
#pragma once

#include "scaler.h"

/* Decides for all environments; commits and starts the resulting actions. */
int decision_turn(scaler *s, int64_t now_ms, ob_error *err);
