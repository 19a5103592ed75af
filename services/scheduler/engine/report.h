/* Executors' reports about runs. */
#pragma once

#include "model.h"

/* One message. */
void report_apply(engine *e, const char *instance_id, const engine_run_report *reports, size_t n);
/* Everything that an executor holds. */
void report_apply_all(engine *e, const char *instance_id, const engine_run_report *held, size_t n);
