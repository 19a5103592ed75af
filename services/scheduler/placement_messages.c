/* Messages to executors: the engine's orders, in as many messages as needed, and FENCE, SYNC, leave
 * and "drained". Never decides which runs should exist, and sends only after a fenced commit.
 *
 * Invariants: a sequence number is used once within an epoch. Nothing is sent to an instance whose
 * session this leader has not seen, because the engine orders again what a registration shows to be
 * missing. No message is longer than its reader accepts, because it is measured before each part. A
 * run whose description is too long for a message is ended. Heartbeats reveal lost messages
 * (peers.c). Thread: the loop's. */
#include "placement_messages.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "detail.h"
#include "ob/buf.h"
#include "ob/clock.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/text.h"
#include "ob/topics.h"
#include "peers_internal.h"
#include "round_sql.h"
#include "topology.h"
#include "tracer.h"

/* The longest entry of a list: a run with what is said of it. */
#define ENTRY_MAX (OB_RUN_TEXT + 64)
#define STOP_GRACE_S 30 /* ECS's stopTimeout */
#define TOO_LARGE                                                                                  \
    "CannotCreateContainerError: the description of the job is too large to be sent to an "        \
    "instance"

static void send(scheduler *s,
                 ob_point point,
                 const char *topic,
                 int32_t partition,
                 const char *key,
                 const ob_buf *t)
{
    ob_error err = { 0 };
    assert(t->len <= OB_MESSAGE_MAX);
    if (ob_bus_send(s->bus, point, topic, partition, key, key ? strlen(key) : 0, t->at, t->len,
                    NULL, &err) < 0)
        ob_warn("message.unsent", "{s:s, s:s}", "topic", topic, "error", err.text);
}

/* The one way to an executor: sealed for its instance, or in clear if its row has no salt and it
 * has shown no key, because it is of an earlier version. */
static void send_placement(
    scheduler *s, ob_point point, const char *instance, const char *salt, const ob_buf *t)
{
    ob_error err = { 0 };
    ob_seal_owner owner = { 0 };
    int32_t partition = ob_instance_partition(instance, s->partitions);
    (void)ob_text_into(owner.instance, sizeof(owner.instance), instance);
    (void)ob_text_into(owner.salt, sizeof(owner.salt), salt);
    int r = *salt ? ob_seal_send(&s->seal, &owner, s->bus, point, OB_TOPIC_PLACEMENTS, partition,
                                 instance, strlen(instance), t->at, t->len, NULL, &err)
                  : ob_bus_send_clear(s->bus, point, OB_TOPIC_PLACEMENTS, partition, instance,
                                      strlen(instance), t->at, t->len, NULL, &err);
    if (r < 0)
        ob_warn("message.unsent", "{s:s, s:s}", "topic", OB_TOPIC_PLACEMENTS, "error", err.text);
}

/* In clear, for executors of an earlier version. Others take the epoch from each message under
 * their key, and each gets a SYNC of a new leader. */
static void send_fence(scheduler *s)
{
    ob_buf t = { 0 };
    ob_message_begin(&t, "fence", s->epoch);
    ob_buf_str(&t, "}");
    for (int32_t i = 0; i < s->partitions; i++) {
        ob_error err = { 0 };
        if (ob_bus_send_clear(s->bus, OB_POINT_SCHEDULER_FENCE, OB_TOPIC_PLACEMENTS, i, NULL, 0,
                              t.at, t.len, NULL, &err) < 0)
            ob_warn("message.unsent", "{s:s, s:s}", "topic", OB_TOPIC_PLACEMENTS, "error",
                    err.text);
    }
    ob_buf_done(&t);
}

static void
send_bare(scheduler *s, ob_point point, const char *type, const char *instance, const char *salt)
{
    ob_buf t = { 0 };
    ob_message_begin(&t, type, s->epoch);
    ob_buf_str(&t, ",\"instance\":");
    ob_buf_json(&t, instance);
    ob_buf_str(&t, "}");
    send_placement(s, point, instance, salt, &t);
    ob_buf_done(&t);
}

static void send_sync(scheduler *s, peer *it)
{
    send_bare(s, OB_POINT_SCHEDULER_SYNC, "sync", it->id, it->trust.salt);
    it->sync_owed = false;
    it->synced_at_ms = ob_mono_ms();
}

static void send_leaves(scheduler *s)
{
    const char *id;
    json_t *salt;
    json_object_foreach(s->peers->leaving, id, salt)
        send_bare(s, OB_POINT_SCHEDULER_LEAVE, "leave", id, json_string_value(salt));
    (void)json_object_clear(s->peers->leaving);
}

/* One "place" message under way. */
typedef struct place {
    ob_buf specs, runs, stops, confirms;
    ob_buf spec;       /* the one that is being added */
    size_t *spec_rows; /* rows of 'specs' already in this message */
    size_t n_spec_rows, cap_spec_rows;
} place;

static void place_clear(place *m)
{
    ob_buf_clear(&m->specs);
    ob_buf_clear(&m->runs);
    ob_buf_clear(&m->stops);
    ob_buf_clear(&m->confirms);
    m->n_spec_rows = 0;
}

static void place_done(place *m)
{
    ob_buf_done(&m->specs);
    ob_buf_done(&m->runs);
    ob_buf_done(&m->stops);
    ob_buf_done(&m->confirms);
    ob_buf_done(&m->spec);
    free(m->spec_rows);
}

static size_t place_size(const place *m)
{
    return m->specs.len + m->runs.len + m->stops.len + m->confirms.len;
}

static void place_send(scheduler *s, peer *it, place *m)
{
    if (place_size(m) == 0)
        return;
    ob_buf t = { 0 };
    it->seq++;
    it->sent_at_ms = ob_mono_ms();
    ob_message_begin(&t, "place", s->epoch);
    ob_buf_str(&t, ",\"instance\":");
    ob_buf_json(&t, it->id);
    ob_buf_str(&t, ",\"session\":");
    ob_buf_json(&t, it->session);
    ob_buf_addf(&t, ",\"seq\":%" PRId64, it->seq);
    const struct {
        const char *begin, *end;
        const ob_buf *part;
    } members[] = {
        { ",\"specs\":{", "}", &m->specs },
        { ",\"runs\":[", "]", &m->runs },
        { ",\"stop\":[", "]", &m->stops },
        { ",\"confirm\":[", "]", &m->confirms },
    };
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        ob_buf_str(&t, members[i].begin);
        if (members[i].part->len)
            ob_buf_add(&t, members[i].part->at, members[i].part->len);
        ob_buf_str(&t, members[i].end);
    }
    ob_buf_str(&t, "}");
    send_placement(s, OB_POINT_SCHEDULER_PLACE, it->id, it->trust.salt, &t);
    ob_buf_done(&t);
    place_clear(m);
}

static void add_span(ob_buf *t, const char *name, detail_span span)
{
    ob_buf_addf(t, ",\"%s\":\"", name);
    ob_buf_add(t, span.at, span.len);
    ob_buf_str(t, "\"");
}

/* The row of a job among the specs of the round (SPEC_*, by id), -1 without one. */
static int spec_row(const PGresult *specs, const ob_uuid *id)
{
    char want[OB_UUID_TEXT];
    ob_uuid_format(id, want);
    int low = 0, high = specs ? PQntuples(specs) : 0;
    while (low < high) {
        int middle = low + (high - low) / 2;
        int order = strcmp(PQgetvalue(specs, middle, SPEC_ID), want);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

static bool has_spec(const place *m, size_t row)
{
    for (size_t i = 0; i < m->n_spec_rows; i++) {
        if (m->spec_rows[i] == row)
            return true;
    }
    return false;
}

static void note_spec(place *m, size_t row)
{
    if (m->n_spec_rows == m->cap_spec_rows) {
        m->cap_spec_rows = m->cap_spec_rows ? m->cap_spec_rows * 2 : 64;
        m->spec_rows = ob_realloc(m->spec_rows, m->cap_spec_rows * sizeof(*m->spec_rows));
    }
    m->spec_rows[m->n_spec_rows++] = row;
}

/* What it runs: a container, or, for an EKS job, a pod. */
static void add_workload(ob_buf *t, const char *detail)
{
    detail_span eks, value;
    bool pod = detail_get(detail, "eksProperties", &eks);
    ob_buf_str(t, pod ? ",\"eks\":" : ",\"container\":");
    if (pod ? detail_get(eks.at, "podProperties", &value) : detail_get(detail, "container", &value))
        ob_buf_add(t, value.at, value.len);
    else
        ob_buf_str(t, "{}");
}

/* traced: the containers get a TRACEPARENT. */
static void make_spec(ob_buf *t, const PGresult *specs, int row, const char *ce_name, bool traced)
{
    const char *detail = ob_col(specs, row, SPEC_DETAIL);
    ob_buf_clear(t);
    ob_buf_addf(t, "\"%s\":{\"name\":", ob_col(specs, row, SPEC_ID));
    ob_buf_json(t, ob_col(specs, row, SPEC_NAME));
    ob_buf_str(t, ",\"definition\":");
    ob_buf_json(t, ob_col(specs, row, SPEC_DEFINITION));
    ob_buf_str(t, ",\"ce\":");
    ob_buf_json(t, ce_name);
    detail_arn arn = detail_arn_of(detail, "jobArn");
    add_span(t, "queue", detail_arn_of(detail, "jobQueue").name);
    add_span(t, "account", arn.account);
    add_span(t, "region", arn.region);
    const char *tags = ob_col(specs, row, SPEC_TASK_TAGS);
    if (tags) {
        ob_buf_str(t, ",\"tags\":");
        ob_buf_str(t, tags);
    }
    int64_t timeout_s = ob_col_int(specs, row, SPEC_TIMEOUT_S, 0);
    int64_t array_size = ob_col_int(specs, row, SPEC_ARRAY_SIZE, 0);
    if (timeout_s > 0)
        ob_buf_addf(t, ",\"timeout\":%" PRId64, timeout_s);
    if (array_size > 0)
        ob_buf_addf(t, ",\"arraySize\":%" PRId64, array_size);
    if (traced)
        ob_buf_str(t, ",\"trace\":true");
    add_workload(t, detail);
    ob_buf_str(t, "}");
}

/* Sends the collected part if 'more' bytes do not fit. */
static void make_room(scheduler *s, peer *it, place *m, size_t more)
{
    if (place_size(m) + more > OB_MESSAGE_ROOM)
        place_send(s, it, m);
}

static void
add_run(scheduler *s, peer *it, place *m, const PGresult *specs, const effect_order *order)
{
    char run[OB_RUN_TEXT];
    ob_run_ref_format(&order->run, run);
    int row = spec_row(specs, &order->run.id);
    if (row < 0) {
        ob_errlog("run.dropped", "{s:s}", "run", run);
        return;
    }
    make_room(s, it, m, ENTRY_MAX);
    if (!has_spec(m, (size_t)row)) {
        make_spec(&m->spec, specs, row, topology_ce_name(s->topology, it->ce_id),
                  tracer_wanted(&s->config));
        size_t bytes = m->spec.len + 1 + ENTRY_MAX;
        if (bytes > OB_MESSAGE_ROOM) {
            peers_refuse(s->peers, it->id, &order->run);
            ob_errlog("run.refused", "{s:s, s:I}", "run", run, "bytes", (json_int_t)m->spec.len);
            return;
        }
        make_room(s, it, m, bytes);
        note_spec(m, (size_t)row);
        ob_buf_addf(&m->specs, "%s", m->specs.len ? "," : "");
        ob_buf_add(&m->specs, m->spec.at, m->spec.len);
    }
    ob_buf_addf(&m->runs, "%s{\"run\":\"%s\",\"attempt\":%d}", m->runs.len ? "," : "", run,
                order->attempt);
}

static void
add_order(scheduler *s, peer *it, place *m, const PGresult *specs, const effect_order *order)
{
    char run[OB_RUN_TEXT];
    if (order->kind == ORDER_RUN) {
        add_run(s, it, m, specs, order);
        return;
    }
    ob_run_ref_format(&order->run, run);
    make_room(s, it, m, ENTRY_MAX);
    if (order->kind == ORDER_CONFIRM)
        ob_buf_addf(&m->confirms, "%s\"%s\"", m->confirms.len ? "," : "", run);
    else
        ob_buf_addf(&m->stops, "%s{\"run\":\"%s\",\"grace\":%d}", m->stops.len ? "," : "", run,
                    STOP_GRACE_S);
}

static void note_order(peer *it, size_t index)
{
    if (it->n_orders == it->cap_orders) {
        it->cap_orders = it->cap_orders ? it->cap_orders * 2 : 16;
        it->orders = ob_realloc(it->orders, it->cap_orders * sizeof(*it->orders));
    }
    it->orders[it->n_orders++] = index;
}

static void send_orders(scheduler *s, const PGresult *specs)
{
    const engine_effects *effects = &s->effects;
    peers *p = s->peers;
    for (size_t i = 0; i < effects->n_orders; i++) {
        peer *it = peers_find(p, effects->orders[i].instance_id);
        /* Without a session the registration will show what is missing. */
        if (it && it->session[0])
            note_order(it, i);
    }
    place m = { 0 };
    for (size_t i = 0; i < effects->n_orders; i++) {
        peer *it = peers_find(p, effects->orders[i].instance_id);
        if (!it || it->n_orders == 0)
            continue;
        for (size_t k = 0; k < it->n_orders; k++)
            add_order(s, it, &m, specs, &effects->orders[it->orders[k]]);
        place_send(s, it, &m);
        it->n_orders = 0;
    }
    place_done(&m);
}

static void count_run(const engine_wanted *run, void *arg)
{
    (void)run;
    ++*(size_t *)arg;
}

static void send_drained_ids(scheduler *s, ob_buf *ids)
{
    ob_buf m = { 0 };
    if (ids->len == 0)
        return;
    ob_message_begin(&m, "drained", s->epoch);
    ob_buf_str(&m, ",\"instances\":[");
    ob_buf_add(&m, ids->at, ids->len);
    ob_buf_str(&m, "]}");
    send(s, OB_POINT_SCHEDULER_DRAINED, OB_TOPIC_INSTANCES, 0, NULL, &m);
    ob_buf_done(&m);
    ob_buf_clear(ids);
}

static void send_drained(scheduler *s)
{
    ob_buf ids = { 0 };
    for (peer *it = s->peers->all; it; it = it->hh.next) {
        if (!it->drained_owed || it->state != OB_INSTANCE_DRAINING)
            continue;
        size_t runs = 0;
        engine_instance_runs(s->engine, it->id, count_run, &runs);
        if (runs > 0)
            continue;
        it->drained_owed = false;
        if (ids.len + ENTRY_MAX > OB_MESSAGE_ROOM)
            send_drained_ids(s, &ids);
        ob_buf_addf(&ids, "%s", ids.len ? "," : "");
        ob_buf_json(&ids, it->id);
    }
    send_drained_ids(s, &ids);
    ob_buf_done(&ids);
}

bool placements_owe(const scheduler *s)
{
    if (s->fence_owed || s->peers->n_sync_owed > 0 || json_object_size(s->peers->leaving) > 0)
        return true;
    for (const peer *it = s->peers->all; it; it = it->hh.next) {
        if (it->drained_owed && it->state == OB_INSTANCE_DRAINING) {
            size_t runs = 0;
            engine_instance_runs(s->engine, it->id, count_run, &runs);
            if (runs == 0)
                return true;
        }
    }
    return false;
}

void placements_refused(scheduler *s)
{
    peers *p = s->peers;
    for (size_t i = 0; i < p->n_refused; i++)
        engine_report(s->engine, p->refused[i].instance,
                      &(engine_run_report){
                          .run = p->refused[i].run, .state = RUN_EXITED, .reason = TOO_LARGE });
}

void placements_send(scheduler *s, const PGresult *specs)
{
    s->peers->n_refused = 0; /* committed with this round */
    if (s->fence_owed) {
        send_fence(s);
        s->fence_owed = false;
    }
    send_orders(s, specs);
    send_leaves(s);
    if (s->peers->n_sync_owed > 0) {
        for (peer *it = s->peers->all; it; it = it->hh.next) {
            if (it->sync_owed)
                send_sync(s, it);
        }
        s->peers->n_sync_owed = 0;
    }
    send_drained(s);
}
