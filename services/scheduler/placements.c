/* Messages to executors. Owns, for each instance, the session, the sequence number and what is
 * owed; never decides which runs are wanted (the engine) and never sends but behind a fenced
 * commit. Invariants: a sequence number is used once within an epoch; nothing is sent to an
 * instance whose session this leader has not seen, for the engine orders again what a registration
 * shows to be missing. A lost message is found by the heartbeats. Thread: the loop's. */
#include "placements.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <uthash.h>

#include "detail.h"
#include "ob/clock.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/topics.h"
#include "text.h"
#include "topology.h"

#define MESSAGE_ROOM                                                                               \
    (OB_MESSAGE_MAX - 64 * 1024) /* what parts may fill, so that the whole stays below the limit   \
                                  */
#define STOP_GRACE_S 30          /* ECS's stopTimeout */
#define ARRIVES_MS 1500          /* a message that a heartbeat does not show by then is lost */
#define SYNC_EVERY_MS 2000       /* an instance is not asked more often */
#define ID_TEXT 40
#define SESSION_TEXT 72

typedef struct peer {
    char id[ID_TEXT];
    int64_t ce_id;
    ob_instance_state state;
    char token_hash[OB_TOKEN_HASH_TEXT];
    char session[SESSION_TEXT]; /* "" = it has not registered since this leader began */
    int64_t seq, sent_at_ms;    /* the last message to it */
    bool heard;                 /* a heartbeat waits to be compared */
    int64_t heard_epoch, heard_seq;
    char heard_digest[17];
    int mismatches; /* heartbeats in a row that differ */
    bool sync_owed, drained_owed, seen;
    int64_t synced_at_ms;
    size_t *orders; /* of this round, as indices into the effects */
    size_t n_orders, cap_orders;
    UT_hash_handle hh;
} peer;

struct peers {
    peer *all;
    size_t n_sync_owed; /* may be more than there are */
    bool any_heard;
    json_t *leaving; /* ids of instances that have ended: their executors are to be told */
};

/* ---- Instances ---- */

static peer *find(const peers *p, const char *id)
{
    peer *it;
    HASH_FIND_STR(p->all, id, it);
    return it;
}

static void forget(peers *p, peer *it)
{
    HASH_DEL(p->all, it);
    free(it->orders);
    free(it);
}

peers *peers_new(void)
{
    peers *p = ob_calloc(1, sizeof(*p));
    p->leaving = json_object();
    return p;
}

void peers_free(peers *p)
{
    if (!p)
        return;
    peer *it, *next;
    HASH_ITER(hh, p->all, it, next)
    {
        forget(p, it);
    }
    json_decref(p->leaving);
    free(p);
}

static void owe_sync(peers *p, peer *it)
{
    it->sync_owed = true;
    p->n_sync_owed++;
}

void peers_restart(peers *p)
{
    peer *it, *next;
    HASH_ITER(hh, p->all, it, next)
    {
        forget(p, it);
    }
    p->n_sync_owed = 0;
    (void)json_object_clear(p->leaving);
    p->any_heard = false;
}

void peers_put(
    peers *p, const char *id, int64_t ce_id, ob_instance_state state, const char *token_hash)
{
    peer *it = find(p, id);
    if (!it) {
        if (strlen(id) >= ID_TEXT)
            return;
        it = ob_calloc(1, sizeof(*it));
        (void)snprintf(it->id, sizeof(it->id), "%s", id);
        HASH_ADD_STR(p->all, id, it);
        if (state != OB_INSTANCE_LAUNCHING)
            owe_sync(p, it);
    }
    if (state == OB_INSTANCE_DRAINING && it->state != state)
        it->drained_owed = true;
    it->seen = true;
    it->ce_id = ce_id;
    it->state = state;
    (void)snprintf(it->token_hash, sizeof(it->token_hash), "%s", token_hash);
}

void peers_drop(peers *p, const char *id)
{
    peer *it = find(p, id);
    if (it)
        forget(p, it);
}

void peers_unsee(peers *p)
{
    for (peer *it = p->all; it; it = it->hh.next)
        it->seen = false;
}

void peers_drop_unseen(peers *p, void (*fn)(const char *id, void *arg), void *arg)
{
    peer *it, *next;
    HASH_ITER(hh, p->all, it, next)
    {
        if (it->seen)
            continue;
        fn(it->id, arg);
        forget(p, it);
    }
}

bool peers_known(const peers *p, const char *id)
{
    return find(p, id) != NULL;
}

/* ---- Sessions ---- */

bool peers_token_ok(const peers *p, const char *id, const char *token)
{
    const peer *it = find(p, id);
    char hash[OB_TOKEN_HASH_TEXT];
    ob_token_hash(token, hash);
    return it && strcmp(hash, it->token_hash) == 0;
}

void peers_registered(peers *p, const char *id, const char *session)
{
    peer *it = find(p, id);
    if (!it)
        return;
    /* Each SYNC brings a new session: only the first one is news. */
    if (strcmp(it->session, session) != 0)
        ob_log(it->session[0] ? OB_LOG_DEBUG : OB_LOG_INFO, "executor.registered", "{s:s, s:s}",
               "instance", id, "session", session);
    (void)snprintf(it->session, sizeof(it->session), "%s", session);
    it->mismatches = 0;
    it->heard = false;
    it->sync_owed = false;
}

bool peers_current(peers *p, const char *id, const char *session)
{
    peer *it = find(p, id);
    if (!it)
        return false;
    if (it->session[0] && strcmp(it->session, session) == 0)
        return true;
    if (!it->sync_owed && ob_mono_ms() - it->synced_at_ms >= SYNC_EVERY_MS)
        owe_sync(p, it);
    return false;
}

void peers_heard(peers *p, const char *id, int64_t epoch, int64_t seq, const char *digest)
{
    peer *it = find(p, id);
    if (!it)
        return;
    it->heard = p->any_heard = true;
    it->heard_epoch = epoch;
    it->heard_seq = seq;
    (void)snprintf(it->heard_digest, sizeof(it->heard_digest), "%s", digest);
}

void peers_sync_all(peers *p)
{
    for (peer *it = p->all; it; it = it->hh.next) {
        if (it->state != OB_INSTANCE_LAUNCHING && it->state < OB_INSTANCE_TERMINATED)
            owe_sync(p, it);
    }
}

void peers_leave(peers *p, const char *id)
{
    (void)json_object_set_new(p->leaving, id, json_true());
}

void peers_ask_drained(peers *p, const char *id)
{
    peer *it = find(p, id);
    if (it && it->state == OB_INSTANCE_DRAINING)
        it->drained_owed = true;
}

/* ---- Messages ---- */

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
        peer *it = find(p, fx->orders[i].instance_id);
        /* Without a session: the registration will show what is missing. */
        if (it && it->session[0])
            note_order(it, i);
    }
    place m = { 0 };
    for (size_t i = 0; i < fx->n_orders; i++) {
        peer *it = find(p, fx->orders[i].instance_id);
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

/* ---- Digests ---- */

#define LINE_TEXT (OB_RUN_TEXT + 16)
typedef struct lines {
    char (*at)[LINE_TEXT];
    size_t n, cap;
} lines;

static void add_line(const engine_wanted *run, void *arg)
{
    lines *l = arg;
    static const char *const names[] = { "starting", "running", "exited" };
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 64;
        l->at = ob_realloc(l->at, l->cap * sizeof(*l->at));
    }
    char ref[OB_RUN_TEXT];
    ob_run_ref_format(&run->run, ref);
    (void)snprintf(l->at[l->n++], LINE_TEXT, "%s %s\n", ref, names[run->state]);
}

static int cmp_line(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* What the executor of 'id' should hold, as docs/messages.md words it. */
static void digest(const scheduler *s, const char *id, char out[17])
{
    lines l = { 0 };
    engine_instance_runs(s->engine, id, add_line, &l);
    if (l.n)
        qsort(l.at, l.n, sizeof(*l.at), cmp_line);
    uint64_t hash = 14695981039346656037u; /* FNV-1a, 64 bits */
    for (size_t i = 0; i < l.n; i++) {
        for (const char *c = l.at[i]; *c; c++)
            hash = (hash ^ (uint8_t)*c) * 1099511628211u;
    }
    free(l.at);
    (void)snprintf(out, 17, "%016" PRIx64, hash);
}

static bool differs(const scheduler *s, const peer *it)
{
    if (it->seq > 0 && (it->heard_epoch != s->epoch || it->heard_seq != it->seq))
        return ob_mono_ms() - it->sent_at_ms > ARRIVES_MS;
    char want[17];
    digest(s, it->id, want);
    return strcmp(want, it->heard_digest) != 0;
}

void placements_compare(scheduler *s)
{
    if (!s->peers->any_heard)
        return;
    s->peers->any_heard = false;
    for (peer *it = s->peers->all; it; it = it->hh.next) {
        if (!it->heard)
            continue;
        it->heard = false;
        if (!differs(s, it)) {
            it->mismatches = 0;
        } else if (++it->mismatches >= 2) {
            ob_info("executor.differs", "{s:s, s:I, s:I}", "instance", it->id, "seq",
                    (json_int_t)it->seq, "last", (json_int_t)it->heard_seq);
            it->mismatches = 0;
            owe_sync(s->peers, it);
        }
    }
}
