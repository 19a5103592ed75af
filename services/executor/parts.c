/* Creates and frees the parts of an executor, and runs its loop. Owns the timer of the start.
 * Decides nothing about a run. Thread: the loop's. */
#include "parts.h"

#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "adopt.h"
#include "departure.h"
#include "from_kafka.h"
#include "from_runtime.h"
#include "join.h"
#include "ob/log.h"
#include "ob/service.h"
#include "ob/text.h"
#include "turn.h"

#define LOCK_WAIT_MS 10000
#define ENGINE_WAIT_MS 5000
#define PURGE_WAIT_MS 30000

/* The engine is not reachable at the start, so the spool is used for now. */
static void on_start_time(void *arg)
{
    executor *x = arg;
    if (x->life == LIFE_PURGING)
        loop_stop(x->loop);
    else if (!heartbeat_is_registered(x->heartbeat))
        heartbeat_register(x->heartbeat);
}

static void on_stop(int fd, uint32_t events, void *arg)
{
    uint64_t count;
    (void)!read(fd, &count, sizeof(count));
    departure_on_stop(arg);
}

static void on_resume(const char *run, void *arg)
{
    executor *x = arg;
    x->runtime->ops->resume(x->runtime, run);
}

static void on_delivered(const char *run, int64_t offset, void *arg)
{
    executor *x = arg;
    if (x->runtime->ops->delivered)
        x->runtime->ops->delivered(x->runtime, run, offset);
}

static void on_log_out(const char *run, void *arg)
{
    attempts_log_out(&((executor *)arg)->attempts, run);
}

/* ---- making and ending ---- */

static int make_runtime(executor *x, ob_error *err)
{
    const settings *c = x->config;
    const runtime_ops *ops = runtime_find(c->runtime);
    if (!ops) {
        ob_cleanup(ob_freep) char *names = runtimes_list(" or ", false);
        return ob_fail(err, EINVAL, "OPENBATCH_RUNTIME must be %s, not %s", names, c->runtime);
    }
    runtime_config rc = { .loop = x->loop,
                          .spool = x->spool,
                          .home = c->common.home,
                          .run_dir = c->common.run_dir,
                          .guarded_dirs = c->common.guarded_dirs,
                          .instance = c->instance,
                          .ce = c->ce,
                          .engine = c->engine,
                          .secrets_dir = c->secrets_dir,
                          .credentials = c->credentials,
                          .pull_stall_ms = c->pull_stall_ms,
                          .gpus = (int)c->gpus,
                          .on = from_runtime(x) };
    return ops->make(&rc, settings_of_runtime(c, ops), &x->runtime, err);
}

int parts_make(executor *x, ob_error *err)
{
    const settings *c = x->config;
    int r = ob_permits_parse(c->privileged, c->host_mounts, c->devices, &x->attempts.permits, err);
    if (r == 0)
        r = loop_new(&x->loop, err);
    if (r == 0)
        r = loop_watch(x->loop, ob_service_stop_fd(), EPOLLIN, on_stop, x, err);
    if (r == 0)
        r = departure_watch(x, err);
    if (r == 0)
        r = spool_open(c->dir, LOCK_WAIT_MS, &x->spool, err);
    if (r == 0)
        r = make_runtime(x, err);
    if (r < 0)
        return r;
    turn_begin(x);
    x->start_timer = (loop_timer){ .fn = on_start_time, .arg = x };
    return 0;
}

static void make_modules(executor *x)
{
    const settings *c = x->config;
    const json_t *last = json_object_get(spool_get(x->spool, "last"), "at");
    placement_position position = { .epoch = json_integer_value(json_array_get(last, 0)),
                                    .seq = json_integer_value(json_array_get(last, 1)) };
    x->placement = placement_new(c->instance, position, from_scheduler(x));
    x->logs = logs_new(&(logs_config){ .loop = x->loop,
                                       .bus = x->bus,
                                       .seal = &x->seal,
                                       .limit = c->log_limit,
                                       .resume = on_resume,
                                       .delivered = on_delivered,
                                       .out = on_log_out,
                                       .arg = x });
    x->attempts.loop = x->loop;
    x->attempts.spool = x->spool;
    x->attempts.runtime = x->runtime;
    x->attempts.logs = x->logs;
    x->attempts.placement = x->placement;
    if (*c->join_token)
        x->join = join_offer(c->join_vcpus, c->join_memory_mib, c->gpus);
    ob_text_format(x->attempts.host_reason, sizeof(x->attempts.host_reason),
                   "Host EC2 (instance %s) terminated.", c->instance);
    departure_make_notice(x);
    (void)gethostname(x->host, sizeof(x->host) - 1);
    x->heartbeat = heartbeat_new(&(heartbeat_config){ .loop = x->loop,
                                                      .bus = x->bus,
                                                      .attempts = &x->attempts,
                                                      .placement = x->placement,
                                                      .notice = x->notice,
                                                      .join = x->join,
                                                      .instance = c->instance,
                                                      .ce = c->ce,
                                                      .seal = &x->seal,
                                                      .host = x->host,
                                                      .every_ms = c->heartbeat_ms });
}

int parts_work(executor *x, ob_error *err)
{
    int r = kafka_open(x, err);
    if (r < 0)
        return r;
    make_modules(x);
    r = departure_watch_metadata(x, err);
    if (r < 0)
        return r;
    adopt_load(&x->attempts);
    x->runtime->ops->open(x->runtime);
    loop_timer_set(x->loop, &x->start_timer, ENGINE_WAIT_MS);
    ob_info("service.started", "{s:s, s:s, s:s}", "instance", x->config->instance, "runtime",
            x->runtime->ops->name, "type", x->config->type);
    return loop_run(x->loop, err);
}

int parts_purge(executor *x, ob_error *err)
{
    executor_set_life(x, LIFE_PURGING);
    x->runtime->config.on = from_purge(x); /* the modules are not made */
    x->runtime->ops->purge(x->runtime);
    loop_timer_set(x->loop, &x->start_timer, PURGE_WAIT_MS);
    int r = loop_run(x->loop, err);
    if (r == 0 && x->life != LIFE_PURGED)
        return ob_fail(err, ETIMEDOUT, "the container engine does not answer");
    json_auto_t *all = json_copy((json_t *)spool_all(x->spool));
    const char *key;
    json_t *members;
    json_object_foreach(all, key, members) spool_drop(x->spool, key);
    if (r == 0)
        r = spool_sync(x->spool, err);
    if (r == 0 && *x->config->join_token)
        join_forget(x->config->dir);
    return r;
}

void parts_free(executor *x)
{
    ob_health_stop();
    /* First, because it may still report deliveries. Containers stay. */
    ob_bus_free(x->bus);
    heartbeat_free(x->heartbeat);
    imds_free(x->imds);
    notice_free(x->notice);
    if (x->runtime)
        x->runtime->ops->free(x->runtime);
    logs_free(x->logs);
    attempts_done(&x->attempts);
    placement_free(x->placement);
    if (x->spool)
        (void)spool_sync(x->spool, NULL);
    spool_free(x->spool);
    if (x->signal_fd >= 0)
        (void)close(x->signal_fd);
    loop_free(x->loop);
    json_decref(x->join);
    ob_seal_done(&x->seal);
    settings_free(x->config);
}
