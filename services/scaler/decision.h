/* What to launch and what to give back, decided (decide/decide.h) and begun. */
#pragma once

#include "scaler.h"

/* Decides over all environments; commits and starts what follows. */
int decision_turn(scaler *s, int64_t now_ms, ob_error *err);
