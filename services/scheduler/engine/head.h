/* The job at the head of a queue, and how long it may wait there. */
#pragma once

#include "model.h"

void head_enforce_limits(engine *e); /* ends jobs that have waited at the head for too long */
void head_find(engine *e);
void head_report_blocked(engine *e);
