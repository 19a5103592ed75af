/* What is past goes: lines of output, jobs that ended, job definitions that were deregistered. */
#pragma once

#include "request/operation.h"

#define RETENTION_STEP 2000 /* rows of a step */

/* Starts and stops the thread. Called once by main.c. */
int retention_start(api_ctx *ctx, ob_error *err);
void retention_stop(api_ctx *ctx);

/* Jobs that ended before the time returned (ms since the epoch) are past: nothing may depend on
 * them any more, as they may go at any moment. 0: none is. */
int64_t retention_jobs_ms(const api_config *config, int64_t now_ms);
