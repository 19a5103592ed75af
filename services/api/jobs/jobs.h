/* The job operations' own part of the process: the submitting thread. */
#pragma once

#include "request/operation.h"
#include "submit.h"

/* Starts and stops what the job operations need. Called once by main.c. */
int jobs_start(api_ctx *ctx, ob_error *err);
void jobs_stop(api_ctx *ctx);

/* The process's submitter; between jobs_start and jobs_stop. */
submitter *jobs_submitter(void);
