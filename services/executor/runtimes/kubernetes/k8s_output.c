/* Reads the output of a run's containers, one after the other, in the order of the job: init
 * containers first. So the same output always has the same offsets. A container that runs is
 * followed. When that reading ends, and once the container has ended, what it may have missed is
 * read without following, from the last line on (k8s_mark.c); that reading is complete. Owns the
 * reading. Thread: the loop's. */
#include "k8s_output.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "k8s_kept.h"
#include "k8s_moves.h"
#include "k8s_run.h"
#include "ob/log.h"
#include "ob/message.h"
#include "runtimes/rfc3339.h"

#define FOLLOW_AFTER_MS 300 /* most short containers have ended by then: they are read once */
#define RETRY_MS 1000
#define RETRY_MAX_MS 10000
#define GIVE_UP_MS 60000 /* of failures after the end: the node may have gone */
/* An API server that has just begun does not know all rights yet; otherwise one is missing. */
#define FORBIDDEN_MS 10000
#define SILENCE_MS 30000 /* of a reading, after its container's end */

static const char gap_mark[] =
    "[OpenBatch: Kubernetes did not keep all of this output; lines before "
    "this one may be missing]";
static const char lost_mark[] =
    "[OpenBatch: the rest of this output could not be read from Kubernetes: %s]";
static const char head_mark[] = "[OpenBatch: output of the container %s]";

/* ---- which container ---- */

static const char *const specs[] = { "initContainers", "containers" };
static const char *const statuses[] = { "initContainerStatuses", "containerStatuses" };

static const json_t *spec_list(const k8s_run *r, int kind)
{
    return json_object_get(json_object_get(r->pod, "spec"), specs[kind]);
}

static size_t count(const k8s_run *r)
{
    return json_array_size(spec_list(r, 0)) + json_array_size(spec_list(r, 1));
}

/* The name of the one that is read, and its state; NULL: there is none any more. */
static const char *current(const k8s_run *r, const json_t **ret_state)
{
    size_t i = r->out.container, inits = json_array_size(spec_list(r, 0));
    int kind = i < inits ? 0 : 1;
    const json_t *one = json_array_get(spec_list(r, kind), kind == 0 ? i : i - inits);
    const char *name = ob_json_str(one, "name", NULL);
    const json_t *list = json_object_get(json_object_get(r->pod, "status"), statuses[kind]);
    *ret_state = json_object_get(name ? k8s_status_named(list, name) : NULL, "state");
    return name;
}

static bool is_awaited(const k8s_run *r)
{
    return r->out.state != K8S_OUTPUT_UNWANTED && r->out.state != K8S_OUTPUT_OVER;
}

/* ---- lines ---- */

static void pass(k8s_run *r, int64_t at_ns, const char *text, size_t len, size_t span)
{
    runtime_more more = ON(r->k)->line(r->run, at_ns, text, len, span, ON(r->k)->arg);
    r->out.offset += (int64_t)span;
    if (more > r->out.more)
        r->out.more = more;
}

static void pass_mark(k8s_run *r, int64_t at_ns, const char *text)
{
    size_t len = strlen(text);
    pass(r, at_ns, text, len, len + 1);
}

static void pass_head(k8s_run *r, int64_t at_ns)
{
    const json_t *state;
    const char *name = current(r, &state);
    if (r->out.is_headed || count(r) < 2 || !name)
        return;
    char text[128];
    (void)snprintf(text, sizeof(text), head_mark, name);
    pass_mark(r, at_ns, text);
    r->out.is_headed = true;
}

static void on_line(const k8s_line *line, void *arg)
{
    k8s_run *r = arg;
    k8s_taken taken = k8s_mark_take(&r->out.mark, line);
    int64_t at_ns = line->at_ns ? line->at_ns : r->out.mark.max_ns;
    r->out.heard_ms = r->out.heard_ms ? ob_boot_ms() : 0;
    if (taken == K8S_TAKEN_SKIP)
        return;
    r->out.failures = 0; /* only what is new is a step forward */
    r->known.ran = true;
    if (taken == K8S_TAKEN_GAP && r->out.is_recalled)
        k8s_kept_jump(r);
    r->out.is_recalled = false;
    pass_head(r, at_ns);
    if (taken == K8S_TAKEN_GAP)
        pass_mark(r, at_ns, gap_mark);
    pass(r, at_ns, line->text, line->len, line->span);
    k8s_kept_note(r);
}

/* ---- ends ---- */

static void finish(k8s_run *r)
{
    k8s_drop_output(r);
    if (!is_awaited(r))
        return;
    k8s_set_output(r, K8S_OUTPUT_OVER);
    ON(r->k)->output_end(r->run, ON(r->k)->arg);
}

void k8s_output_lost(k8s_run *r)
{
    if (is_awaited(r) && r->out.begun)
        k8s_lines_end(&r->out.lines);
    finish(r);
}

static void give_up(k8s_run *r, const char *why)
{
    char text[K8S_WHY_TEXT + sizeof(lost_mark)];
    (void)snprintf(text, sizeof(text), lost_mark, why);
    ob_warn("output.lost", "{s:s, s:s}", "run", r->run, "error", why);
    pass_mark(r, r->out.mark.max_ns ? r->out.mark.max_ns : ob_wall_ms() * 1000000, text);
    finish(r);
}

static void next_container(k8s_run *r)
{
    k8s_lines_end(&r->out.lines);
    r->out.container++;
    r->out.is_headed = false;
    r->out.mark = (k8s_mark){ 0 };
    r->out.is_recalled = false;
    r->out.failures = 0;
    r->out.retry_at_ms = 0;
    k8s_set_output(r, K8S_OUTPUT_IDLE);
}

static void again(k8s_run *r, int64_t delay_ms)
{
    k8s_lines_reset(&r->out.lines);
    r->out.retry_at_ms = ob_boot_ms() + delay_ms;
    k8s_later(r->k, delay_ms);
    k8s_set_output(r, K8S_OUTPUT_IDLE);
}

/* ---- reading ---- */

static bool on_data(const char *data, size_t len, void *arg)
{
    k8s_run *r = arg;
    if (r->out.more == RUNTIME_WAIT)
        return false;
    k8s_lines_take(&r->out.lines, data, len);
    if (r->out.more == RUNTIME_ENOUGH)
        finish(r);
    return true;
}

static bool never_began(const k8s_run *r)
{
    const json_t *state;
    (void)current(r, &state);
    const char *at = ob_json_str(json_object_get(state, "terminated"), "startedAt", "");
    return json_object_get(state, "terminated") && rfc3339_ns(at, strlen(at), NULL) == 0;
}

/* A reading has failed, and is tried again for so long after the end. */
static void failed(k8s_run *r, const char *why, int64_t limit_ms)
{
    int64_t now_ms = ob_boot_ms(), delay_ms = RETRY_MS * (1 + r->out.failures);
    if (r->out.failures++ == 0)
        r->out.failed_ms = now_ms;
    int64_t since_ms = r->ended_ms > r->out.failed_ms ? r->ended_ms : r->out.failed_ms;
    if (r->step != K8S_STEP_LIVE && now_ms - since_ms >= limit_ms)
        give_up(r, why);
    else
        again(r, delay_ms < RETRY_MAX_MS ? delay_ms : RETRY_MAX_MS);
}

static void refused(k8s_run *r, const ob_kube_reply *reply)
{
    ob_cleanup(ob_freep) char *why = k8s_error_text(reply);
    if (reply->status != 0 && never_began(r)) { /* it has no output */
        next_container(r);
        return;
    }
    if (reply->kind == OB_KUBE_NOT_FOUND && r->doubt == K8S_DOUBT_NONE)
        k8s_set_doubt(r, K8S_DOUBT_THERE);
    failed(r, why, reply->kind == OB_KUBE_FORBIDDEN ? FORBIDDEN_MS : GIVE_UP_MS);
}

static void on_reply(const ob_kube_reply *reply, void *arg)
{
    k8s_run *r = arg;
    r->out.call = NULL;
    if (reply->status != 200)
        refused(r, reply);
    else if (r->out.state == K8S_OUTPUT_WHOLE)
        next_container(r);
    else
        again(r, r->step == K8S_STEP_LIVE ? RETRY_MS : 0);
}

static void read_container(k8s_run *r, const char *name, bool follow)
{
    char since[64] = "";
    if (!r->out.begun)
        ON(r->k)->output_begin(r->run, ON(r->k)->arg);
    if (!r->out.begun && r->out.offset > 0 && ON(r->k)->output_at)
        ON(r->k)->output_at(r->run, r->out.offset, ON(r->k)->arg);
    r->out.begun = true;
    r->out.more = RUNTIME_GO_ON;
    r->out.lines.on_line = on_line;
    r->out.lines.arg = r;
    r->out.heard_ms = 0;
    int64_t since_s = k8s_mark_begin(&r->out.mark);
    struct tm tm;
    if (since_s > 0 && gmtime_r(&(time_t){ since_s }, &tm))
        (void)strftime(since, sizeof(since), "&sinceTime=%Y-%m-%dT%H%%3A%M%%3A%SZ", &tm);
    ob_cleanup(ob_freep) char *path =
        ob_strf("/api/v1/namespaces/%s/pods/%s/log", r->name_space, r->name);
    ob_cleanup(ob_freep) char *query =
        ob_strf("container=%s&timestamps=true%s%s", name, follow ? "&follow=true" : "", since);
    k8s_set_output(r, follow ? K8S_OUTPUT_FOLLOWED : K8S_OUTPUT_WHOLE);
    r->out.call = ob_kube_send(r->k->kube, OB_POINT_NONE,
                               &(ob_kube_request){ .method = "GET",
                                                   .path = path,
                                                   .query = query,
                                                   .text = true,
                                                   .on_data = on_data,
                                                   .on_reply = on_reply,
                                                   .arg = r });
}

/* A reading ends by itself once its container has ended; one that is silent is dead. */
static void watch_reading(k8s_run *r, bool has_ended)
{
    int64_t now_ms = ob_boot_ms();
    bool is_followed = r->out.state == K8S_OUTPUT_FOLLOWED;
    if ((is_followed && !has_ended) || r->out.more == RUNTIME_WAIT) {
        r->out.heard_ms = 0;
        return;
    }
    if (!r->out.heard_ms)
        r->out.heard_ms = now_ms;
    int64_t left_ms = r->out.heard_ms + SILENCE_MS - now_ms;
    if (left_ms > 0) {
        k8s_later(r->k, left_ms);
        return;
    }
    ob_http_drop(r->out.call);
    r->out.call = NULL;
    if (is_followed)
        again(r, 0);
    else
        failed(r, "it did not come to its end", GIVE_UP_MS);
}

void k8s_output_resume(k8s_run *r)
{
    if (r->out.more != RUNTIME_WAIT)
        return;
    r->out.more = RUNTIME_GO_ON;
    r->k->dirty = true; /* its silence counts again */
    if (r->out.call)
        ob_http_resume(r->out.call);
}

void k8s_output_go(k8s_run *r)
{
    const json_t *state;
    if (!is_awaited(r))
        return;
    if (!r->pod) {
        if (r->step == K8S_STEP_ENDED)
            finish(r);
        return;
    }
    const char *name = current(r, &state);
    if (!name) {
        if (r->step == K8S_STEP_ENDED)
            finish(r);
        return;
    }
    bool has_ended = json_object_get(state, "terminated");
    if (r->out.call) {
        watch_reading(r, has_ended);
        return;
    }
    if (!has_ended && !json_object_get(state, "running")) {
        if (r->step == K8S_STEP_ENDED)
            next_container(r); /* it never began */
        return;
    }
    if (!has_ended && !r->out.retry_at_ms)
        again(r, FOLLOW_AFTER_MS);
    if (ob_boot_ms() >= r->out.retry_at_ms)
        read_container(r, name, !has_ended && r->step != K8S_STEP_ENDED);
}
