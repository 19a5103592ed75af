/* Passes on the runtime's reports: runs to attempts.c, output to output.c, found containers to
 * adopt.c, the engine's state to the health page and the heartbeat. Owns nothing. Thread: the
 * loop's. */
#include "from_runtime.h"

#include "adopt.h"
#include "ob/service.h"

static void on_running(const char *run, int64_t started_at_ms, void *arg)
{
    attempts_running(&((executor *)arg)->attempts, run, started_at_ms);
}

static void on_exited(const char *run, const runtime_end *end, void *arg)
{
    attempts_exited(&((executor *)arg)->attempts, run, end);
}

static void on_pod(const char *run, const json_t *pod, void *arg)
{
    attempts_pod(&((executor *)arg)->attempts, run, pod);
}

static void on_output_begin(const char *run, void *arg)
{
    logs_begin(((executor *)arg)->logs, run);
}

static void on_output_at(const char *run, int64_t offset, void *arg)
{
    logs_go_to(((executor *)arg)->logs, run, offset);
}

static runtime_more
on_line(const char *run, int64_t at_ns, const char *text, size_t len, size_t span, void *arg)
{
    return logs_line(((executor *)arg)->logs, run, at_ns, text, len, span);
}

static void on_output_end(const char *run, void *arg)
{
    logs_end(((executor *)arg)->logs, run);
}

static void on_removed(const char *run, void *arg)
{
    attempts_removed(&((executor *)arg)->attempts, run);
}

static void on_found(const char *run, void *arg)
{
    adopt_found(&((executor *)arg)->attempts, run);
}

static void on_listed(void *arg)
{
    executor *x = arg;
    adopt_listed(&x->attempts);
    if (!heartbeat_is_registered(x->heartbeat))
        heartbeat_register(x->heartbeat);
}

static void on_engine(bool up, const char *text, void *arg)
{
    ob_health_set("engine", true, up, text);
}

static void on_unwell(const char *why, void *arg)
{
    executor *x = arg;
    ob_health_set("starts", true, !why, why);
    if (x->heartbeat)
        heartbeat_unwell(x->heartbeat, why);
}

static void on_pulled(bool ok, int64_t took_ms, void *arg)
{
    attempts_pulled(&((executor *)arg)->attempts, ok, took_ms);
}

static void on_purged(void *arg)
{
    executor *x = arg;
    executor_set_life(x, LIFE_PURGED);
    loop_stop(x->loop);
}

/* ---- of a purge, which has no attempts ---- */

static void no_running(const char *run, int64_t started_at_ms, void *arg)
{
}

static void no_end(const char *run, const runtime_end *end, void *arg)
{
}

static void no_pod(const char *run, const json_t *pod, void *arg)
{
}

static void no_run(const char *run, void *arg)
{
}

static runtime_more
no_line(const char *run, int64_t at_ns, const char *text, size_t len, size_t span, void *arg)
{
    return RUNTIME_ENOUGH;
}

static void no_list(void *arg)
{
}

static void no_engine(bool up, const char *text, void *arg)
{
}

static void no_unwell(const char *why, void *arg)
{
}

runtime_callbacks from_purge(executor *x)
{
    return (runtime_callbacks){ .running = no_running,
                                .exited = no_end,
                                .pod = no_pod,
                                .output_begin = no_run,
                                .line = no_line,
                                .output_end = no_run,
                                .removed = no_run,
                                .found = no_run,
                                .listed = no_list,
                                .engine = no_engine,
                                .unwell = no_unwell,
                                .purged = on_purged,
                                .arg = x };
}

runtime_callbacks from_runtime(executor *x)
{
    return (runtime_callbacks){ .running = on_running,
                                .exited = on_exited,
                                .pod = on_pod,
                                .output_begin = on_output_begin,
                                .output_at = on_output_at,
                                .line = on_line,
                                .output_end = on_output_end,
                                .removed = on_removed,
                                .found = on_found,
                                .listed = on_listed,
                                .engine = on_engine,
                                .unwell = on_unwell,
                                .pulled = on_pulled,
                                .purged = on_purged,
                                .arg = x };
}
