/* Registration, heartbeats and reports. Owns the session. Ends are reported every 5 s until they
 * are confirmed; the broker's acknowledgement confirms nothing.
 *
 * Invariants: nothing is sent before the first registration, nor with a session whose partition was
 * not assigned first. Thread: the loop's, which never waits for the broker, because containers do
 * not. */
#include "heartbeat.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ob/clock.h"
#include "ob/hash.h"
#include "ob/id.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/topics.h"

#define REPEAT_MS 5000
#define REGISTER_RETRY_MS 300
#define ASSIGN_SLOW_MS 5000 /* after that time the broker is reported as slow */
#define REPORT_RUNS 500     /* one message is one transaction of the scheduler's */

struct heartbeat {
    heartbeat_config config;
    char session[17]; /* of the last registration */
    bool follows;     /* an assignment was requested */
    bool assigned;    /* and has been made */
    bool registered;
    bool due;          /* to register */
    char failure[512]; /* said once */
    loop_timer beat_timer, register_timer;
    char digest[17];
    int count;
    char *unwell; /* NULL: the engine works */
};

static const char *state_name(attempt_state state)
{
    return state == ATTEMPT_STARTING ? "starting" : state == ATTEMPT_RUNNING ? "running" : "exited";
}

/* For attempts with another statusReason than the usual one: AWS reports missing secrets there. */
static const char *status_reason(const attempt *at)
{
    static const char init_error[] = "ResourceInitializationError:";
    if (at->timed_out)
        return "Job attempt duration exceeded timeout";
    if (at->host_ended && attempt_has_run(at) && at->exit_code != 0)
        return at->all->host_reason;
    bool is_init = at->reason && strncmp(at->reason, init_error, sizeof(init_error) - 1) == 0;
    return !attempt_has_run(at) && is_init ? at->reason : NULL;
}

static void add_name(ob_buf *t, const char *name)
{
    ob_buf_str(t, ",\"");
    ob_buf_str(t, name);
    ob_buf_str(t, "\":");
}

static void add_text(ob_buf *t, const char *name, const char *text)
{
    add_name(t, name);
    ob_buf_json(t, text);
}

static void add_number(ob_buf *t, const char *name, int64_t number)
{
    add_name(t, name);
    ob_buf_number(t, number);
}

void heartbeat_run_state(ob_buf *t, const attempt *at)
{
    ob_buf_str(t, "{\"run\":");
    ob_buf_json(t, at->run);
    add_text(t, "state", state_name(at->state));
    if (at->started_at_ms)
        add_number(t, "startedAt", at->started_at_ms);
    if (at->state == ATTEMPT_EXITED) {
        ob_buf_str(t, attempt_has_run(at) ? ",\"started\":true" : ",\"started\":false");
        if (at->pulled_at_ms > 0)
            add_number(t, "pulledAt", at->pulled_at_ms);
        if (at->created_at_ms > 0)
            add_number(t, "createdAt", at->created_at_ms);
        if (at->stopped_at_ms)
            add_number(t, "stoppedAt", at->stopped_at_ms);
        if (at->exit_code >= 0)
            add_number(t, "exitCode", at->exit_code);
        if (at->cpu_ms > 0)
            add_number(t, "cpuMs", at->cpu_ms);
        if (at->peak_bytes > 0)
            add_number(t, "peakBytes", at->peak_bytes);
        if (at->outcome == OUTCOME_OOM)
            ob_buf_str(t, ",\"oom\":true");
        if (at->reason)
            add_text(t, "reason", at->reason);
        if (at->timed_out)
            ob_buf_str(t, ",\"timedOut\":true");
        const char *status = status_reason(at);
        if (status)
            add_text(t, "statusReason", status);
    }
    if (at->pod) {
        add_name(t, "pod");
        ob_json_write(t, at->pod);
    }
    ob_buf_str(t, "}");
}

static int by_run(const void *a, const void *b)
{
    return strcmp((*(attempt *const *)a)->run, (*(attempt *const *)b)->run);
}

void heartbeat_digest(const attempts *a, char out[17], int *ret_count)
{
    ob_cleanup(ob_freep) attempt **held = ob_calloc(HASH_COUNT(a->table) + 1, sizeof(*held));
    size_t n = 0;
    attempt *at, *next;
    HASH_ITER(hh, a->table, at, next)
    if (attempt_is_held(at))
        held[n++] = at;
    qsort(held, n, sizeof(*held), by_run);
    uint64_t hash = OB_HASH64;
    for (size_t i = 0; i < n; i++) {
        hash = ob_hash64(hash, held[i]->run);
        hash = ob_hash64(hash, " ");
        hash = ob_hash64(hash, state_name(held[i]->state));
        hash = ob_hash64(hash, "\n");
    }
    (void)snprintf(out, 17, "%016llx", (unsigned long long)hash);
    *ret_count = (int)HASH_COUNT(a->table);
}

/* Begins a message; its object stays open until it is sent. */
static void begin(const heartbeat *h, ob_buf *t, const char *type)
{
    ob_message_begin(t, type, 0);
    if (*h->config.seal->former)
        add_text(t, "token", h->config.seal->former);
    add_text(t, "session", h->session);
}

static void add_join(const heartbeat *h, ob_buf *t)
{
    if (!h->config.join)
        return;
    ob_buf_str(t, ",\"join\":");
    ob_json_write(t, h->config.join);
}

static void add_position(const heartbeat *h, ob_buf *t)
{
    placement_position last = placement_last(h->config.placement);
    ob_buf_addf(t, ",\"last\":{\"epoch\":%" PRId64 ",\"seq\":%" PRId64 "}", last.epoch, last.seq);
}

static void add_unwell(const heartbeat *h, ob_buf *t)
{
    if (h->unwell)
        add_text(t, "unwell", h->unwell);
}

static int send(heartbeat *h, ob_point point, const char *type, ob_buf *t, void *ref)
{
    ob_error err = { 0 };
    const char *instance = h->config.instance;
    ob_buf_str(t, "}");
    int r = ob_seal_send(h->config.seal, NULL, h->config.bus, point, OB_TOPIC_EXECUTIONS, -1,
                         instance, strlen(instance), t->at, t->len, ref, &err);
    if (r < 0)
        ob_warn("message.unsent", "{s:s, s:s}", "type", type, "error", err.text);
    return r;
}

/* For the scaler's metrics. */
static void add_figures(ob_buf *t, const attempts *a)
{
    int64_t by_state[ATTEMPT_CONFIRMED + 1] = { 0 };
    const attempts_sums *s = &a->sums;
    for (const attempt *at = a->table; at; at = at->hh.next)
        by_state[at->state]++;
    ob_buf_addf(t, ",\"figures\":{\"starting\":%" PRId64 ",\"running\":%" PRId64,
                by_state[ATTEMPT_STARTING], by_state[ATTEMPT_RUNNING]);
    add_number(t, "starts", s->starts);
    add_number(t, "startMs", s->start_ms);
    add_number(t, "pulls", s->pulls);
    add_number(t, "failedPulls", s->failed_pulls);
    add_number(t, "pullMs", s->pull_ms);
    ob_buf_str(t, "}");
}

static void beat(heartbeat *h)
{
    attempts *a = h->config.attempts;
    if (a->changed)
        heartbeat_digest(a, h->digest, &h->count);
    a->changed = false;
    ob_cleanup(ob_buf_done) ob_buf t = { 0 };
    begin(h, &t, "heartbeat");
    add_position(h, &t);
    if (a->listed)
        add_number(&t, "count", h->count);
    if (h->config.join) {
        add_text(&t, "ce", h->config.ce);
        add_join(h, &t);
    }
    add_text(&t, "digest", h->digest);
    add_figures(&t, a);
    add_unwell(h, &t);
    (void)send(h, OB_POINT_EXECUTOR_HEARTBEAT, "heartbeat", &t, NULL);
}

/* Repeated, so that a receiver that missed it gets it later. */
static void say_notice(heartbeat *h)
{
    int64_t left_ms = notice_left_ms(h->config.notice);
    if (left_ms < 0)
        return;
    ob_cleanup(ob_buf_done) ob_buf t = { 0 };
    begin(h, &t, "interrupted");
    add_number(&t, "in", left_ms);
    (void)send(h, OB_POINT_EXECUTOR_INTERRUPTED, "interrupted", &t, NULL);
}

/* Ends that have not been confirmed for a while are reported again. */
static void repeat_ends(heartbeat *h)
{
    int64_t now = ob_boot_ms();
    attempt *at, *next;
    HASH_ITER(hh, h->config.attempts->table, at, next)
    if (at->state == ATTEMPT_EXITED && now - at->reported_at_ms >= REPEAT_MS)
        attempt_touch(at);
}

static void on_beat(void *arg)
{
    heartbeat *h = arg;
    loop_timer_set(h->config.loop, &h->beat_timer, h->config.every_ms);
    if (!h->registered)
        return;
    beat(h);
    say_notice(h);
    repeat_ends(h);
}

void heartbeat_unwell(heartbeat *h, const char *why)
{
    free(h->unwell);
    h->unwell = why ? ob_strdup(why) : NULL;
    if (h->registered)
        beat(h);
}

void heartbeat_notice(heartbeat *h)
{
    if (h->registered)
        say_notice(h);
}

/* What is held, in lists that each fit a message: one at least. */
typedef struct held_parts {
    ob_buf *at; /* entries of a list */
    size_t n;
} held_parts;

static held_parts write_held(const heartbeat *h)
{
    held_parts parts = { .at = ob_calloc(1, sizeof(*parts.at)), .n = 1 };
    ob_cleanup(ob_buf_done) ob_buf state = { 0 };
    attempt *at, *next;
    HASH_ITER(hh, h->config.attempts->table, at, next)
    {
        if (!attempt_is_held(at))
            continue;
        ob_buf_clear(&state);
        heartbeat_run_state(&state, at);
        ob_buf *part = &parts.at[parts.n - 1];
        if (part->len > 0 && part->len + 1 + state.len > OB_MESSAGE_ROOM) {
            parts.at = ob_realloc(parts.at, (parts.n + 1) * sizeof(*parts.at));
            part = &parts.at[parts.n++];
            *part = (ob_buf){ 0 };
        }
        if (part->len > 0)
            ob_buf_str(part, ",");
        ob_buf_add(part, state.at, state.len);
    }
    return parts;
}

static int say_part(heartbeat *h, const ob_buf *held, size_t number, size_t of)
{
    ob_cleanup(ob_buf_done) ob_buf t = { 0 };
    begin(h, &t, "registered");
    add_text(&t, "ce", h->config.ce);
    add_text(&t, "host", h->config.host);
    add_position(h, &t);
    ob_buf_str(&t, ",\"held\":[");
    if (held->len > 0)
        ob_buf_add(&t, held->at, held->len);
    ob_buf_str(&t, "]");
    if (of > 1) {
        add_number(&t, "part", (int64_t)number);
        add_number(&t, "parts", (int64_t)of);
    }
    add_unwell(h, &t);
    add_join(h, &t);
    return send(h, OB_POINT_EXECUTOR_REGISTER, "registered", &t, h);
}

/* The held runs are sent in as many parts as needed. Together they are one registration, which the
 * session distinguishes from earlier ones. */
static int say_registered(heartbeat *h)
{
    ob_token_new(h->session, 8);
    placement_set_session(h->config.placement, h->session);
    held_parts parts = write_held(h);
    int r = 0;
    for (size_t i = 0; i < parts.n; i++) {
        if (r == 0)
            r = say_part(h, &parts.at[i], i, parts.n);
        ob_buf_done(&parts.at[i]);
    }
    free(parts.at);
    return r;
}

/* Has the bus assign the instance's partition; heartbeat_assigned goes on from there. */
static int follow(heartbeat *h, ob_error *err)
{
    if (h->follows)
        return ob_fail_retry(err, ETIMEDOUT,
                             "Kafka has not yet given the position from which this instance reads");
    int r = ob_bus_follow_end(h->config.bus, OB_TOPIC_PLACEMENTS, h->config.instance,
                              OB_TOPIC_EXECUTIONS, err);
    h->follows = r == 0;
    return r;
}

static void register_later(heartbeat *h, const ob_error *err)
{
    if (*err->text && strcmp(err->text, h->failure) != 0)
        ob_warn("registration.failed", "{s:s}", "error", err->text);
    (void)snprintf(h->failure, sizeof(h->failure), "%s", err->text);
    loop_timer_set(h->config.loop, &h->register_timer,
                   h->assigned ? REGISTER_RETRY_MS : ASSIGN_SLOW_MS);
}

static void do_register(heartbeat *h)
{
    ob_error err = { 0 };
    int r = h->assigned ? say_registered(h) : follow(h, &err);
    if (r < 0 || !h->assigned) {
        register_later(h, &err);
        return;
    }
    if (!h->registered)
        loop_timer_set(h->config.loop, &h->beat_timer, h->config.every_ms);
    h->registered = true;
    h->failure[0] = '\0';
    ob_info("executor.registered", "{s:s, s:i}", "session", h->session, "held",
            (int)HASH_COUNT(h->config.attempts->table));
}

static void on_register(void *arg)
{
    ((heartbeat *)arg)->due = true; /* in heartbeat_flush, when the spool is on the disk */
}

void heartbeat_left(heartbeat *h)
{
    if (!h->registered)
        return;
    ob_cleanup(ob_buf_done) ob_buf t = { 0 };
    begin(h, &t, "left");
    (void)send(h, OB_POINT_EXECUTOR_LEFT, "left", &t, NULL);
}

heartbeat *heartbeat_new(const heartbeat_config *config)
{
    heartbeat *h = ob_calloc(1, sizeof(*h));
    h->config = *config;
    h->beat_timer = (loop_timer){ .fn = on_beat, .arg = h };
    h->register_timer = (loop_timer){ .fn = on_register, .arg = h };
    config->attempts->changed = true;
    return h;
}

void heartbeat_free(heartbeat *h)
{
    if (!h)
        return;
    loop_timer_stop(h->config.loop, &h->beat_timer);
    loop_timer_stop(h->config.loop, &h->register_timer);
    free(h->unwell);
    free(h);
}

void heartbeat_register(heartbeat *h)
{
    if (!h->register_timer.armed)
        loop_timer_set(h->config.loop, &h->register_timer, 0);
}

void heartbeat_assigned(heartbeat *h)
{
    if (!h->follows)
        return; /* there are no held runs to report yet */
    h->assigned = true;
    loop_timer_set(h->config.loop, &h->register_timer, 0);
}

bool heartbeat_is_registered(const heartbeat *h)
{
    return h->registered;
}

void *heartbeat_ref(heartbeat *h)
{
    return h;
}

void heartbeat_delivered(heartbeat *h, bool ok)
{
    if (ok)
        return;
    /* It is no longer known which one failed, so everything is sent again. */
    heartbeat_register(h);
}

/* Takes the changed runs that fit a message. Returns their number. */
static size_t take_changed(attempts *a, ob_buf *t, attempt *taken[REPORT_RUNS])
{
    size_t n = 0, begun = t->len;
    attempt *at, *next;
    a->dirty = false;
    HASH_ITER(hh, a->table, at, next)
    {
        if (!at->dirty || !attempt_is_held(at)) {
            at->dirty = false;
            continue;
        }
        size_t before = t->len;
        if (n > 0)
            ob_buf_str(t, ",");
        heartbeat_run_state(t, at);
        if (n == REPORT_RUNS || t->len - begun > OB_MESSAGE_ROOM) {
            t->len = before;
            a->dirty = true;
            break;
        }
        taken[n++] = at;
    }
    return n;
}

/* Sends one message with changes. False: there are no more, or it cannot be sent now. */
static bool report_some(heartbeat *h)
{
    attempts *a = h->config.attempts;
    attempt *taken[REPORT_RUNS];
    ob_cleanup(ob_buf_done) ob_buf t = { 0 };
    begin(h, &t, "report");
    ob_buf_str(&t, ",\"runs\":[");
    size_t n = take_changed(a, &t, taken);
    if (n == 0)
        return false;
    ob_buf_str(&t, "]");
    if (send(h, OB_POINT_EXECUTOR_REPORT, "report", &t, h) <
        0) { /* the producer's queue is full: send it with the next heartbeat */
        a->dirty = true;
        return false;
    }
    int64_t now_ms = ob_boot_ms();
    for (size_t i = 0; i < n; i++) {
        taken[i]->dirty = false;
        taken[i]->reported_at_ms = now_ms;
    }
    return a->dirty;
}

void heartbeat_flush(heartbeat *h)
{
    if (h->due) {
        h->due = false;
        do_register(h);
    }
    while (h->config.attempts->dirty && h->registered && report_some(h))
        ;
}
