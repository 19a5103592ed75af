/* Registration, heartbeats and reports. Owns the session. Ends are reported every 5 s until they
 * are confirmed; the broker's acknowledgement confirms nothing.
 *
 * Invariants: nothing is sent before the first registration, nor with a session whose partition was
 * not assigned first. Thread: the loop's, which never waits for the broker, because containers do
 * not. */
#include "heartbeat.h"

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

json_t *heartbeat_run_state(const attempt *at)
{
    json_t *state = json_pack("{s:o, s:o}", "run", ob_json_text(at->run), "state",
                              ob_json_text(state_name(at->state)));
    if (at->started_at_ms)
        (void)json_object_set_new(state, "startedAt", json_integer(at->started_at_ms));
    if (at->state != ATTEMPT_EXITED)
        return state;
    (void)json_object_set_new(state, "started", json_boolean(attempt_has_run(at)));
    if (at->stopped_at_ms)
        (void)json_object_set_new(state, "stoppedAt", json_integer(at->stopped_at_ms));
    if (at->exit_code >= 0)
        (void)json_object_set_new(state, "exitCode", json_integer(at->exit_code));
    if (at->outcome == OUTCOME_OOM)
        (void)json_object_set_new(state, "oom", json_true());
    if (at->reason)
        (void)json_object_set_new(state, "reason", ob_json_text(at->reason));
    if (at->timed_out)
        (void)json_object_set_new(state, "timedOut", json_true());
    const char *status = status_reason(at);
    if (status)
        (void)json_object_set_new(state, "statusReason", ob_json_text(status));
    return state;
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

static json_t *message(const heartbeat *h, const char *type)
{
    json_t *msg = ob_message_new(type, 0);
    if (*h->config.seal->former)
        (void)json_object_set_new(msg, "token", ob_json_text(h->config.seal->former));
    (void)json_object_set_new(msg, "session", ob_json_text(h->session));
    return msg;
}

static void add_join(const heartbeat *h, json_t *msg)
{
    if (h->config.join)
        (void)json_object_set(msg, "join", h->config.join);
}

static int send(heartbeat *h, ob_point point, const json_t *msg, void *ref)
{
    ob_error err = { 0 };
    ob_cleanup(ob_freep) char *text = NULL;
    size_t len = ob_message_dump(msg, &text);
    const char *instance = h->config.instance;
    int r = ob_seal_send(h->config.seal, NULL, h->config.bus, point, OB_TOPIC_EXECUTIONS, -1,
                         instance, strlen(instance), text, len, ref, &err);
    if (r < 0)
        ob_warn("message.unsent", "{s:s, s:s}", "type", ob_json_str(msg, "type", ""), "error",
                err.text);
    return r;
}

static json_t *position(const heartbeat *h)
{
    placement_position last = placement_last(h->config.placement);
    return json_pack("{s:I, s:I}", "epoch", (json_int_t)last.epoch, "seq", (json_int_t)last.seq);
}

static void add_unwell(const heartbeat *h, json_t *msg)
{
    if (h->unwell)
        (void)json_object_set_new(msg, "unwell", ob_json_text(h->unwell));
}

/* For the scaler's metrics. */
static json_t *figures(const attempts *a)
{
    int64_t by_state[ATTEMPT_CONFIRMED + 1] = { 0 };
    const attempts_sums *s = &a->sums;
    for (const attempt *at = a->table; at; at = at->hh.next)
        by_state[at->state]++;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "starting",
                     (json_int_t)by_state[ATTEMPT_STARTING], "running",
                     (json_int_t)by_state[ATTEMPT_RUNNING], "starts", (json_int_t)s->starts,
                     "startMs", (json_int_t)s->start_ms, "pulls", (json_int_t)s->pulls,
                     "failedPulls", (json_int_t)s->failed_pulls, "pullMs", (json_int_t)s->pull_ms);
}

static void beat(heartbeat *h)
{
    attempts *a = h->config.attempts;
    if (a->changed)
        heartbeat_digest(a, h->digest, &h->count);
    a->changed = false;
    json_auto_t *msg = message(h, "heartbeat");
    (void)json_object_set_new(msg, "last", position(h));
    if (a->listed)
        (void)json_object_set_new(msg, "count", json_integer(h->count));
    if (h->config.join) {
        (void)json_object_set_new(msg, "ce", ob_json_text(h->config.ce));
        add_join(h, msg);
    }
    (void)json_object_set_new(msg, "digest", ob_json_text(h->digest));
    (void)json_object_set_new(msg, "figures", figures(a));
    add_unwell(h, msg);
    (void)send(h, OB_POINT_EXECUTOR_HEARTBEAT, msg, NULL);
}

/* Repeated, so that a receiver that missed it gets it later. */
static void say_notice(heartbeat *h)
{
    int64_t left_ms = notice_left_ms(h->config.notice);
    if (left_ms < 0)
        return;
    json_auto_t *msg = message(h, "interrupted");
    (void)json_object_set_new(msg, "in", json_integer(left_ms));
    (void)send(h, OB_POINT_EXECUTOR_INTERRUPTED, msg, NULL);
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

/* The held runs are sent in as many parts as needed. Together they are one registration, which the
 * session distinguishes from earlier ones. */
static int say_registered(heartbeat *h)
{
    ob_token_new(h->session, 8);
    placement_set_session(h->config.placement, h->session);
    json_auto_t *held = json_array();
    attempt *at, *next;
    HASH_ITER(hh, h->config.attempts->table, at, next)
    if (attempt_is_held(at))
        (void)json_array_append_new(held, heartbeat_run_state(at));
    json_auto_t *parts = ob_message_split(held);
    size_t i, n = json_array_size(parts);
    json_t *part;
    int r = 0;
    json_array_foreach(parts, i, part)
    {
        json_auto_t *msg = message(h, "registered");
        (void)json_object_set_new(msg, "ce", ob_json_text(h->config.ce));
        (void)json_object_set_new(msg, "host", ob_json_text(h->config.host));
        (void)json_object_set_new(msg, "last", position(h));
        (void)json_object_set(msg, "held", part);
        if (n > 1) {
            (void)json_object_set_new(msg, "part", json_integer((json_int_t)i));
            (void)json_object_set_new(msg, "parts", json_integer((json_int_t)n));
        }
        add_unwell(h, msg);
        add_join(h, msg);
        if (r == 0)
            r = send(h, OB_POINT_EXECUTOR_REGISTER, msg, h);
    }
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
    json_auto_t *msg = message(h, "left");
    if (h->registered)
        (void)send(h, OB_POINT_EXECUTOR_LEFT, msg, NULL);
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

/* Sends one message with changes. False: there are no more, or it cannot be sent now. */
static bool report_some(heartbeat *h)
{
    attempts *a = h->config.attempts;
    size_t bytes = 0;
    a->dirty = false;
    json_auto_t *runs = json_array();
    attempt *at, *next;
    HASH_ITER(hh, a->table, at, next)
    {
        if (!at->dirty || !attempt_is_held(at)) {
            at->dirty = false;
            continue;
        }
        json_auto_t *state = heartbeat_run_state(at);
        bytes += ob_json_size(state) + 1;
        if (json_array_size(runs) == REPORT_RUNS || bytes > OB_MESSAGE_ROOM) {
            a->dirty = true;
            break;
        }
        (void)json_array_append(runs, state);
    }
    if (json_array_size(runs) == 0)
        return false;
    json_auto_t *msg = message(h, "report");
    (void)json_object_set(msg, "runs", runs);
    if (send(h, OB_POINT_EXECUTOR_REPORT, msg, h) <
        0) { /* the producer's queue is full: send it with the next heartbeat */
        a->dirty = true;
        return false;
    }
    size_t i;
    const json_t *state;
    json_array_foreach(runs, i, state)
    {
        at = attempts_find(a, ob_json_str(state, "run", ""));
        at->dirty = false;
        at->reported_at_ms = ob_boot_ms();
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
