/* The remaining rows of deleted jobs, and what is kept for a time of its own. */
#pragma once

#include "scheduler.h"

int retention_start(const scheduler_config *config, retention **ret, ob_error *err);
void retention_stop(retention *r);
