/* How long rows of ended instances stay. */
#pragma once

#include "scaler.h"

/* Starts the thread, unless they stay for ever. 'config' is borrowed until retention_stop. Errors:
 * -errno of the thread. */
int retention_start(const scaler_config *config, ob_error *err);
void retention_stop(void);
