/* Timeouts of attempts that their executor does not enforce. */
#pragma once

#include "model.h"

void timeout_start(engine *e, run *r, int64_t running_for_ms);
void timeouts_enforce(engine *e); /* marks and stops runs over their limit */
