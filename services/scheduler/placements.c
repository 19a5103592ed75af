/* Messages to executors: what the engine orders, in as many as it takes, and FENCE, SYNC, leave and
 * "drained". Never decides which runs are wanted and never sends but behind a fenced commit.
 * Invariants: a sequence number is used once within an epoch; nothing is sent to an instance whose
 * session this leader has not seen, for the engine orders again what a registration shows to be
 * missing. A lost message is found by the heartbeats (peers.c). Thread: the loop's. */
#include "placements.h"

#include <inttypes.h>
#include <string.h>

#include "detail.h"
#include "ob/clock.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/topics.h"
#include "peers_internal.h"
#include "text.h"
#include "topology.h"

/* What parts may fill, so that the whole stays below the limit. */
#define MESSAGE_ROOM (OB_MESSAGE_MAX - 64 * 1024)
#define STOP_GRACE_S 30 /* ECS's stopTimeout */

static void send(scheduler *s, const char *topic, int32_t partition, const char *key, const text *t)
{
    ob_error err = { 0 };
    if (ob_bus_send(s->bus, topic, partition, key, key ? strlen(key) : 0, t->at, t->len, NULL,
                    &err) < 0)
        ob_warn("message.unsent", "{s:s, s:s}", "topic", topic, "error", err.text);
}

static void send_placement(scheduler *s, const char *instance, const text *t)
{
    send(s, OB_TOPIC_PLACEMENTS, ob_instance_partition(instance, s->partitions), instance, t);
}

static void send_fence(scheduler *s)
{
    text t = { 0 };
    text_addf(&t, "{\"v\":%d,\"type\":\"fence\",\"epoch\":%" PRId64 "}", OB_MESSAGE_VERSION,
              s->epoch);
    for (int32_t i = 0; i < s->partitions; i++)
        send(s, OB_TOPIC_PLACEMENTS, i, NULL, &t);
    text_done(&t);
}

static void send_bare(scheduler *s, const char *type, const char *instance)
{
    text t = { 0 };
    text_addf(&t,
              "{\"v\":%d,\"type\":\"%s\",\"epoch\":%" PRId64 ",\"instance\":", OB_MESSAGE_VERSION,
              type, s->epoch);
    text_json(&t, instance);
    text_str(&t, "}");
    send_placement(s, instance, &t);
    text_done(&t);
}

static void send_sync(scheduler *s, peer *it)
{
    send_bare(s, "sync", it->id);
    it->sync_owed = false;
    it->synced_at_ms = ob_mono_ms();
}

static void send_leaves(scheduler *s)
{
    const char *id;
    json_t *ignored;
    json_object_foreach(s->peers->leaving, id, ignored) send_bare(s, "leave", id);
    (void)json_object_clear(s->peers->leaving);
}

/* One "place" message under way. */
typedef struct place {
    text specs, runs, stops, confirms;
    size_t *spec_rows; /* rows of 'specs' already in this message */
    size_t n_spec_rows, cap_spec_rows;
} place;

static void place_clear(place *m)
{
    text_clear(&m->specs);
    text_clear(&m->runs);
    text_clear(&m->stops);
    text_clear(&m->confirms);
    m->n_spec_rows = 0;
}

static void place_done(place *m)
{
    text_done(&m->specs);
    text_done(&m->runs);
    text_done(&m->stops);
    text_done(&m->confirms);
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
    text t = { 0 };
    it->seq++;
    it->sent_at_ms = ob_mono_ms();
    text_addf(&t, "{\"v\":%d,\"type\":\"place\",\"epoch\":%" PRId64 ",\"instance\":",
              OB_MESSAGE_VERSION, s->epoch);
    text_json(&t, it->id);
    text_str(&t, ",\"session\":");
    text_json(&t, it->session);
    text_addf(&t, ",\"seq\":%" PRId64, it->seq);
    const struct {
        const char *begin, *end;
        const text *part;
    } members[] = {
        { ",\"specs\":{", "}", &m->specs },
        { ",\"runs\":[", "]", &m->runs },
        { ",\"stop\":[", "]", &m->stops },
        { ",\"confirm\":[", "]", &m->confirms },
    };
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
        text_str(&t, members[i].begin);
        if (members[i].part->len)
            text_add(&t, members[i].part->at, members[i].part->len);
        text_str(&t, members[i].end);
    }
    text_str(&t, "}");
    send_placement(s, it->id, &t);
    text_done(&t);
    place_clear(m);
}

static void add_span(text *t, const char *name, detail_span span)
{
    text_addf(t, ",\"%s\":\"", name);
    text_add(t, span.at, span.len);
    text_str(t, "\"");
}

/* The row of a job among the specs of the round (columns id, name, definition, detail, tags of
 * its containers, timeout_s, array_size; ordered by id), -1 without one. */
static int spec_row(const PGresult *specs, const ob_uuid *id)
{
    char want[OB_UUID_TEXT];
    ob_uuid_format(id, want);
    int low = 0, high = specs ? PQntuples(specs) : 0;
    while (low < high) {
        int middle = low + (high - low) / 2;
        int order = strcmp(PQgetvalue(specs, middle, 0), want);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

static void add_spec(scheduler *s, const peer *it, place *m, const PGresult *specs, int row)
{
    for (size_t i = 0; i < m->n_spec_rows; i++) {
        if (m->spec_rows[i] == (size_t)row)
            return;
    }
    if (m->n_spec_rows == m->cap_spec_rows) {
        m->cap_spec_rows = m->cap_spec_rows ? m->cap_spec_rows * 2 : 64;
        m->spec_rows = ob_realloc(m->spec_rows, m->cap_spec_rows * sizeof(*m->spec_rows));
    }
    m->spec_rows[m->n_spec_rows++] = (size_t)row;

    const char *detail = ob_col(specs, row, 3);
    text *t = &m->specs;
    if (t->len)
        text_str(t, ",");
    text_addf(t, "\"%s\":{\"name\":", ob_col(specs, row, 0));
    text_json(t, ob_col(specs, row, 1));
    text_str(t, ",\"definition\":");
    text_json(t, ob_col(specs, row, 2));
    text_str(t, ",\"ce\":");
    text_json(t, topology_ce_name(s->topology, it->ce_id));
    detail_arn arn = detail_arn_of(detail, "jobArn");
    add_span(t, "queue", detail_arn_of(detail, "jobQueue").name);
    add_span(t, "account", arn.account);
    add_span(t, "region", arn.region);
    const char *tags = ob_col(specs, row, 4);
    if (tags) {
        text_str(t, ",\"tags\":");
        text_str(t, tags);
    }
    int64_t timeout_s = ob_col_int(specs, row, 5, 0), array_size = ob_col_int(specs, row, 6, 0);
    if (timeout_s > 0)
        text_addf(t, ",\"timeout\":%" PRId64, timeout_s);
    if (array_size > 0)
        text_addf(t, ",\"arraySize\":%" PRId64, array_size);
    detail_span container;
    text_str(t, ",\"container\":");
    if (detail_get(detail, "container", &container))
        text_add(t, container.at, container.len);
    else
        text_str(t, "{}");
    text_str(t, "}");
}

static void
add_order(scheduler *s, const peer *it, place *m, const PGresult *specs, const effect_order *order)
{
    char run[OB_RUN_TEXT];
    ob_run_ref_format(&order->run, run);
    if (order->kind == ORDER_CONFIRM) {
        text_addf(&m->confirms, "%s\"%s\"", m->confirms.len ? "," : "", run);
        return;
    }
    if (order->kind == ORDER_STOP) {
        text_addf(&m->stops, "%s{\"run\":\"%s\",\"grace\":%d}", m->stops.len ? "," : "", run,
                  STOP_GRACE_S);
        return;
    }
    int row = spec_row(specs, &order->run.id);
    if (row < 0) {
        ob_errlog("run.no_spec", "{s:s}", "run", run);
        return;
    }
    add_spec(s, it, m, specs, row);
    text_addf(&m->runs, "%s{\"run\":\"%s\",\"attempt\":%d}", m->runs.len ? "," : "", run,
              order->attempt);
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
    const engine_effects *fx = &s->effects;
    peers *p = s->peers;
    for (size_t i = 0; i < fx->n_orders; i++) {
        peer *it = peers_find(p, fx->orders[i].instance_id);
        /* Without a session: the registration will show what is missing. */
        if (it && it->session[0])
            note_order(it, i);
    }
    place m = { 0 };
    for (size_t i = 0; i < fx->n_orders; i++) {
        peer *it = peers_find(p, fx->orders[i].instance_id);
        if (!it || it->n_orders == 0)
            continue;
        for (size_t k = 0; k < it->n_orders; k++) {
            add_order(s, it, &m, specs, &fx->orders[it->orders[k]]);
            if (place_size(&m) > MESSAGE_ROOM)
                place_send(s, it, &m);
        }
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

static void send_drained(scheduler *s)
{
    text t = { 0 };
    for (peer *it = s->peers->all; it; it = it->hh.next) {
        if (!it->drained_owed || it->state != OB_INSTANCE_DRAINING)
            continue;
        size_t runs = 0;
        engine_instance_runs(s->engine, it->id, count_run, &runs);
        if (runs > 0)
            continue;
        it->drained_owed = false;
        text_addf(&t, "%s", t.len ? "," : "");
        text_json(&t, it->id);
    }
    if (t.len) {
        text m = { 0 };
        text_addf(&m, "{\"v\":%d,\"type\":\"drained\",\"epoch\":%" PRId64 ",\"instances\":[%s]}",
                  OB_MESSAGE_VERSION, s->epoch, t.at);
        send(s, OB_TOPIC_INSTANCES, 0, NULL, &m);
        text_done(&m);
    }
    text_done(&t);
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

void placements_send(scheduler *s, const PGresult *specs)
{
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
