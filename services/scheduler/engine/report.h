/* Executors' reports about runs. */
#pragma once

#include "model.h"

void report_apply(engine *e, const char *instance_id, const engine_run_report *r, bool registering);
/* Everything that an executor holds. */
void report_apply_all(engine *e, const char *instance_id, const engine_run_report *held, size_t n);
