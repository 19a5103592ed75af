/* Deletes expired rows: lines of output, ended jobs, deregistered job definitions. */
#pragma once

#include "request/operation.h"

#define RETENTION_STEP 2000 /* rows of a step */

/* Starts and stops the thread. Called once by main.c. */
int retention_start(api_ctx *ctx, ob_error *err);
void retention_stop(api_ctx *ctx);

/* Jobs that ended before the returned time (ms since the epoch) have expired: no job may depend on
 * them any more, because they may be deleted at any moment. 0: none have. */
int64_t retention_jobs_ms(const api_config *config, int64_t now_ms);
