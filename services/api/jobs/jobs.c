/* Owns the process's submitter. Thread: started and stopped by main's. */
#include "jobs.h"

static submitter *the_submitter;

int jobs_start(api_ctx *ctx, ob_error *err)
{
    return submitter_start(ctx->config->pg, ctx->bus, &the_submitter, err);
}

void jobs_stop(api_ctx *ctx)
{
    (void)ctx;
    submitter_stop(the_submitter);
    the_submitter = NULL;
}

submitter *jobs_submitter(void)
{
    return the_submitter;
}
