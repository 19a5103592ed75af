/* The scaler's one loop. */
#pragma once

#include "scaler.h"

/* Stands by, leads, stands by again, until a stop is asked for. Returns 0, or LEAD_DEPOSED. */
int loop_run(scaler *s);
