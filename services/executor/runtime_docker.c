/* Containers of the Docker Engine. Owns the table of containers and brings each from step to step;
 * at most 4 are created or started at a time, removal goes behind. Never begins a container twice:
 * it is created by name (a second create is a conflict, and then the one that exists counts), and a
 * start of which no answer came is followed by an inspection, never by another start. A container
 * that ended is the record of its end and stays until it is removed by order. Thread: the loop's.
 */
#include <string.h>

#include "docker_internal.h"
#include "docker_leftover.h"
#include "docker_spec.h"
#include "kernel_oom.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/text.h"
#include "secrets.h"

#define SLOTS 4
#define CALL_TIMEOUT_S 120
#define RETRY_MS 500
#define OOM_WAIT_MS 1000
#define DIED_WAIT_MS 20
#define STARTS_TRIED 5
#define REASON_MAX 1024
#define BOOT_SLACK_MS 5000
#define EXIT_SIGKILL 137

void docker_dirty(docker *d)
{
    d->dirty = true;
}

container *docker_find(docker *d, const char *run)
{
    container *c = NULL;
    HASH_FIND_STR(d->containers, run, c);
    return c;
}

container *docker_add(docker *d, const char *run, container_step step)
{
    container *c = ob_calloc(1, sizeof(*c));
    ob_run_ref ref;
    c->d = d;
    c->step = step;
    (void)snprintf(c->run, sizeof(c->run), "%s", run);
    if (ob_run_ref_parse(run, &ref))
        ob_run_container_name(&ref, c->name);
    HASH_ADD_STR(d->containers, run, c);
    d->dirty = true;
    return c;
}

void container_wait(container *c, int64_t delay_ms)
{
    c->not_before_ms = ob_boot_ms() + delay_ms;
    docker_later(c->d, delay_ms);
}

void container_release_slot(container *c)
{
    if (c->has_slot)
        c->d->slots_used--;
    c->has_slot = false;
}

void container_free(container *c)
{
    container_release_slot(c);
    output_drop(c);
    http_drop(c->op);
    http_drop(c->stop_call);
    json_decref(c->body);
    json_decref(c->volumes);
    json_decref(c->hidden);
    free(c->gpus);
    free(c->auth);
    free(c->id);
    HASH_DEL(c->d->containers, c);
    free(c);
}

const char *docker_error_text(const http_reply *reply, char *buf, size_t size)
{
    if (reply->status == 0) {
        ob_text_format(buf, size, "%s", reply->error);
        return buf;
    }
    json_auto_t *body = ob_json_read(reply->body, reply->len);
    const char *message = ob_json_str(body, "message", NULL);
    if (message)
        ob_text_format(buf, size, "%s", message);
    else
        ob_text_format(buf, size, "the container engine answered %d", reply->status);
    return buf;
}

void container_request(
    container *c, const char *method, const char *path, const json_t *body, http_on_reply on_reply)
{
    c->op = http_send(c->d->http, &(http_request){ .method = method,
                                                   .path = path,
                                                   .body = body,
                                                   .timeout_s = CALL_TIMEOUT_S,
                                                   .on_reply = on_reply,
                                                   .arg = c });
}

bool container_answered(container *c, const http_reply *reply)
{
    c->op = NULL;
    c->d->dirty = true;
    if (reply->status != 0)
        return true;
    docker_down(c->d, reply->error);
    return false;
}

static void tell_end(container *c, const runtime_end *end)
{
    container_release_slot(c);
    c->step = STEP_ENDED;
    c->out.retry_at_ms = 0;
    c->d->dirty = true;
    ON(c->d)->exited(c->run, end, ON(c->d)->arg);
}

void container_end_unstarted(container *c, const char *reason)
{
    tell_end(c, &(runtime_end){ .exit_code = -1, .reason = reason });
}

void container_end_failed(container *c, const char *kind, const http_reply *reply, int exit_code)
{
    char text[REASON_MAX], reason[REASON_MAX + 64];
    ob_text_format(reason, sizeof(reason), "%s: %s", kind,
                   docker_error_text(reply, text, sizeof(text)));
    secrets_hide(c->hidden, reason);
    tell_end(c, &(runtime_end){ .exit_code = exit_code, .reason = reason });
}

void container_died(container *c)
{
    c->died = true;
    c->d->dirty = true;
    if (c->step == STEP_RUN)
        c->step = STEP_INSPECT;
}

void container_tell_running(container *c, int64_t started_at_ms)
{
    if (!c->told_running)
        ON(c->d)->running(c->run, started_at_ms, ON(c->d)->arg);
    c->told_running = true;
}

/* ---- inspect ---- */

void container_take_id(container *c, const json_t *body)
{
    const char *id = ob_json_str(body, "Id", NULL);
    if (!id)
        return;
    free(c->id);
    c->id = ob_strdup(id);
}

static int64_t time_ms(const json_t *state, const char *name)
{
    const char *text = ob_json_str(state, name, "");
    return docker_time_ns(text, strlen(text), NULL) / 1000000;
}

/* An engine that begins anew and finds that it missed a container's end makes one up: then, and
 * with code 0 or 255 (docker.io 20.10, tried). What has ended while it began, or was started before
 * the host booted, is not believed: a failure that was none can be repeated, a success that was
 * none cannot. */
static bool is_made_up(const container *c, int code, int64_t started_ms, int64_t stopped_ms)
{
    if (c->die_seen || (code != 0 && code != 255))
        return false;
    int64_t booted_ms = ob_wall_ms() - ob_boot_ms();
    return started_ms < booted_ms - BOOT_SLACK_MS ||
           (stopped_ms >= c->d->engine_from_ms && stopped_ms <= c->d->engine_to_ms);
}

static void take_end(container *c, const json_t *state)
{
    int64_t stopped_at_ms = time_ms(state, "FinishedAt");
    int code = (int)ob_json_int(state, "ExitCode", -1);
    if (c->die_seen) { /* what the event said was not made up later */
        code = c->die_code;
        stopped_at_ms = stopped_at_ms > c->die_ms ? c->die_ms : stopped_at_ms;
    }
    bool oom = c->oom_seen || ob_json_bool(state, "OOMKilled", false);
    /* The engine's notice of a lack of memory and the end come by different ways. */
    if (code == EXIT_SIGKILL && !oom && !c->stop_wanted) {
        oom = c->id && kernel_oom_killed(KERNEL_LOG, c->id);
        if (!oom && !c->end_awaited) {
            c->end_awaited = true;
            container_wait(c, OOM_WAIT_MS);
            return;
        }
    }
    const char *error = ob_json_str(state, "Error", "");
    runtime_end end = { .started = true,
                        .exit_code = code,
                        .oom = oom && code != 0,
                        .started_at_ms = time_ms(state, "StartedAt"),
                        .stopped_at_ms = stopped_at_ms,
                        .reason = *error ? error : NULL };
    if (is_made_up(c, code, end.started_at_ms, end.stopped_at_ms)) {
        end.exit_code = -1;
        end.reason =
            "CannotInspectContainerError: the container engine ended and does not know how "
            "the container did";
    }
    if (end.oom)
        end.reason = "OutOfMemoryError: Container killed due to memory usage";
    tell_end(c, &end);
}

static void take_lost(container *c, const http_reply *reply)
{
    char text[512], reason[640];
    c->exists = false;
    if (!c->start_sent && !c->told_running) {
        container_end_failed(c, "CannotCreateContainerError", reply, -1);
        return;
    }
    ob_text_format(reason, sizeof(reason), "CannotInspectContainerError: %s",
                   docker_error_text(reply, text, sizeof(text)));
    tell_end(c, &(runtime_end){ .started = true, .exit_code = -1, .reason = reason });
    output_lost(c);
}

static void start_again(container *c, int64_t delay_ms)
{
    c->start_sent = c->start_lost = false;
    c->step = STEP_START;
    container_wait(c, delay_ms);
}

/* The engine, or the container's shim, ended during the start; it says that it never began. */
void container_start_after_crash(container *c)
{
    leftover found = docker_leftover_end(c->id ? c->id : "");
    ob_warn("container.leftover", "{s:s, s:i}", "run", c->run, "found", (int)found);
    if (found == LEFTOVER_STARTED)
        tell_end(c, &(runtime_end){ .started = true,
                                    .exit_code = -1,
                                    .reason = "CannotStartContainerError: the container engine "
                                              "ended during the start" });
    else if (++c->starts >= STARTS_TRIED)
        container_end_unstarted(c, NULL); /* not the job's fault: it is placed again */
    else
        start_again(c, found == LEFTOVER_NONE ? 0 : RETRY_MS);
}

static void on_inspect(const http_reply *reply, void *arg)
{
    container *c = arg;
    if (!container_answered(c, reply))
        return;
    json_auto_t *body = reply->status == 200 ? ob_json_read(reply->body, reply->len) : NULL;
    const json_t *state = json_object_get(body, "State");
    container_take_id(c, body);
    if (reply->status == 404) {
        take_lost(c, reply);
    } else if (!state) {
        container_wait(c, RETRY_MS);
    } else if (strcmp(ob_json_str(state, "Status", ""), "created") == 0) {
        if (c->start_lost)
            container_start_after_crash(c);
        else
            start_again(c, 0);
    } else if (ob_json_bool(state, "Running", false)) {
        c->start_sent = true;
        container_tell_running(c, time_ms(state, "StartedAt"));
        container_release_slot(c);
        c->step = STEP_RUN;
        if (c->died) { /* while the answer was on its way */
            container_died(c);
            container_wait(c, DIED_WAIT_MS);
        }
    } else {
        c->start_sent = true;
        take_end(c, state);
    }
}

void container_inspect(container *c)
{
    ob_cleanup(ob_freep) char *path = ob_strf("%s/containers/%s/json", c->d->api, c->name);
    c->died = false;
    container_request(c, "GET", path, NULL, on_inspect);
}

/* ---- stop ---- */

static void on_stopped(const http_reply *reply, void *arg)
{
    container *c = arg;
    c->stop_call = NULL;
    c->d->dirty = true;
    /* 204, 304, 404: the end is told by the events. Otherwise once more. */
    if (reply->status != 0 && reply->status < 500)
        return;
    c->stop_sent = false;
    if (reply->status == 0)
        docker_down(c->d, reply->error);
    else if (c->step == STEP_RUN)
        container_wait(c, RETRY_MS);
}

static void go_run(container *c)
{
    if (c->stop_wanted && !c->stop_sent) {
        http_drop(c->stop_call);
        ob_cleanup(ob_freep) char *path =
            ob_strf("%s/containers/%s/stop?t=%d", c->d->api, c->name, c->grace_s);
        c->stop_sent = true;
        c->stop_call = http_send(
            c->d->http,
            &(http_request){ .method = "POST", .path = path, .on_reply = on_stopped, .arg = c });
    }
}

/* ---- steps ---- */

static void container_go(container *c)
{
    docker *d = c->d;
    bool is_free = d->up && !c->op && ob_boot_ms() >= c->not_before_ms;
    switch (c->step) {
    case STEP_QUEUED:
        if (c->stop_wanted) {
            container_end_unstarted(c, NULL);
        } else if (d->up && d->slots_used < SLOTS) {
            c->has_slot = true;
            d->slots_used++;
            c->step = STEP_CREATE;
            begin_create(c);
        }
        break;
    case STEP_PULL:
        if (c->stop_wanted) {
            pull_leave(c);
            container_end_unstarted(c, NULL);
        }
        break;
    case STEP_CREATE:
        if (is_free)
            begin_create(c);
        break;
    case STEP_START:
        if (is_free)
            begin_start(c);
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

static void docker_flush(runtime *rt)
{
    docker *d = (docker *)rt;
    /* Starting and stopping one may give room to another. */
    for (int i = 0; d->dirty && i < 4; i++) {
        d->dirty = false;
        container *c, *next;
        HASH_ITER(hh, d->containers, c, next)
        container_go(c);
    }
    http_flush(d->http);
}

/* ---- the table of functions ---- */

static int docker_make(const runtime_config *config, runtime **ret, ob_error *err)
{
    docker *d = ob_calloc(1, sizeof(*d));
    d->base = (runtime){ .ops = &runtime_docker, .config = *config };
    int r = http_new(config->loop, config->engine, &d->http, err);
    if (r < 0) {
        free(d);
        return r;
    }
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
    http_free(d->http);
    free(d);
}

static void docker_open(runtime *rt)
{
    docker_connect((docker *)rt);
}

static int docker_start(
    runtime *rt, const ob_run_ref *ref, int attempt, const json_t *spec, bool follow, ob_error *err)
{
    return begin_prepare((docker *)rt, ref, attempt, spec, follow, err);
}

static void docker_adopt(runtime *rt, const char *run, bool follow, int64_t since_ns)
{
    docker *d = (docker *)rt;
    container *c = docker_find(d, run);
    if (!c)
        c = docker_add(d, run, STEP_FOUND);
    c->step = STEP_INSPECT;
    c->exists = c->start_sent = true;
    c->out.wanted = follow;
    c->out.since_ns = since_ns;
    d->dirty = true;
}

static void docker_stop(runtime *rt, const char *run, int grace_s)
{
    docker *d = (docker *)rt;
    container *c = docker_find(d, run);
    if (!c || (c->stop_wanted && grace_s >= c->grace_s))
        return;
    c->stop_wanted = true;
    c->stop_sent = false; /* a shorter grace is sent once more */
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
        http_resume(c->out.call);
}

static void docker_remove(runtime *rt, const char *run)
{
    docker *d = (docker *)rt;
    container *c = docker_find(d, run);
    if (!c)
        c = docker_add(d, run, STEP_ENDED);
    if (c->step == STEP_REMOVE)
        return;
    output_drop(c);
    http_drop(c->op);
    c->op = NULL;
    c->step = STEP_REMOVE;
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
