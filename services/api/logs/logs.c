/* Owns the thread of the intake of batch.logs (log_intake.c). */
#include "logs.h"

#include <pthread.h>
#include <string.h>

#include "log_intake.h"
#include "ob/log.h"

#define READY_MS 100
#define RETRY_MS 500

static struct {
    bool runs;
    pthread_t thread;
    atomic_bool stopping;
    api_ctx *ctx;
    log_intake *intake;
} the;

static void pause_ms(int ms)
{
    struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L };
    nanosleep(&t, NULL);
}

static void *run(void *arg)
{
    bool said = false;
    (void)arg;
    while (!atomic_load(&the.stopping)) {
        ob_error err = { 0 };
        if (!atomic_load(&the.ctx->ready)) {
            pause_ms(READY_MS);
            continue;
        }
        bool failed = log_intake_turn(the.intake, &err) < 0;
        if (failed && !said)
            ob_warn("log.intake_failed", "{s:s}", "error", err.text);
        if (failed)
            pause_ms(RETRY_MS);
        said = failed;
    }
    return NULL;
}

int logs_start(api_ctx *ctx, ob_error *err)
{
    const log_intake_config config = { .common = &ctx->config->common,
                                       .pg = ctx->config->pg,
                                       .limit = ctx->config->log_limit,
                                       .seal = &ctx->seal };
    int r = log_intake_new(&config, &the.intake, err);
    if (r < 0)
        return r;
    the.ctx = ctx;
    r = pthread_create(&the.thread, NULL, run, NULL);
    if (r != 0) {
        log_intake_free(the.intake);
        return ob_fail(err, r, "cannot start the log thread: %s", strerror(r));
    }
    the.runs = true;
    return 0;
}

void logs_stop(api_ctx *ctx)
{
    (void)ctx;
    if (!the.runs)
        return;
    the.runs = false;
    atomic_store(&the.stopping, true);
    pthread_join(the.thread, NULL);
    log_intake_free(the.intake);
}
