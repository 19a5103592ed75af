/* Received messages: one table of topic, type, handler. Owns the list of executors' messages since
 * the last commit. Never decides about a job: a handler turns a message into engine events or
 * records what must be read. Invariant: an executor's message counts only under its instance's key,
 * once, and, except for a registration, in its current session. Thread: the loop's. */
#include "report_messages.h"

#include <string.h>

#include "ob/clock.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/pod.h"
#include "ob/text.h"
#include "ob/topics.h"
#include "peers.h"
#include "topology.h"

/* The limits of AWS's answers (docs/aws-batch.md, 3). */
#define REASON_MAX 255
#define STATUS_REASON_MAX 1024
#define EXIT_CODE_MAX 255
/* Of what a run has used: 4,096 processors for a hundred years, and 64 TiB. */
#define CPU_MS_MAX (INT64_C(1) << 54)
#define PEAK_BYTES_MAX (INT64_C(1) << 46)

/* ---- Executors ---- */

/* Cuts a text member of a run state. */
static const char *bounded_text(json_t *json, const char *name, size_t max)
{
    const char *text = ob_json_str(json, name, NULL);
    if (!text || strlen(text) <= max)
        return text;
    ob_cleanup(ob_freep) char *cut = ob_text_dup(text, max);
    (void)json_object_set_new(json, name, ob_json_text(cut));
    return ob_json_str(json, name, NULL);
}

/* A time of an executor's clock: one ahead of ours is moved back. The engine checks that it is not
 * before the placement. */
static int64_t bounded_time(const json_t *json, const char *name, int64_t now_ms)
{
    int64_t at_ms = ob_json_int(json, name, 0);
    return at_ms < 0 ? 0 : at_ms > now_ms ? now_ms : at_ms;
}

/* 0: it has no such member, or not one within the bounds. */
static int64_t bounded_number(const json_t *json, const char *name, int64_t max)
{
    int64_t n = ob_json_int(json, name, 0);
    return n > 0 && n <= max ? n : 0;
}

/* What it says of its pod, as a text within bounds, which the run state holds as well; NULL:
 * nothing. */
static const char *bounded_pod(json_t *json)
{
    static const char name[] = "podText";
    json_auto_t *pod = ob_pod_bounded(json_object_get(json, "pod"));
    if (!pod)
        return NULL;
    ob_cleanup(ob_freep) char *text = json_dumps(pod, JSON_COMPACT);
    (void)json_object_set_new(json, name, ob_json_text(text));
    return ob_json_str(json, name, NULL);
}

/* A run state in the form of docs/messages.md. False: it is not one. All values are limited,
 * because they are stored, shown and sent on. The strings borrow from 'json', whose texts are
 * cut. */
static bool parse_run(json_t *json, int64_t now_ms, engine_run_report *ret)
{
    const char *run = ob_json_str(json, "run", "");
    const char *state = ob_json_str(json, "state", "");
    int64_t exit_code = ob_json_int(json, "exitCode", -1);
    *ret = (engine_run_report){ 0 };
    if (!ob_run_ref_parse(run, &ret->run))
        return false;
    if (strcmp(state, "starting") == 0)
        ret->state = RUN_STARTING;
    else if (strcmp(state, "running") == 0)
        ret->state = RUN_RUNNING;
    else if (strcmp(state, "exited") == 0)
        ret->state = RUN_EXITED;
    else
        return false;
    ret->started_at_ms = bounded_time(json, "startedAt", now_ms);
    ret->stopped_at_ms = bounded_time(json, "stoppedAt", now_ms);
    ret->pulled_at_ms = bounded_time(json, "pulledAt", now_ms);
    ret->created_at_ms = bounded_time(json, "createdAt", now_ms);
    ret->has_exit_code = exit_code >= 0 && exit_code <= EXIT_CODE_MAX;
    ret->exit_code = ret->has_exit_code ? (int32_t)exit_code : 0;
    ret->cpu_ms = bounded_number(json, "cpuMs", CPU_MS_MAX);
    ret->peak_bytes = bounded_number(json, "peakBytes", PEAK_BYTES_MAX);
    ret->oom = ob_json_bool(json, "oom", false);
    ret->timed_out = ob_json_bool(json, "timedOut", false);
    ret->started = ob_json_bool(json, "started", ret->started_at_ms > 0);
    ret->reason = bounded_text(json, "reason", REASON_MAX);
    ret->status_reason = bounded_text(json, "statusReason", STATUS_REASON_MAX);
    ret->pod = bounded_pod(json);
    return true;
}

/* The run states of a list, in a new array. Returns their number. */
static size_t parse_runs(const json_t *list, engine_run_report **ret)
{
    int64_t now_ms = ob_wall_ms();
    engine_run_report *runs = ob_calloc(json_array_size(list) + 1, sizeof(*runs));
    size_t i, n = 0;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        if (parse_run(item, now_ms, &runs[n]))
            n++;
    }
    *ret = runs;
    return n;
}

/* A copy of a scalar with a bounded text; NULL: it is no scalar. */
static json_t *trimmed(json_t *value)
{
    const char *text = json_string_value(value);
    if (json_is_object(value) || json_is_array(value))
        return NULL;
    if (!text || strlen(text) <= STATUS_REASON_MAX)
        return json_incref(value);
    ob_cleanup(ob_freep) char *cut = ob_text_dup(text, STATUS_REASON_MAX);
    return ob_json_text(cut);
}

/* What parse_run reads of a list, and nothing else: it waits for the other parts. */
static json_t *trimmed_runs(const json_t *list)
{
    static const char *const members[] = { "run",          "state",     "pulledAt", "createdAt",
                                           "startedAt",    "stoppedAt", "cpuMs",    "peakBytes",
                                           "exitCode",     "oom",       "started",  "timedOut",
                                           "statusReason", "reason" };
    json_t *runs = json_array();
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        json_t *run = json_object();
        for (size_t k = 0; k < ARRAY_SIZE(members); k++) {
            json_t *value = trimmed(json_object_get(item, members[k]));
            if (value)
                (void)json_object_set_new(run, members[k], value);
        }
        json_t *pod = ob_pod_bounded(json_object_get(item, "pod"));
        if (pod)
            (void)json_object_set_new(run, "pod", pod);
        (void)json_array_append_new(runs, run);
    }
    return runs;
}

/* A level: absent if the engine works. */
static void take_unwell(scheduler *s, const char *instance, const json_t *msg)
{
    engine_unwell(s->engine, instance, ob_json_str(msg, "unwell", NULL));
}

/* A registration from before this leader could be somebody's repetition. An executor of an earlier
 * version does not show which leader it has seen. */
static bool is_fresh(scheduler *s, const char *instance, const json_t *msg)
{
    return !ob_seal_is_sealed(msg) ||
           peers_fresh(s->peers, instance, ob_json_int(json_object_get(msg, "last"), "epoch", 0),
                       s->epoch);
}

/* Safe twice: the same session and the same runs. */
static void on_registered(scheduler *s, const char *instance, const json_t *msg)
{
    const char *session = ob_json_str(msg, "session", "");
    if (!is_fresh(s, instance, msg))
        return;
    int64_t parts = ob_json_int(msg, "parts", 1);
    json_t *list = json_object_get(msg, "held");
    json_auto_t *part = parts > 1 ? trimmed_runs(list) : json_incref(list);
    json_auto_t *held =
        peers_gather(s->peers, instance, session, part, ob_json_int(msg, "part", 0), parts);
    if (!held || json_array_size(held) > PEERS_HELD_MAX)
        return;
    ob_cleanup(ob_freep) engine_run_report *runs = NULL;
    size_t n = parse_runs(held, &runs);
    peers_registered(s->peers, instance, session);
    engine_registered(s->engine, instance, runs, n);
    take_unwell(s, instance, msg);
}

/* Safe twice: a run that has moved on is not current any more. */
static void on_report(scheduler *s, const char *instance, const json_t *msg)
{
    ob_cleanup(ob_freep) engine_run_report *runs = NULL;
    size_t n = parse_runs(json_object_get(msg, "runs"), &runs);
    engine_reports(s->engine, instance, runs, n);
}

/* Safe twice: a level. */
static void on_heartbeat(scheduler *s, const char *instance, const json_t *msg)
{
    const json_t *last = json_object_get(msg, "last");
    peers_heard(s->peers, instance, ob_json_int(last, "epoch", 0), ob_json_int(last, "seq", 0),
                ob_json_str(msg, "digest", ""));
    take_unwell(s, instance, msg);
}

/* The scaler acts on it: it drains the instance. */
static void on_scalers(scheduler *s, const char *instance, const json_t *msg)
{
    (void)s;
    (void)instance;
    (void)msg;
}

static const struct {
    const char *type;
    bool any_session;
    void (*handle)(scheduler *s, const char *instance, const json_t *msg);
} executor_messages[] = {
    { "registered", true, on_registered }, { "report", false, on_report },
    { "heartbeat", false, on_heartbeat },  { "interrupted", true, on_scalers },
    { "left", true, on_scalers },
};

/* Counts messages that are not understood or not allowed; the first of its kind in a minute is
 * logged. */
static void ignore(scheduler *s, const char *why, const char *detail)
{
    static int64_t logged_at_ms;
    s->ignored_messages++;
    if (logged_at_ms && ob_mono_ms() - logged_at_ms < 60000)
        return;
    logged_at_ms = ob_mono_ms();
    ob_warn("message.ignored", "{s:s, s:s, s:I}", "reason", why, "error", ob_cut(detail, 100),
            "count", (json_int_t)s->ignored_messages);
}

/* Does it come from the instance that it names, for the first time? */
static bool is_authentic(scheduler *s, const char *instance, json_t *msg)
{
    if (!peers_accept(s->peers, instance, msg)) {
        bool known = peers_known(s->peers, instance);
        s->forged_messages += known;
        ignore(s, known ? "wrong key" : "unknown instance", instance);
        return false;
    }
    if (!peers_repeat(s->peers, instance, msg))
        return true;
    s->repeated_messages++;
    ignore(s, "repeated", instance);
    return false;
}

static void feed_one(scheduler *s, json_t *msg)
{
    const char *type = ob_json_str(msg, "type", "");
    const char *instance = ob_json_str(msg, "instance", "");
    for (size_t i = 0; i < ARRAY_SIZE(executor_messages); i++) {
        if (strcmp(executor_messages[i].type, type) != 0)
            continue;
        if (is_authentic(s, instance, msg) &&
            (executor_messages[i].any_session ||
             peers_current(s->peers, instance, ob_json_str(msg, "session", ""))))
            executor_messages[i].handle(s, instance, msg);
        return;
    }
    ignore(s, "unknown type", type);
}

void reports_feed(scheduler *s)
{
    for (; s->reports_fed < json_array_size(s->reports); s->reports_fed++)
        feed_one(s, json_array_get(s->reports, s->reports_fed));
}

void reports_forget(scheduler *s)
{
    if (json_array_size(s->reports) > 0)
        json_array_clear(s->reports);
    s->reports_fed = 0;
}

void reports_again(scheduler *s)
{
    s->reports_fed = 0;
}

/* ---- Topics ---- */

/* Takes the reference. */
static void on_execution(scheduler *s, int32_t partition, json_t *msg, const char *type)
{
    if (ob_probe_take(&s->probe, partition, type, msg, ob_mono_ms())) {
        json_decref(msg);
        return;
    }
    const char *instance = ob_json_str(msg, "instance", "");
    if (ob_instance_id_is(instance) && !peers_known(s->peers, instance))
        topology_instance_changed(s->topology, instance);
    json_array_append_new(s->reports, msg);
}

static void on_instances(scheduler *s, const json_t *msg, const char *type)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(msg, "changed"), i, item)
    {
        if (strcmp(type, "instances") == 0 && json_is_string(item)) {
            topology_instance_changed(s->topology, json_string_value(item));
            peers_ask_drained(s->peers, json_string_value(item));
        } else if (strcmp(type, "ce") == 0 && json_is_integer(item)) {
            topology_ce_changed(s->topology, json_integer_value(item));
        }
    }
}

void reports_on_message(const ob_bus_msg *msg, void *arg)
{
    scheduler *s = arg;
    if (!s->engine)
        return; /* not leading (yet): positions are resolved anew before it is */
    if (strcmp(msg->topic, OB_TOPIC_SUBMISSIONS) == 0 ||
        strcmp(msg->topic, OB_TOPIC_COMMANDS) == 0) {
        s->inbox.rung = true; /* its content is in the inbox */
        return;
    }
    ob_error err = { 0 };
    json_t *json = NULL;
    const char *type = NULL;
    int64_t epoch;
    int r = ob_seal_parse(&s->seal, msg, &json, &type, &epoch, &err);
    if (r < 0) {
        s->forged_messages += r == -EBADMSG;
        ignore(s, err.text, msg->topic);
        return;
    }
    if (strcmp(msg->topic, OB_TOPIC_EXECUTIONS) == 0) {
        on_execution(s, msg->partition, json, type);
        return;
    }
    if (strcmp(msg->topic, OB_TOPIC_INSTANCES) == 0)
        on_instances(s, json, type);
    json_decref(json);
}
