/* Handles an engine that answers but cannot start anything: its containerd is not running, or its
 * disk is full. Such errors are not the job's fault, and every job would get the same one, so this
 * instance accepts nothing until a start works again. A probe finds out: it creates, starts and
 * removes a container, always with the same name, of an image that is here, with a command that
 * does not exist. A working engine gets as far as the image's files and reports that the command is
 * missing. So no program runs, and nothing is left. Owns the unwell state and the probe. Thread:
 * the loop's. */
#include "docker_unwell.h"

#include <string.h>

#include "container.h"
#include "docker_down.h"
#include "docker_error.h"
#include "docker_leftover.h"
#include "docker_moves.h"
#include "docker_spec.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/text.h"

#define PROBE_MS 1000
#define PROBE_TIMEOUT_S 60
#define NO_COMMAND "/.openbatch-probe"

/* ---- what a refused start means ---- */

static bool has_one_of(const char *text, const char *const *parts)
{
    for (; *parts; parts++)
        if (strstr(text, *parts))
            return true;
    return false;
}

/* dockerd sends containerd one request after another and stops at the first error; starting the
 * container is the last. gRPC reports "connection error" (with "error while dialing", or
 * "connection closed") for a request that it never sent. containerd reports "create shim task" or
 * "start shim" for steps before the start; "OCI runtime" is then runc's text about the job's own
 * properties. Texts that contain what a job chose (its user, a path) are checked first, so that no
 * job can make an engine look unwell. Tested with docker.io 20.10, containerd 1.6. */
docker_refusal docker_refusal_of(const char *text)
{
    static const char *const of_the_job[] = {
        "OCI runtime create failed",  "unable to find user",        "unable to find group",
        "while adding custom device", "creating mount source path", NULL
    };
    static const char *const not_begun[] = { "connection error: desc",  "rror while dialing",
                                             "connection closed: unav", "create shim task:",
                                             "failed to start shim",    "failed to create shim",
                                             "no space left on device", NULL };
    static const char *const unclear[] = { "transport is closing",
                                           "navailable",
                                           "EOF",
                                           "ttrpc: closed",
                                           "context canceled",
                                           "deadline exceeded",
                                           "already exists",
                                           "already in use",
                                           "OCI runtime start",
                                           NULL };
    if (has_one_of(text, of_the_job))
        return REFUSAL_OF_THE_JOB;
    if (has_one_of(text, not_begun))
        return REFUSAL_NOT_BEGUN;
    return has_one_of(text, unclear) ? REFUSAL_UNCLEAR : REFUSAL_OF_THE_JOB;
}

/* ---- the state ---- */

static void probe_later(docker *d, int64_t delay_ms)
{
    if (!d->probe_call && !d->probe_timer.armed)
        loop_timer_set(d->base.config.loop, &d->probe_timer, delay_ms);
}

/* For people: the parts that they can check. */
static const char *plain(const char *why)
{
    static const char *const away[] = { "connection error: desc", "rror while dialing",
                                        "connection closed: unav", "transport is closing", NULL };
    return has_one_of(why, away) ? "its containerd does not answer" : why;
}

void docker_set_unwell(docker *d, const char *why)
{
    bool is_news = !*d->unwell;
    ob_text_format(d->unwell, sizeof(d->unwell), "the container engine cannot start containers: %s",
                   ob_cut(plain(why), UNWELL_MAX));
    if (is_news) {
        ob_warn("engine.failed", "{s:s}", "error", d->unwell);
        ON(d)->unwell(d->unwell, ON(d)->arg);
    }
    docker_dirty(d);
    probe_later(d, PROBE_MS);
}

static void set_well(docker *d)
{
    if (!*d->unwell)
        return;
    d->unwell[0] = '\0';
    ob_info("engine.recovered", NULL);
    ON(d)->unwell(NULL, ON(d)->arg);
    docker_dirty(d);
}

void docker_doubt(container *c, const char *why)
{
    c->doubt = ob_strdup(why);
    container_set_step(c, STEP_DOUBT);
    probe_later(c->d, 0);
}

/* Containers that could not be created: was it the engine's fault, or theirs? */
static void end_doubts(docker *d, bool works)
{
    container *c, *next;
    HASH_ITER(hh, d->containers, c, next)
    {
        if (c->step != STEP_DOUBT)
            continue;
        ob_cleanup(ob_freep) char *reason = ob_strf("CannotCreateContainerError: %s", c->doubt);
        if (!works)
            docker_set_unwell(d, c->doubt);
        container_end_unstarted(c, works ? reason : NULL);
    }
}

/* ---- the probe: create, start, remove ---- */

static void decide(docker *d, bool works)
{
    end_doubts(d, works);
    if (works)
        set_well(d);
    else if (*d->unwell)
        probe_later(d, PROBE_MS);
}

static void send(docker *d,
                 ob_point point,
                 const char *method,
                 const char *before,
                 const char *after,
                 const json_t *body,
                 ob_http_on_reply on_reply)
{
    ob_cleanup(ob_freep) char *path = ob_strf("%s/containers/%s" DOCKER_PROBE "%s%s", d->api,
                                              before, d->base.config.instance, after);
    d->probe_call = ob_http_send(d->http, point,
                                 &(ob_http_request){ .method = method,
                                                     .path = path,
                                                     .json = body,
                                                     .only_once = true,
                                                     .timeout_s = PROBE_TIMEOUT_S,
                                                     .on_reply = on_reply,
                                                     .arg = d });
}

/* Call it first in each reply. false: there was no answer; it starts again when the engine is
 * back. */
static bool answered(docker *d, const ob_http_reply *reply)
{
    d->probe_call = NULL;
    if (reply->status != 0)
        return true;
    docker_down(d, reply->error);
    probe_later(d, PROBE_MS);
    return false;
}

static void on_removed(const ob_http_reply *reply, void *arg)
{
    docker *d = arg;
    if (answered(d, reply))
        decide(d, d->probe_works);
}

static void remove_probe(docker *d, bool works)
{
    d->probe_works = works;
    send(d, OB_POINT_EXECUTOR_TRY_REMOVE, "DELETE", "", "?v=1&force=1", NULL, on_removed);
}

static void on_started(const ob_http_reply *reply, void *arg)
{
    docker *d = arg;
    if (!answered(d, reply))
        return;
    ob_cleanup(ob_freep) char *text = docker_error_dup(reply, NULL);
    bool works = reply->status == 204 || reply->status == 304 ||
                 docker_refusal_of(text) == REFUSAL_OF_THE_JOB;
    if (!works)
        (void)docker_leftover_end(d->probe_id, NULL);
    if (!works && *d->unwell)
        docker_set_unwell(d, text); /* as it is now */
    remove_probe(d, works);
}

static void on_created(const ob_http_reply *reply, void *arg)
{
    docker *d = arg;
    if (!answered(d, reply))
        return;
    if (reply->status == 201) {
        json_auto_t *body = ob_json_read(reply->body, reply->len);
        ob_text_format(d->probe_id, sizeof(d->probe_id), "%s", ob_json_str(body, "Id", ""));
        send(d, OB_POINT_EXECUTOR_TRY_START, "POST", "", "/start", NULL, on_started);
    } else if (reply->status == 409) { /* one that was left */
        remove_probe(d, false);
    } else {
        if (reply->status == 404)
            d->probe_image[0] = '\0';
        decide(d, false);
    }
}

void docker_probe_image(docker *d, const char *image)
{
    if (image)
        (void)ob_text_into(d->probe_image, sizeof(d->probe_image), image);
}

static void on_probe_time(void *arg)
{
    docker *d = arg;
    if (!d->up) {
        probe_later(d, PROBE_MS);
        return;
    }
    if (!*d->probe_image) { /* then the next job has to find out */
        decide(d, true);
        return;
    }
    const runtime_config *config = &d->base.config;
    json_auto_t *body = json_pack(
        "{s:o, s:[o], s:[], s:{s:o, s:{s:o}}, s:{s:o, s:o, s:o}}", "Image",
        ob_json_text(d->probe_image), "Entrypoint", ob_json_text(NO_COMMAND), "Cmd", "HostConfig",
        "NetworkMode", ob_json_text("host"), "LogConfig", "Type", ob_json_text("none"), "Labels",
        DOCKER_LABEL_INSTANCE, ob_json_text(config->instance), DOCKER_LABEL_HOME,
        ob_json_text(config->home), DOCKER_LABEL_COPY, ob_json_text(d->settings->copy));
    send(d, OB_POINT_EXECUTOR_TRY_CREATE, "POST", "create?name=", "", body, on_created);
}

void docker_unwell_init(docker *d)
{
    d->probe_timer = (loop_timer){ .fn = on_probe_time, .arg = d };
}

void docker_unwell_done(docker *d)
{
    loop_timer_stop(d->base.config.loop, &d->probe_timer);
    ob_http_drop(d->probe_call);
}
