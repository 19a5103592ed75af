/* Containers of the Docker Engine. Advances each from step to step; at most 4 are created or
 * started at a time, and removals come after those. Never starts a container twice. It is created
 * by name (a second create is a conflict, and then the existing one counts). That it is to be
 * started is on the disk before the engine is asked; from then on it is never started again,
 * whatever happens to the request, the engine or this process (docker_inspect.c). A container that
 * has ended is the record of its end and stays until an order removes it. Thread: the loop's. */
#include "runtime_docker.h"

#include <stdio.h>
#include <string.h>

#include "container.h"
#include "docker_begin.h"
#include "docker_down.h"
#include "docker_engine.h"
#include "docker_inspect.h"
#include "docker_moves.h"
#include "docker_output.h"
#include "docker_pull.h"
#include "docker_remove.h"
#include "docker_unwell.h"
#include "ob/clock.h"
#include "ob/message.h"
#include "ob/text.h"

#define SLOTS 4
#define BODY_MAX (64u << 20)
#define IDLE_CONNECTIONS 8
#define RETRY_MS 500
#define PIDS_LEAST 1024

/* ---- stop ---- */

static void on_stopped(const ob_http_reply *reply, void *arg)
{
    container *c = arg;
    c->stop_call = NULL;
    c->d->dirty = true;
    /* 204, 304, 404: events report the end. Otherwise send it again. */
    if (reply->status != 0 && reply->status < 500)
        return;
    container_set_stop(c, STOP_WANTED);
    if (reply->status == 0)
        docker_down(c->d, reply->error);
    else if (c->step == STEP_RUN)
        container_wait(c, RETRY_MS);
}

static void go_run(container *c)
{
    if (c->stop == STOP_WANTED) {
        ob_http_drop(c->stop_call);
        ob_cleanup(ob_freep) char *path =
            ob_strf("%s/containers/%s/stop?t=%d", c->d->api, c->name, c->grace_s);
        container_set_stop(c, STOP_SENT);
        c->stop_ms = c->stop_ms ? c->stop_ms : ob_wall_ms();
        c->stop_call = ob_http_send(
            c->d->http, OB_POINT_EXECUTOR_STOP,
            &(ob_http_request){ .method = "POST", .path = path, .on_reply = on_stopped, .arg = c });
    }
}

/* ---- steps ---- */

static void container_go(container *c)
{
    docker *d = c->d;
    bool is_free = d->up && !c->op && ob_boot_ms() >= c->not_before_ms;
    bool is_stopped = c->stop != STOP_NONE;
    bool is_given_back = is_stopped || *d->unwell;
    switch (c->step) {
    case STEP_QUEUED:
        if (is_given_back) {
            container_end_unstarted(c, NULL);
        } else if (d->up && d->slots_used < SLOTS) {
            container_set_step(c, STEP_CREATE);
            begin_create(c);
        }
        break;
    case STEP_PULL:
        if (is_stopped) {
            pull_leave(c);
            container_end_unstarted(c, NULL);
        }
        break;
    case STEP_CREATE:
        if (is_given_back && is_free)
            container_end_unstarted(c, NULL);
        else if (is_free)
            begin_create(c);
        break;
    case STEP_DOUBT:
        if (is_stopped)
            container_end_unstarted(c, NULL);
        break;
    case STEP_START:
        if (is_given_back && is_free)
            container_end_unstarted(c, NULL);
        else if (is_free)
            begin_start(c);
        break;
    case STEP_INTENT: /* docker_flush continues when the intent is on the disk */
        if (is_given_back)
            container_end_unstarted(c, NULL);
        break;
    case STEP_STARTING:
        break;
    case STEP_INSPECT:
        if (is_free)
            container_inspect(c);
        break;
    case STEP_RUN:
        if (is_free)
            go_run(c);
        output_go(c);
        break;
    case STEP_ENDED:
        output_go(c);
        break;
    case STEP_REMOVE:
        if (is_free || (!c->op && !c->exists && json_array_size(c->volumes) == 0))
            remove_go(c);
        break;
    case STEP_FOUND:
        break;
    }
}

/* One disk flush for all containers that start in this turn. */
static void start_intended(docker *d)
{
    ob_error err = { 0 };
    if (!d->intents || !d->up)
        return;
    if (spool_sync(d->base.config.spool, &err) < 0) {
        docker_later(d, RETRY_MS); /* the spool's owner reports it */
        return;
    }
    d->intents = false;
    container *c, *next;
    HASH_ITER(hh, d->containers, c, next)
    if (c->step == STEP_INTENT)
        begin_start_intended(c);
}

static void docker_flush(runtime *rt)
{
    docker *d = (docker *)rt;
    /* Starting or stopping one may free a slot for another. */
    for (int i = 0; d->dirty && i < 4; i++) {
        d->dirty = false;
        container *c, *next;
        HASH_ITER(hh, d->containers, c, next)
        container_go(c);
    }
    start_intended(d);
    ob_http_flush(d->http);
}

/* ---- the table of functions ---- */

/* An eighth of the host's limit: one container's processes leave enough for the others. */
static int64_t pids_limit(void)
{
    long long most = 0;
    FILE *file = fopen("/proc/sys/kernel/pid_max", "re");
    bool ok = file && fscanf(file, "%lld", &most) == 1;
    if (file)
        (void)fclose(file);
    return !ok ? 0 : most / 8 > PIDS_LEAST ? most / 8 : PIDS_LEAST;
}

/* host: unix:///path or tcp://name:port. */
static int connect_to(docker *d, const char *host, ob_error *err)
{
    ob_http_options options = { .base = "http://engine",
                                .body_max = BODY_MAX,
                                .idle_connections = IDLE_CONNECTIONS };
    ob_cleanup(ob_freep) char *base = NULL;
    if (strncmp(host, "unix://", 7) == 0) {
        options.socket = host + 7;
    } else if (strncmp(host, "tcp://", 6) == 0) {
        base = ob_strf("http://%s", host + 6);
        options.base = base;
    } else {
        return ob_fail(err, EINVAL, "DOCKER_HOST must begin with unix:// or tcp://, not %s", host);
    }
    return loop_http_new(d->base.config.loop, &options, &d->http, err);
}

static int docker_make(const runtime_config *config, const void *own, runtime **ret, ob_error *err)
{
    docker *d = ob_calloc(1, sizeof(*d));
    d->base = (runtime){ .ops = &runtime_docker, .config = *config };
    d->settings = own;
    ob_boot_id(d->boot);
    d->pids_limit = pids_limit();
    docker_unwell_init(d);
    int r = connect_to(d, d->base.config.engine, err);
    if (r < 0) {
        free(d);
        return r;
    }
    d->guard = ob_host_guard_new(config->home, config->run_dir, d->base.config.engine,
                                 config->guarded_dirs);
    *ret = &d->base;
    return 0;
}

static void docker_free(runtime *rt)
{
    docker *d = (docker *)rt;
    if (!d)
        return;
    container *c, *next;
    HASH_ITER(hh, d->containers, c, next)
    container_free(c);
    pull_free_all(d);
    docker_engine_done(d);
    docker_unwell_done(d);
    loop_http_free(d->base.config.loop, d->http);
    ob_host_guard_free(d->guard);
    free(d);
}

static void docker_open(runtime *rt)
{
    docker_connect((docker *)rt);
}

static int docker_start(
    runtime *rt, const ob_run_ref *ref, int attempt, const json_t *spec, bool follow, ob_error *err)
{
    docker *d = (docker *)rt;
    if (*d->unwell)
        return ob_fail_retry(err, EBUSY, "%s", d->unwell);
    return begin_prepare(d, ref, attempt, spec, follow, err);
}

static void docker_adopt(runtime *rt, const char *run, bool follow, int64_t since_ns)
{
    docker *d = (docker *)rt;
    container *c = docker_find(d, run);
    if (!c)
        c = docker_add(d, run, STEP_FOUND);
    container_set_step(c, STEP_INSPECT);
    c->exists = true;
    container_recall(c);
    if (follow)
        container_set_output(c, OUTPUT_IDLE);
    c->out.since_ns = since_ns;
    d->dirty = true;
}

static void docker_stop(runtime *rt, const char *run, int grace_s)
{
    docker *d = (docker *)rt;
    container *c = docker_find(d, run);
    if (!c || (c->stop != STOP_NONE && grace_s >= c->grace_s))
        return;
    container_set_stop(c, STOP_WANTED); /* a shorter grace is sent once more */
    c->grace_s = grace_s;
    d->dirty = true;
}

static void docker_resume(runtime *rt, const char *run)
{
    container *c = docker_find((docker *)rt, run);
    if (!c || c->out.more != RUNTIME_WAIT)
        return;
    c->out.more = RUNTIME_GO_ON;
    if (c->out.call)
        ob_http_resume(c->out.call);
}

static void docker_remove(runtime *rt, const char *run)
{
    docker *d = (docker *)rt;
    container *c = docker_find(d, run);
    if (!c)
        c = docker_add(d, run, STEP_ENDED);
    if (c->step == STEP_REMOVE)
        return;
    container_drop_output(c);
    ob_http_drop(c->op);
    c->op = NULL;
    container_set_step(c, STEP_REMOVE);
    d->dirty = true;
}

static void docker_purge(runtime *rt)
{
    docker *d = (docker *)rt;
    d->purging = true;
    docker_connect(d);
}

const runtime_ops runtime_docker = {
    .name = "docker",
    .help = "docker",
    .fields = docker_fields,
    .settings_size = sizeof(docker_settings),
    .make = docker_make,
    .free = docker_free,
    .open = docker_open,
    .start = docker_start,
    .adopt = docker_adopt,
    .stop = docker_stop,
    .resume = docker_resume,
    .remove = docker_remove,
    .purge = docker_purge,
    .flush = docker_flush,
};
