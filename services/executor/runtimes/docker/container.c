/* A container of the engine: its place in the table, the request of its step, and what the executor
 * is told of it. Owns the table. Decides no step, except that one that no longer runs is inspected.
 * Thread: the loop's. */
#include "container.h"

#include <stdio.h>

#include "docker_down.h"
#include "docker_error.h"
#include "docker_moves.h"
#include "docker_use.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/message.h"
#include "ob/text.h"

#define CALL_TIMEOUT_S 120

void docker_dirty(docker *d)
{
    d->dirty = true;
}

void docker_later(docker *d, int64_t delay_ms)
{
    if (!d->later_timer.armed || d->later_timer.at_ms > ob_boot_ms() + delay_ms)
        loop_timer_set(d->base.config.loop, &d->later_timer, delay_ms);
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

void container_drop_output(container *c)
{
    ob_http_drop(c->out.call);
    c->out.call = NULL;
    docker_frames_reset(&c->out.frames);
    docker_lines_reset(&c->out.lines);
}

void container_free(container *c)
{
    container_release_slot(c);
    container_drop_output(c);
    docker_use_end(c);
    ob_http_drop(c->op);
    ob_http_drop(c->stop_call);
    json_decref(c->body);
    json_decref(c->volumes);
    json_decref(c->hidden);
    free(c->gpus);
    free(c->auth);
    free(c->doubt);
    free(c->id);
    HASH_DEL(c->d->containers, c);
    free(c);
}

void container_request(container *c,
                       ob_point point,
                       const char *method,
                       const char *path,
                       const json_t *body,
                       ob_http_on_reply on_reply)
{
    c->op = ob_http_send(c->d->http, point,
                         &(ob_http_request){ .method = method,
                                             .path = path,
                                             .json = body,
                                             .timeout_s = CALL_TIMEOUT_S,
                                             .on_reply = on_reply,
                                             .arg = c });
}

bool container_answered(container *c, const ob_http_reply *reply)
{
    c->op = NULL;
    c->d->dirty = true;
    if (reply->status != 0)
        return true;
    docker_down(c->d, reply->error);
    return false;
}

void container_take_id(container *c, const json_t *body)
{
    const char *id = ob_json_str(body, "Id", NULL);
    if (!id)
        return;
    free(c->id);
    c->id = ob_strdup(id);
}

void container_tell_end(container *c, const runtime_end *end)
{
    container_set_step(c, STEP_ENDED);
    c->out.retry_at_ms = 0;
    c->d->dirty = true;
    docker_use_end(c);
    runtime_end all = *end;
    all.pulled_at_ms = c->pulled_at_ms;
    all.created_at_ms = c->created_at_ms;
    ON(c->d)->exited(c->run, &all, ON(c->d)->arg);
}

void container_end_unstarted(container *c, const char *reason)
{
    container_tell_end(c, &(runtime_end){ .exit_code = -1, .reason = reason });
}

void container_end_failed(container *c, const char *kind, const ob_http_reply *reply, int exit_code)
{
    char reason[DOCKER_ERROR_MAX + 64];
    ob_cleanup(ob_freep) char *text = docker_error_dup(reply, c->hidden);
    ob_text_format(reason, sizeof(reason), "%s: %s", kind, text);
    container_tell_end(c, &(runtime_end){ .exit_code = exit_code, .reason = reason });
}

void container_died(container *c)
{
    c->died = true;
    c->d->dirty = true;
    if (c->step == STEP_RUN)
        container_set_step(c, STEP_INSPECT);
}

void container_tell_running(container *c, int64_t started_at_ms)
{
    if (!c->running_at_ms)
        ON(c->d)->running(c->run, started_at_ms, ON(c->d)->arg);
    c->running_at_ms = started_at_ms;
}
