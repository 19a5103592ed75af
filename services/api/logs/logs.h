/* Moves container output from batch.logs into PostgreSQL. */
#pragma once

#include "request/operation.h"

/* Starts and stops the intake thread of batch.logs. Called once by main.c. */
int logs_start(api_ctx *ctx, ob_error *err);
void logs_stop(api_ctx *ctx);
