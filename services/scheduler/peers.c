/* The leader's view of executors. Owns, for each instance, the session, the last message sent and
 * pending messages. Compares heartbeats with the engine's runs, so a lost message is detected.
 * Never decides which runs should exist (the engine) and sends nothing (placements.c). Thread: the
 * loop's. */
#include "peers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ob/clock.h"
#include "ob/hash.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/text.h"
#include "peers_internal.h"
#include "scheduler_metrics.h"

#define ARRIVES_MS 1500    /* a message that no heartbeat shows within this time is lost */
#define PARTS_MAX 256      /* of a registration: limits what is stored for one executor */
#define SYNC_EVERY_MS 2000 /* an instance is not asked more often */

/* ---- Instances ---- */

peer *peers_find(const peers *p, const char *id)
{
    peer *it;
    HASH_FIND_STR(p->all, id, it);
    return it;
}

static void forget(peers *p, peer *it)
{
    HASH_DEL(p->all, it);
    json_decref(it->held);
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
    free(p->refused);
    free(p);
}

/* why: a label's value (docs/metrics.md). */
static void owe_sync(peers *p, peer *it, const char *why)
{
    ob_series_add(ob_metric_with(&scheduler_metrics[SCHED_SYNCS], why), 1);
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
    p->n_sync_owed = p->n_refused = 0;
    (void)json_object_clear(p->leaving);
    p->any_heard = false;
}

void peers_put(peers *p,
               const char *id,
               int64_t ce_id,
               ob_instance_state state,
               const char *salt,
               const char *token_hash)
{
    peer *it = peers_find(p, id);
    if (!it) {
        if (strlen(id) >= ID_TEXT)
            return;
        it = ob_calloc(1, sizeof(*it));
        (void)snprintf(it->id, sizeof(it->id), "%s", id);
        HASH_ADD_STR(p->all, id, it);
        if (state != OB_INSTANCE_LAUNCHING)
            owe_sync(p, it, "new");
    }
    if (state == OB_INSTANCE_DRAINING && it->state != state)
        it->drained_owed = true;
    it->seen = true;
    it->ce_id = ce_id;
    it->state = state;
    ob_seal_trust_set(&it->trust, salt, token_hash);
}

void peers_drop(peers *p, const char *id)
{
    peer *it = peers_find(p, id);
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
    return peers_find(p, id) != NULL;
}

/* ---- Sessions ---- */

bool peers_accept(peers *p, const char *id, const json_t *msg)
{
    peer *it = peers_find(p, id);
    return it && ob_seal_accepts(&it->trust, msg);
}

bool peers_repeat(peers *p, const char *id, json_t *msg)
{
    peer *it = peers_find(p, id);
    return it && ob_seal_repeats(&it->trust, msg);
}

bool peers_fresh(peers *p, const char *id, int64_t seen_epoch, int64_t epoch)
{
    peer *it = peers_find(p, id);
    if (seen_epoch >= epoch || !it)
        return true;
    if (!it->sync_owed)
        owe_sync(p, it, "epoch");
    return false;
}

void peers_registered(peers *p, const char *id, const char *session)
{
    peer *it = peers_find(p, id);
    if (!it)
        return;
    /* Each SYNC causes a new session: only the first one is logged. */
    if (strcmp(it->session, session) != 0)
        ob_log(it->session[0] ? OB_LOG_DEBUG : OB_LOG_INFO, "executor.registered", "{s:s, s:s}",
               "instance", id, "session", session);
    (void)ob_text_into(it->session, sizeof(it->session), session);
    it->mismatches = 0;
    it->heard = false;
    it->sync_owed = false;
}

json_t *peers_gather(
    peers *p, const char *id, const char *session, json_t *held, int64_t part, int64_t parts)
{
    peer *it = peers_find(p, id);
    if (!it)
        return NULL;
    if (parts <= 1)
        return json_is_array(held) ? json_incref(held) : json_array();
    if (part == 0 && parts <= PARTS_MAX) {
        json_decref(it->held);
        it->held = json_array();
        (void)ob_text_into(it->held_session, sizeof(it->held_session), session);
        it->held_parts = parts;
        it->held_next = 0;
    }
    if (!it->held || part != it->held_next || parts != it->held_parts ||
        strcmp(session, it->held_session) != 0 ||
        json_array_size(it->held) + json_array_size(held) > PEERS_HELD_MAX)
        return NULL;
    it->synced_at_ms = ob_mono_ms(); /* it need not be asked while it sends messages */
    (void)json_array_extend(it->held, held);
    return ++it->held_next == parts ? ob_take(it->held) : NULL;
}

bool peers_current(peers *p, const char *id, const char *session)
{
    peer *it = peers_find(p, id);
    if (!it)
        return false;
    if (it->session[0] && strcmp(it->session, session) == 0)
        return true;
    if (!it->sync_owed && ob_mono_ms() - it->synced_at_ms >= SYNC_EVERY_MS)
        owe_sync(p, it, "session");
    return false;
}

void peers_heard(peers *p, const char *id, int64_t epoch, int64_t seq, const char *digest)
{
    peer *it = peers_find(p, id);
    if (!it)
        return;
    it->heard = p->any_heard = true;
    it->heard_epoch = epoch;
    it->heard_seq = seq;
    (void)ob_text_into(it->heard_digest, sizeof(it->heard_digest), digest);
}

void peers_sync_all(peers *p)
{
    for (peer *it = p->all; it; it = it->hh.next) {
        if (it->state != OB_INSTANCE_LAUNCHING && it->state < OB_INSTANCE_TERMINATED)
            owe_sync(p, it, "reconcile");
    }
}

void peers_leave(peers *p, const char *id, const char *salt)
{
    (void)json_object_set_new(p->leaving, id, ob_json_text(salt ? salt : ""));
}

void peers_refuse(peers *p, const char *id, const ob_run_ref *run)
{
    if (p->n_refused == p->cap_refused) {
        p->cap_refused = p->cap_refused ? p->cap_refused * 2 : 16;
        p->refused = ob_realloc(p->refused, p->cap_refused * sizeof(*p->refused));
    }
    refused_run *one = &p->refused[p->n_refused++];
    (void)snprintf(one->instance, sizeof(one->instance), "%s", id);
    one->run = *run;
}

void peers_ask_drained(peers *p, const char *id)
{
    peer *it = peers_find(p, id);
    if (it && it->state == OB_INSTANCE_DRAINING)
        it->drained_owed = true;
}

/* ---- Heartbeats ---- */

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

/* The runs that the executor of 'id' should hold, in the form of docs/messages.md. */
static void digest(const scheduler *s, const char *id, char out[17])
{
    lines l = { 0 };
    engine_instance_runs(s->engine, id, add_line, &l);
    if (l.n)
        qsort(l.at, l.n, sizeof(*l.at), cmp_line);
    uint64_t hash = OB_HASH64;
    for (size_t i = 0; i < l.n; i++)
        hash = ob_hash64(hash, l.at[i]);
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

void peers_compare(scheduler *s)
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
            ob_info("executor.differed", "{s:s, s:I, s:I}", "instance", it->id, "seq",
                    (json_int_t)it->seq, "last", (json_int_t)it->heard_seq);
            it->mismatches = 0;
            owe_sync(s->peers, it, "differs");
        }
    }
}
