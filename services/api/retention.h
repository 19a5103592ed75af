/* What is past goes: lines of output, jobs that ended, job definitions that were deregistered. */
#pragma once

#include "ops.h"

/* Starts and stops the thread. Called once by main.c. */
int retention_start(api_ctx *ctx, ob_error *err);
void retention_stop(api_ctx *ctx);
