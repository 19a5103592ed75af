/* Retention of rows of ended instances. */
#pragma once

#include "scaler.h"

/* Starts the thread, unless the rows are kept for ever. 'config' is borrowed until retention_stop.
 * Errors: -errno of the thread. */
int retention_start(const scaler_config *config, ob_error *err);
void retention_stop(void);
