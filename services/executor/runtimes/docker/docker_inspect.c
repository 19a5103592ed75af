/* The state of a container, and which reports about it are trusted. An exit code is taken only from
 * the engine's own inspection, never from its events (labels of the container are merged into
 * those), and not if the engine may have made it up: a false failure can be repeated, a false
 * success cannot. A container that was to be started and is reported as not started may have run:
 * the engine may have ended between starting it and recording that, and a later engine may have
 * removed the rest. Owns nothing. Thread: the loop's. */
#include "docker_inspect.h"

#include <string.h>
#include <unistd.h>

#include "container.h"
#include "docker_born.h"
#include "docker_error.h"
#include "docker_leftover.h"
#include "docker_moves.h"
#include "docker_output.h"
#include "docker_unwell.h"
#include "docker_use.h"
#include "host/kernel_oom.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/text.h"
#include "runtimes/rfc3339.h"

#define RETRY_MS 500
#define EVENT_WAIT_MS 1000
#define DIED_WAIT_MS 20
#define START_WAIT_MS 2000 /* requests of an ended process arrive within this time */
#define BOOT_SLACK_MS 5000
#define BORN_SLACK_MS 100 /* of clocks and their steps */
#define RESTORE_MS 120000 /* time in which a starting dockerd checks its containers */
#define CLEANUP_MS 10000  /* time in which a starting containerd checks what it finds */
#define NUDGE_TIMEOUT_S 30
#define READER_WAIT_MS 10000
#define SIGNAL_WAIT_MS 10000 /* dockerd's, for the end of what it could not signal */
#define SIGNAL_SLACK_MS 500
#define EXIT_SIGKILL 137
#define EXIT_UNKNOWN 255 /* exit codes that engines make up */

static int64_t time_ms(const json_t *state, const char *name)
{
    const char *text = ob_json_str(state, name, "");
    return rfc3339_ns(text, strlen(text), NULL) / 1000000;
}

/* ---- ends ---- */

/* If a starting dockerd finds that it missed a container's end, it makes up the time of its own
 * start and the code 0 or 255 (docker.io 20.10, tested). If its process is not visible, the time in
 * which it did not answer is taken for its start. */
static bool is_dockerd_s(const container *c, int code, int64_t started_ms, int64_t stopped_ms)
{
    const docker *d = c->d;
    /* Most ends come while the engine answers. */
    if ((code != 0 && code != EXIT_UNKNOWN) || stopped_ms > d->back_ms ||
        (code == 0 && c->die_published))
        return false;
    int64_t born_ms = docker_born(d->base.config.engine).dockerd_ms;
    int64_t from_ms = born_ms ? born_ms - BORN_SLACK_MS : d->away_ms;
    /* Another dockerd may have started and ended while this process was not connected. A failure
     * that is unknown can be repeated. */
    if (born_ms && code == EXIT_UNKNOWN && from_ms > d->last_up_ms)
        from_ms = d->last_up_ms ? d->last_up_ms : 1;
    int64_t to_ms =
        born_ms && d->back_ms > born_ms + RESTORE_MS ? born_ms + RESTORE_MS : d->back_ms;
    return from_ms && started_ms < to_ms && stopped_ms >= from_ms && stopped_ms <= to_ms &&
           (!born_ms || started_ms < born_ms);
}

/* If a starting containerd cannot get a task's end, it reports 255, or 137 because it kills what it
 * finds. */
static bool
is_containerd_s(const container *c, int code, bool oom, int64_t started_ms, int64_t stopped_ms)
{
    bool killed = code == EXIT_SIGKILL && !oom && c->stop == STOP_NONE;
    if (!killed && code != EXIT_UNKNOWN)
        return false;
    int64_t born_ms = docker_born(c->d->base.config.engine).containerd_ms;
    return started_ms < born_ms && stopped_ms >= born_ms - BORN_SLACK_MS &&
           stopped_ms <= born_ms + CLEANUP_MS;
}

/* If dockerd is to signal a container whose process is gone, it waits 10 s for the end that it has
 * missed. If containerd does not answer then, or no longer has it, dockerd makes up 255 and the
 * time of that moment (docker.io 20.10). So a stop that is followed by an end sooner has found the
 * process. A nudge never has. */
static bool is_a_signal_s(const container *c, int64_t stopped_ms)
{
    return c->nudged || (c->stop_ms && stopped_ms - c->stop_ms >= SIGNAL_WAIT_MS - SIGNAL_SLACK_MS);
}

static bool
is_made_up(const container *c, int code, bool oom, int64_t started_ms, int64_t stopped_ms)
{
    int64_t booted_ms = ob_wall_ms() - ob_boot_ms();
    bool is_usual = code == 0 || code == EXIT_UNKNOWN;
    return (code == EXIT_UNKNOWN && is_a_signal_s(c, stopped_ms)) ||
           (is_usual && started_ms < booted_ms - BOOT_SLACK_MS) ||
           is_dockerd_s(c, code, started_ms, stopped_ms) ||
           is_containerd_s(c, code, oom, started_ms, stopped_ms);
}

/* dockerd gives its reader of a container's output 10 s to reach the end, then drops the rest and
 * reports the container's end after that. Its log says so; its API shows it only by these times
 * (docker.io 20.10, tested). An end that is late because containerd was not running is a different
 * case. */
static bool is_cut_short(const container *c, int64_t stopped_ms)
{
    return stopped_ms && c->die_ms - stopped_ms >= READER_WAIT_MS && !c->nudged &&
           docker_born(c->d->base.config.engine).containerd_ms < stopped_ms;
}

static void take_end(container *c, const json_t *state)
{
    int code = (int)ob_json_int(state, "ExitCode", -1);
    int64_t started_ms = time_ms(state, "StartedAt");
    bool oom = c->oom_seen || ob_json_bool(state, "OOMKilled", false);
    /* The engine's out-of-memory notice and the end arrive by different ways. */
    if (code == EXIT_SIGKILL && !oom && c->stop == STOP_NONE) {
        oom = c->id && kernel_oom_killed(KERNEL_LOG, c->id);
        if (!oom && c->second_look != SECOND_LOOK_END) {
            container_set_second_look(c, SECOND_LOOK_END);
            container_wait(c, EVENT_WAIT_MS);
            return;
        }
    }
    const char *error = ob_json_str(state, "Error", "");
    runtime_end end = { .started = true,
                        .exit_code = code,
                        .oom = oom && code != 0,
                        .started_at_ms = started_ms ? started_ms : c->running_at_ms,
                        .stopped_at_ms = time_ms(state, "FinishedAt"),
                        .cpu_ms = c->use.cpu_ms,
                        .peak_bytes = c->use.peak_bytes,
                        .reason = *error ? error : NULL };
    if (is_made_up(c, code, end.oom, end.started_at_ms, end.stopped_at_ms)) {
        /* The event that proves the code may be on its way. */
        if (c->second_look != SECOND_LOOK_END) {
            container_set_second_look(c, SECOND_LOOK_END);
            container_wait(c, EVENT_WAIT_MS);
            return;
        }
        end.exit_code = -1;
        end.reason = "CannotInspectContainerError: the container engine missed the container's "
                     "end and does not know its exit code";
    }
    c->out.cut_short = is_cut_short(c, end.stopped_at_ms);
    if (end.oom)
        end.reason = "OutOfMemoryError: Container killed due to memory usage";
    container_tell_end(c, &end);
}

static void take_lost(container *c, const ob_http_reply *reply)
{
    char text[512], reason[640];
    c->exists = false;
    if (c->start == START_NONE) {
        container_end_failed(c, "CannotCreateContainerError", reply, -1);
        return;
    }
    ob_text_format(reason, sizeof(reason), "CannotInspectContainerError: %s",
                   docker_error_text(reply, text, sizeof(text)));
    container_tell_end(c, &(runtime_end){ .started = true, .exit_code = -1, .reason = reason });
    output_lost(c);
}

/* ---- did it begin? ---- */

void container_recall(container *c)
{
    const json_t *members = spool_get(c->d->base.config.spool, c->run);
    const char *boot = ob_json_str(members, "intent", NULL);
    bool is_rebooted = boot && strcmp(boot, c->d->boot) != 0;
    container_set_origin(c, is_rebooted ? ORIGIN_REBOOTED : ORIGIN_ADOPTED);
    /* Without "begins" it comes from a version without intents, or the spool was lost. */
    if (!json_object_get(members, "begins"))
        container_set_start(c, START_UNKNOWN);
    else if (boot)
        container_set_start(c, START_INTENDED);
}

void container_end_doubtful(container *c, const char *why, bool stayed)
{
    static const char *const words[] = {
        [LEFTOVER_MAY_HAVE_BEGUN] = "unknown", [LEFTOVER_NOT_BEGUN] = "no", [LEFTOVER_BEGUN] = "yes"
    };
    leftover left =
        docker_leftover_end(c->id ? c->id : "", stayed ? c->d->base.config.engine : NULL);
    /* It is not known which process started it, so what is left now proves nothing. */
    if (c->start == START_UNKNOWN && left == LEFTOVER_NOT_BEGUN)
        left = LEFTOVER_MAY_HAVE_BEGUN;
    if (c->running_at_ms) /* the engine said so, whatever it says now */
        left = LEFTOVER_BEGUN;
    ob_warn("container.doubted", "{s:s, s:s, s:s}", "run", c->run, "begun", words[left], "error",
            why);
    c->force = true; /* nothing of it may continue after its end */
    if (left == LEFTOVER_NOT_BEGUN) {
        container_end_unstarted(c, NULL); /* not the job's fault: it is placed again */
        return;
    }
    char reason[256];
    ob_text_format(reason, sizeof(reason), "CannotStartContainerError: %s; it may have run",
                   ob_cut(why, 180));
    container_tell_end(c, &(runtime_end){ .started = true, .exit_code = -1, .reason = reason });
}

/* It exists, and the engine says that it has not been started. */
static void take_created(container *c)
{
    static const char *const why[] = {
        [ORIGIN_OWN] = "the container engine ended while it started the container",
        [ORIGIN_ADOPTED] = "the executor ended while the container was being started",
        [ORIGIN_REBOOTED] = "the host restarted while the container was being started",
    };
    if (c->start == START_NONE) {
        container_set_step(c, STEP_START);
        return;
    }
    if (c->origin != ORIGIN_OWN && c->second_look == SECOND_LOOK_NONE) {
        container_set_second_look(c, SECOND_LOOK_START);
        container_wait(c, START_WAIT_MS);
        return;
    }
    container_end_doubtful(c,
                           c->start == START_UNKNOWN
                               ? "it is not known whether the container was started"
                               : why[c->origin],
                           false);
}

/* ---- does it run? ---- */

static void on_nudged(const ob_http_reply *reply, void *arg)
{
    container *c = arg;
    c->stop_call = NULL;
    c->d->dirty = true;
    /* It does not run, and the engine knows that. */
    if (reply->status == 404 || reply->status == 409)
        container_died(c);
}

static bool is_gone(const container *c)
{
    char path[32];
    (void)snprintf(path, sizeof(path), "/proc/%d", c->pid);
    return access(path, F_OK) < 0 && docker_born(c->d->base.config.engine).dockerd_ms;
}

/* If a container ends while containerd is not running, dockerd may never get its end and keeps
 * reporting that it runs. A signal makes dockerd look: it finds no process, waits 10 s for the end,
 * and then asks for it; containerd has kept the exit code (tested). So a harmless signal is sent to
 * containers whose process has been gone for two listings. */
void container_listed(container *c)
{
    if (++c->listings < 2)
        return;
    if (!c->pid) {
        container_set_step(c, STEP_INSPECT);
    } else if (!is_gone(c)) {
        c->listings = 0;
    } else if (c->listings > 2 && !c->stop_call) {
        ob_warn("container.vanished", "{s:s, s:i}", "run", c->run, "pid", c->pid);
        ob_cleanup(ob_freep) char *path =
            ob_strf("%s/containers/%s/kill?signal=SIGURG", c->d->api, c->name);
        c->nudged = true;
        c->listings = 0;
        c->stop_call = ob_http_send(c->d->http, OB_POINT_EXECUTOR_NUDGE,
                                    &(ob_http_request){ .method = "POST",
                                                        .path = path,
                                                        .timeout_s = NUDGE_TIMEOUT_S,
                                                        .on_reply = on_nudged,
                                                        .arg = c });
    }
}

/* ---- inspect ---- */

/* It runs, or ran. */
static void note_start(container *c)
{
    if (c->start == START_NONE)
        container_set_start(c, START_INTENDED);
}

static void take_running(container *c, const json_t *state)
{
    int64_t started_ms = time_ms(state, "StartedAt");
    note_start(c);
    c->pid = (int)ob_json_int(state, "Pid", 0);
    docker_use_begin(c);
    /* A dockerd that ended during the start does not know when that was. */
    container_tell_running(c, started_ms ? started_ms : ob_wall_ms());
    container_set_step(c, STEP_RUN);
    if (c->died) { /* while the answer was on its way */
        container_died(c);
        container_wait(c, DIED_WAIT_MS);
    }
}

/* dockerd reports "created" for a container without a start time, even if it ran and has ended.
 * This happens to one that dockerd found running when it started, and that it was just starting
 * before that. */
static bool is_created(const json_t *state)
{
    return strcmp(ob_json_str(state, "Status", ""), "created") == 0 &&
           !ob_json_bool(state, "Running", false) && !time_ms(state, "FinishedAt");
}

static void on_inspect(const ob_http_reply *reply, void *arg)
{
    container *c = arg;
    if (!container_answered(c, reply))
        return;
    json_auto_t *body = reply->status == 200 ? ob_json_read(reply->body, reply->len) : NULL;
    const json_t *state = json_object_get(body, "State");
    container_take_id(c, body);
    docker_probe_image(c->d, ob_json_str(json_object_get(body, "Config"), "Image", NULL));
    if (reply->status == 404) {
        take_lost(c, reply);
    } else if (!state) {
        container_wait(c, RETRY_MS);
    } else if (is_created(state)) {
        take_created(c);
    } else if (ob_json_bool(state, "Running", false)) {
        take_running(c, state);
    } else {
        note_start(c);
        take_end(c, state);
    }
}

void container_inspect(container *c)
{
    ob_cleanup(ob_freep) char *path = ob_strf("%s/containers/%s/json", c->d->api, c->name);
    c->died = false;
    container_request(c, OB_POINT_NONE, "GET", path, NULL, on_inspect);
}
