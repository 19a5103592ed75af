/* Reads containers' output from the engine. Owns the reading of each container. A running container
 * is followed. When that reading ends with the container, its last part of a line is compared with
 * the container's own last one (a following reader may miss what was written just before the end);
 * if they differ, everything is read again, and the receiver skips what it has. A container that
 * has ended is read without following, which is complete. Thread: the loop's. */
#include "docker_output.h"

#include <string.h>

#include "container.h"
#include "docker_down.h"
#include "docker_error.h"
#include "docker_moves.h"
#include "docker_spec.h"
#include "ob/clock.h"
#include "ob/log.h"

#define RETRY_MS 1000
#define FAILURES_MAX 5

static void say_cut_short(container *c)
{
    static const char mark[] =
        "[OpenBatch: the container engine was too slow to take in all of this "
        "output; its end may be missing]";
    int64_t at_ns = c->out.last.any ? c->out.last.at_ns : c->die_ms * 1000000;
    (void)ON(c->d)->line(c->run, at_ns, mark, sizeof(mark) - 1, sizeof(mark), ON(c->d)->arg);
}

/* Its end was not reported yet. */
static bool is_awaited(const container *c)
{
    return c->out.state != OUTPUT_UNWANTED && c->out.state != OUTPUT_OVER;
}

/* A last line without an end counts as a line. */
static void finish(container *c)
{
    container_output *out = &c->out;
    docker_frames_reset(&out->frames);
    if (is_awaited(c))
        docker_lines_end(&out->lines);
    docker_lines_reset(&out->lines);
    if (!is_awaited(c))
        return;
    container_set_output(c, OUTPUT_OVER);
    if (out->cut_short && out->more != RUNTIME_ENOUGH)
        say_cut_short(c);
    ON(c->d)->output_end(c->run, ON(c->d)->arg);
}

void output_lost(container *c)
{
    if (is_awaited(c))
        docker_lines_end(&c->out.lines);
    container_drop_output(c);
    finish(c);
}

static void retry_later(container *c)
{
    c->out.retry_at_ms = ob_boot_ms() + RETRY_MS;
    docker_later(c->d, RETRY_MS);
}

static void on_line(int64_t at_ns, const char *text, size_t len, size_t span, void *arg)
{
    container *c = arg;
    runtime_more more = ON(c->d)->line(c->run, at_ns, text, len, span, ON(c->d)->arg);
    if (more > c->out.more)
        c->out.more = more;
}

static void on_part(const docker_part *part, void *arg)
{
    container *c = arg;
    c->out.last = (output_mark){ .any = true, .at_ns = part->at_ns, .len = part->len };
    docker_lines_take(part, &c->out.lines);
}

static bool on_data(const char *data, size_t len, void *arg)
{
    container *c = arg;
    if (c->out.more == RUNTIME_WAIT)
        return false;
    if (docker_frames_feed(&c->out.frames, data, len, on_part, c) < 0) {
        ob_warn("output.garbled", "{s:s}", "run", c->run);
        ob_http_drop(c->out.call);
        c->out.call = NULL;
        c->out.failures++;
        container_set_output(c, OUTPUT_IDLE);
        retry_later(c);
    } else if (c->out.more == RUNTIME_ENOUGH) {
        container_drop_output(c);
        finish(c);
    }
    return true;
}

static void failed(container *c, const ob_http_reply *reply)
{
    char text[512];
    const char *why = docker_error_text(reply, text, sizeof(text));
    container_set_output(c, c->out.state == OUTPUT_CHECKED ? OUTPUT_UNSURE : OUTPUT_IDLE);
    if (reply->status == 0) {
        docker_down(c->d, why);
        return;
    }
    if (reply->status == 404 || ++c->out.failures >= FAILURES_MAX) {
        ob_warn("output.lost", "{s:s, s:s}", "run", c->run, "error", why);
        finish(c);
    }
    retry_later(c);
}

static void on_reply(const ob_http_reply *reply, void *arg)
{
    container *c = arg;
    c->out.call = NULL;
    docker_frames_reset(&c->out.frames);
    docker_dirty(c->d);
    if (reply->status != 200) {
        failed(c, reply);
    } else if (c->out.state == OUTPUT_WHOLE) {
        finish(c);
    } else {
        container_set_output(c, OUTPUT_UNSURE);
        retry_later(c); /* if the container goes on */
    }
}

static void send(container *c, const char *query, ob_http_on_data data, ob_http_on_reply reply)
{
    char since[48] = "";
    if (c->out.since_ns > 0)
        (void)snprintf(since, sizeof(since), "&since=%lld.%09lld",
                       (long long)(c->out.since_ns / 1000000000),
                       (long long)(c->out.since_ns % 1000000000));
    ob_cleanup(ob_freep) char *path =
        ob_strf("%s/containers/%s/logs?stdout=1&stderr=1&timestamps=1%s%s", c->d->api, c->name,
                query, since);
    docker_frames_reset(&c->out.frames);
    c->out.call = ob_http_send(
        c->d->http, OB_POINT_NONE,
        &(ob_http_request){
            .method = "GET", .path = path, .on_data = data, .on_reply = reply, .arg = c });
}

static void on_check_part(const docker_part *part, void *arg)
{
    container *c = arg;
    c->out.check = (output_mark){ .any = true, .at_ns = part->at_ns, .len = part->len };
}

static bool on_check_data(const char *data, size_t len, void *arg)
{
    container *c = arg;
    (void)docker_frames_feed(&c->out.frames, data, len, on_check_part, c);
    return true;
}

static bool is_same(const output_mark *a, const output_mark *b)
{
    return a->any == b->any && (!a->any || (a->at_ns == b->at_ns && a->len == b->len));
}

static void on_check_reply(const ob_http_reply *reply, void *arg)
{
    container *c = arg;
    container_output *out = &c->out;
    out->call = NULL;
    docker_dirty(c->d);
    if (reply->status != 200) {
        failed(c, reply);
        return;
    }
    if (is_same(&out->last, &out->check)) {
        finish(c);
        return;
    }
    container_set_output(c, OUTPUT_IDLE);
    out->retry_at_ms = 0;
}

void output_go(container *c)
{
    container_output *out = &c->out;
    if (!is_awaited(c) || out->call || !c->d->up)
        return;
    bool ended = c->step == STEP_ENDED;
    if (!c->exists) {
        finish(c);
        return;
    }
    if (ended && out->state == OUTPUT_UNSURE) {
        container_set_output(c, OUTPUT_CHECKED);
        out->check = (output_mark){ 0 };
        send(c, "&tail=1", on_check_data, on_check_reply);
        return;
    }
    if (ob_boot_ms() < out->retry_at_ms)
        return;
    container_set_output(c, ended ? OUTPUT_WHOLE : OUTPUT_FOLLOWED);
    out->last = (output_mark){ 0 };
    out->more = RUNTIME_GO_ON;
    docker_lines_reset(&out->lines);
    out->lines.on_line = on_line;
    out->lines.arg = c;
    ON(c->d)->output_begin(c->run, ON(c->d)->arg);
    send(c, ended ? "" : "&follow=1", on_data, on_reply);
}
