/* The life of instances: LAUNCHING, ACTIVE, DRAINING or LOST, TERMINATED. Owns no memory.
 * Invariants: the row is committed before the provider is asked to launch and before anybody is
 * told; no provider call inside a transaction; an instance ends only DRAINING or LOST, and with
 * nothing placed on it. Loop thread. */
#include "instances.h"

#include <stdio.h>
#include <string.h>

#include "announce.h"
#include "decide/env_types.h"
#include "environments.h"
#include "ob/clock.h"
#include "ob/log.h"
#include "scaler_store.h"
#include "silence.h"

#define RETRY_MS 1000
#define OVERDUE_MS 250
#define FLUSH_MS 60000 /* a drained instance may still be sending logs for so long */
#define TOKEN_BYTES 32

#define BIT(state) (1u << (state))

typedef struct id_list {
    const char **ids;
    size_t n;
} id_list;

static void id_list_done(id_list *list)
{
    free(list->ids);
}

static void id_list_add(id_list *list, const char *id)
{
    list->ids = ob_realloc(list->ids, (list->n + 1) * sizeof(*list->ids));
    list->ids[list->n++] = id;
}

/* After the commit. */
static void moved(scaler *s, instance *in, ob_instance_state to, const char *reason, int64_t now_ms)
{
    ob_info("instance.changed", "{s:s, s:I, s:s, s:s, s:s, s:s*}", "instance", in->id, "ce",
            (json_int_t)in->ce_id, "type", in->type, "from", ob_instance_state_name(in->state),
            "to", ob_instance_state_name(to), "reason", reason);
    instance_set_state(in, to, now_ms);
    s->dirty = true;
}

static void became_active(scaler *s, instance *in, int64_t now_ms)
{
    env *e = scaler_env(s, in->ce_id);
    in->idle_since_ms = in->runs > 0 ? 0 : now_ms;
    if (e && in->prospect != PROSPECT_SURE)
        env_types_accept(e, in->type);
    (void)instance_set_prospect(in, PROSPECT_SURE);
}

static void end_at_provider(scaler *s, const instance *in, bool graceful)
{
    if (in->origin != ORIGIN_JOINED) /* the scheduler tells such an executor */
        s->provider->ops->terminate(s->provider, in->id, graceful);
}

/* Moves instances, tells the scheduler. What ended is passed to the provider and forgotten.
 * deadline_ms: until then, from now, what runs may go on (DRAINING); -1: as long as it likes. */
static int advance_until(scaler *s,
                         const id_list *list,
                         unsigned from,
                         ob_instance_state to,
                         const char *reason,
                         int64_t deadline_ms,
                         ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    if (list->n == 0)
        return 0;
    int r = store_advance(s->leader, list->ids, list->n, from, to, reason, deadline_ms, &res, err);
    if (r < 0)
        return r;
    int64_t now_ms = ob_mono_ms();
    ob_cleanup(id_list_done) id_list changed = { 0 };
    for (int i = 0; i < PQntuples(res); i++) {
        instance *in = scaler_instance(s, PQgetvalue(res, i, MOVED_ID));
        if (!in)
            continue;
        moved(s, in, to, reason, now_ms);
        id_list_add(&changed, PQgetvalue(res, i, MOVED_ID));
    }
    announce_instances(s, changed.ids, changed.n);
    for (size_t i = 0; i < changed.n; i++) {
        instance *in = scaler_instance(s, changed.ids[i]);
        in->has_deadline = in->has_deadline || deadline_ms >= 0;
        if (to == OB_INSTANCE_ACTIVE)
            became_active(s, in, now_ms);
        if (to == OB_INSTANCE_LOST || to == OB_INSTANCE_TERMINATED)
            end_at_provider(s, in, to == OB_INSTANCE_TERMINATED);
        if (to == OB_INSTANCE_TERMINATED)
            envs_drop_instance(s, in);
    }
    return 0;
}

static int advance(scaler *s,
                   const id_list *list,
                   unsigned from,
                   ob_instance_state to,
                   const char *reason,
                   ob_error *err)
{
    return advance_until(s, list, from, to, reason, -1, err);
}

bool instances_outdated(const env *e, const instance *in)
{
    return *in->launch_hash && strcmp(in->launch_hash, e->launch_hash) != 0;
}

/* ---- Launching ---- */

/* A launch came to nothing. */
static int
end_launch(scaler *s, instance *in, int why, const char *text, int64_t now_ms, ob_error *err)
{
    env *e = scaler_env(s, in->ce_id);
    if (e && why == -ENOSPC)
        env_types_refuse(e, in->type, now_ms);
    if (e && why == -EINVAL && !e->invalid)
        e->invalid = ob_strf("CLIENT_ERROR - %s", text);
    return advance(s, &(id_list){ .ids = (const char *[]){ in->id }, .n = 1 },
                   BIT(OB_INSTANCE_LAUNCHING), OB_INSTANCE_TERMINATED, text, err);
}

/* Fargate has no types: its instances are what the provider can run. */
static ob_arch arch_of(scaler *s, const instance *in)
{
    const ob_instance_type *type = ob_catalog_find(in->type);
    if (type)
        return type->arch;
    return s->provider->ops->refuses(s->provider, OB_ARCH_X86_64) ? OB_ARCH_ARM64 : OB_ARCH_X86_64;
}

/* Asks the provider. token NULL: the instance has its own. A refusal for lack of room ends the row.
 */
static int provide(scaler *s, instance *in, const char *token, int64_t now_ms, ob_error *err)
{
    const env *e = scaler_env(s, in->ce_id);
    bool known = ob_catalog_find(in->type) || in->origin != ORIGIN_CATALOGUE;
    ob_error said = { 0 };
    provider_launch_spec spec = { .id = in->id,
                                  .token = token,
                                  .ce_name = e ? e->name : "",
                                  .type = in->type,
                                  .arch = arch_of(s, in),
                                  .size = in->nominal,
                                  .spot = in->spot,
                                  .resources = e ? e->resources : NULL };
    int r = known ? s->provider->ops->launch(s->provider, &spec, &said)
                  : ob_fail(&said, EINVAL, "instance type %s is not in the catalogue", in->type);
    if (r == 0) {
        in->launched = true;
        return 0;
    }
    in->retry_at_ms = now_ms + RETRY_MS;
    ob_warn("launch.failed", "{s:s, s:s, s:s}", "instance", in->id, "type", in->type, "error",
            said.text);
    if ((r != -ENOSPC && r != -EINVAL) || in->state != OB_INSTANCE_LAUNCHING)
        return 0;
    return end_launch(s, in, r, said.text, now_ms, err);
}

static const char *type_of(const env *e, const decide_launch *l)
{
    return l->type ? l->type->name : e->managed ? PROVIDER_FARGATE : PROVIDER_UNMANAGED_LOCAL;
}

int instances_launch(
    scaler *s, decide_launch *launches, env *const *envs, size_t n, int64_t now_ms, ob_error *err)
{
    if (n == 0)
        return 0;
    ob_cleanup(ob_freep) store_instance *rows = ob_calloc(n, sizeof(*rows));
    char(*ids)[OB_INSTANCE_TEXT] = ob_calloc(n, sizeof(*ids));
    char(*tokens)[2 * TOKEN_BYTES + 1] = ob_calloc(n, sizeof(*tokens));
    char(*hashes)[65] = ob_calloc(n, sizeof(*hashes));
    for (size_t i = 0; i < n; i++) {
        const env *e = envs[launches[i].env];
        const decide_launch *l = &launches[i];
        ob_instance_id_new(ids[i]);
        ob_token_new(tokens[i], TOKEN_BYTES);
        ob_token_hash(tokens[i], hashes[i]);
        rows[i] = (store_instance){ .id = ids[i],
                                    .type = type_of(e, l),
                                    .token_hash = hashes[i],
                                    .ce_id = e->id,
                                    .spot = e->spot,
                                    .may_fail = l->type && l->type->may_fail,
                                    .launch_hash = e->launch_hash,
                                    .size = l->size,
                                    .vcpus = (l->nominal.mcpu + 999) / 1000 };
    }
    int r = store_insert(s->leader, rows, n, err);
    for (size_t i = 0; r == 0 && i < n; i++) {
        const env *e = envs[launches[i].env];
        instance *in = envs_add_instance(s, ids[i], e, type_of(e, &launches[i]), &launches[i],
                                         hashes[i], now_ms);
        ob_info("instance.changed", "{s:s, s:I, s:s, s:s}", "instance", in->id, "ce",
                (json_int_t)in->ce_id, "type", in->type, "to", "LAUNCHING");
    }
    /* Those whose turn does not come, for an error, are retried as any launch without an answer. */
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = provide(s, scaler_instance(s, ids[i]), tokens[i], now_ms, err);
        if (r == 0)
            r = ob_leader_keep(s->leader, err);
    }
    explicit_bzero(tokens, n * sizeof(*tokens));
    free(ids);
    free(tokens);
    free(hashes);
    return r;
}

/* A launch without an answer, a directory that is gone: once more, by the same id. What the
 * provider does not have any more gets a new token. */
static int relaunch(scaler *s, instance *in, int64_t now_ms, ob_error *err)
{
    int has = s->provider->ops->has(s->provider, in->id);
    if (has < 0) {
        in->retry_at_ms = now_ms + RETRY_MS;
        return 0;
    }
    if (has)
        return provide(s, in, NULL, now_ms, err);
    char token[2 * TOKEN_BYTES + 1], hash[65];
    ob_token_new(token, TOKEN_BYTES);
    ob_token_hash(token, hash);
    int r = store_retoken(s->leader, in->id, hash, err);
    if (r == 0) {
        (void)snprintf(in->token_hash, sizeof(in->token_hash), "%s", hash);
        announce_instances(s, &(const char *){ in->id }, 1); /* who knows the old hash reads */
        r = provide(s, in, token, now_ms, err);
    }
    explicit_bzero(token, sizeof(token));
    return r;
}

static int relaunch_due(scaler *s, int64_t now_ms, ob_error *err)
{
    instance *in, *next;
    int r = 0;
    HASH_ITER(hh, s->instances, in, next)
    {
        if (r < 0 || in->launched || in->state == OB_INSTANCE_LOST || now_ms < in->retry_at_ms)
            continue;
        r = relaunch(s, in, now_ms, err);
        if (r == 0)
            r = ob_leader_keep(s->leader, err);
    }
    return r;
}

int instances_reconcile(scaler *s, int64_t now_ms, ob_error *err)
{
    s->provider->ops->list(s->provider);
    return relaunch_due(s, now_ms, err);
}

/* ---- What the provider says ---- */

/* An instance without a row, or given up, is ended. Its row would have been committed before it was
 * launched, and is known here by then. */
static void on_found(const char *id, void *arg)
{
    scaler *s = arg;
    instance *in = scaler_instance(s, id);
    if (in && in->state != OB_INSTANCE_LOST) {
        if (in->prospect == PROSPECT_MAY_FAIL)
            (void)instance_set_prospect(in, PROSPECT_FOUND);
        return;
    }
    s->unknown = ob_realloc(s->unknown, (s->n_unknown + 1) * sizeof(*s->unknown));
    s->unknown[s->n_unknown++] = ob_strdup(id);
}

static void on_failed(const char *id, int r, const char *text, void *arg)
{
    instance *in = scaler_instance(arg, id);
    if (in)
        (void)instance_set_fate(in, FATE_FAILED, r, text);
}

static void on_gone(const char *id, const char *text, void *arg)
{
    instance *in = scaler_instance(arg, id);
    if (in)
        (void)instance_set_fate(in, FATE_GONE, 0, text);
}

void instances_listen(scaler *s)
{
    s->provider->on =
        (provider_sink){ .found = on_found, .failed = on_failed, .gone = on_gone, .arg = s };
}

static void end_unknown(scaler *s)
{
    for (size_t i = 0; i < s->n_unknown; i++) {
        /* Known by now: another leader's, read since. */
        const instance *in = scaler_instance(s, s->unknown[i]);
        if (!in || in->state == OB_INSTANCE_LOST) {
            ob_info("instance.disowned", "{s:s}", "instance", s->unknown[i]);
            s->provider->ops->terminate(s->provider, s->unknown[i], false);
        }
        free(s->unknown[i]);
    }
    s->n_unknown = 0;
}

/* What was in doubt and has come: counted on from now on, and its type is had again. */
static int take_found(scaler *s, ob_error *err)
{
    ob_cleanup(id_list_done) id_list list = { 0 };
    ob_cleanup(id_list_done) id_list changed = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    for (const instance *in = s->instances; in; in = in->hh.next)
        if (in->prospect == PROSPECT_FOUND && in->state == OB_INSTANCE_LAUNCHING)
            id_list_add(&list, in->id);
    if (list.n == 0)
        return 0;
    int r = store_found(s->leader, list.ids, list.n, &res, err);
    for (int i = 0; r == 0 && i < PQntuples(res); i++) {
        instance *in = scaler_instance(s, PQgetvalue(res, i, MOVED_ID));
        env *e = in ? scaler_env(s, in->ce_id) : NULL;
        id_list_add(&changed, PQgetvalue(res, i, MOVED_ID));
        if (in)
            (void)instance_set_prospect(in, PROSPECT_SURE);
        if (e)
            env_types_accept(e, in->type);
        s->dirty = true;
    }
    announce_instances(s, changed.ids, changed.n);
    return r;
}

/* What failed later, or ended by itself. */
static int take_failures(scaler *s, int64_t now_ms, ob_error *err)
{
    instance *in, *next;
    int r = 0;
    HASH_ITER(hh, s->instances, in, next)
    {
        bool launching = in->state == OB_INSTANCE_LAUNCHING;
        id_list one = { .ids = (const char *[]){ in->id }, .n = 1 };
        if (r < 0 || in->fate == FATE_OPEN)
            continue;
        int error = in->fate_error;
        ob_cleanup(ob_freep) char *text = ob_take(in->fate_text);
        (void)instance_set_fate(in, FATE_OPEN, 0, NULL);
        if (launching)
            r = end_launch(s, in, error, text, now_ms, err);
        else if (in->state == OB_INSTANCE_ACTIVE || in->state == OB_INSTANCE_DRAINING)
            r = advance(s, &one, BIT(OB_INSTANCE_ACTIVE) | BIT(OB_INSTANCE_DRAINING),
                        OB_INSTANCE_LOST, text, err);
    }
    return r;
}

/* ---- What is due ---- */

static int take_registrations(scaler *s, ob_error *err)
{
    ob_cleanup(id_list_done) id_list list = { 0 };
    for (const instance *in = s->instances; in; in = in->hh.next)
        if (in->executor != EXECUTOR_AWAITED && in->state == OB_INSTANCE_LAUNCHING)
            id_list_add(&list, in->id);
    int r = advance(s, &list, BIT(OB_INSTANCE_LAUNCHING), OB_INSTANCE_ACTIVE, NULL, err);
    for (size_t i = 0; r == 0 && i < list.n; i++) {
        instance *in = scaler_instance(s, list.ids[i]);
        if (in->state == OB_INSTANCE_LAUNCHING && in->executor == EXECUTOR_REGISTERED)
            (void)instance_set_executor(in, EXECUTOR_AWAITED); /* the row did not move */
    }
    return r;
}

static int give_up_launches(scaler *s, int64_t now_ms, ob_error *err)
{
    ob_cleanup(id_list_done) id_list list = { 0 };
    int64_t set_ms = s->config.register_ms;
    int64_t limit_ms = set_ms > 0 ? set_ms : s->provider->ops->register_ms;
    for (instance *in = s->instances; in; in = in->hh.next)
        if (in->state == OB_INSTANCE_LAUNCHING && now_ms - in->since_ms > limit_ms)
            id_list_add(&list, in->id);
    return advance(s, &list, BIT(OB_INSTANCE_LAUNCHING), OB_INSTANCE_TERMINATED,
                   "its executor did not register in time", err);
}

static int find_lost(scaler *s, int64_t heard_ms, ob_error *err)
{
    ob_cleanup(id_list_done) id_list list = { 0 };
    for (instance *in = s->instances; in; in = in->hh.next) {
        if (in->state != OB_INSTANCE_ACTIVE && in->state != OB_INSTANCE_DRAINING)
            continue;
        if (silence_turn(s, in, heard_ms))
            id_list_add(&list, in->id);
    }
    char reason[64];
    (void)snprintf(reason, sizeof(reason), "silent for %lld ms",
                   (long long)s->config.lost_after_ms);
    return advance(s, &list, BIT(OB_INSTANCE_ACTIVE) | BIT(OB_INSTANCE_DRAINING), OB_INSTANCE_LOST,
                   reason, err);
}

int instances_drain(scaler *s,
                    instance *const *which,
                    size_t n,
                    const char *reason,
                    int64_t deadline_ms,
                    ob_error *err)
{
    ob_cleanup(id_list_done) id_list alive = { 0 };
    ob_cleanup(id_list_done) id_list launching = { 0 };
    for (size_t i = 0; i < n; i++)
        id_list_add(which[i]->state == OB_INSTANCE_LAUNCHING ? &launching : &alive, which[i]->id);
    int r = advance_until(s, &alive, BIT(OB_INSTANCE_ACTIVE) | BIT(OB_INSTANCE_DRAINING),
                          OB_INSTANCE_DRAINING, reason, deadline_ms, err);
    if (r == 0)
        r = advance(s, &launching, BIT(OB_INSTANCE_LAUNCHING), OB_INSTANCE_TERMINATED, reason, err);
    return r;
}

/* What had a deadline and is past it takes its runs with it. */
static int end_overdue(scaler *s, int64_t now_ms, ob_error *err)
{
    ob_cleanup(id_list_done) id_list list = { 0 };
    ob_cleanup(id_list_done) id_list late = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *overdue = NULL;
    if (now_ms - s->overdue_at_ms < OVERDUE_MS)
        return 0;
    s->overdue_at_ms = now_ms;
    for (instance *in = s->instances; in; in = in->hh.next)
        if (in->has_deadline && in->state == OB_INSTANCE_DRAINING)
            id_list_add(&list, in->id);
    if (list.n == 0)
        return 0;
    int r = store_overdue(ob_leader_db(s->leader), list.ids, list.n, &overdue, err);
    for (int i = 0; r == 0 && i < PQntuples(overdue); i++)
        id_list_add(&late, PQgetvalue(overdue, i, OVERDUE_ID));
    return r < 0 ? r
                 : advance(s, &late, BIT(OB_INSTANCE_DRAINING), OB_INSTANCE_LOST,
                           "what ran on it had its time", err);
}

/* Has its executor nothing left to send? */
static bool has_sent_all(const instance *in)
{
    return in->held == 0 || in->executor == EXECUTOR_LEFT;
}

/* Asks for the end of what is DRAINING or LOST: at once when the scheduler says so, otherwise every
 * second, until nothing is placed on it. */
static void ask_ends(scaler *s, id_list *list, int64_t heard_ms, int64_t now_ms)
{
    ob_cleanup(id_list_done) id_list again = { 0 };
    for (instance *in = s->instances; in; in = in->hh.next) {
        if (in->state != OB_INSTANCE_DRAINING && in->state != OB_INSTANCE_LOST)
            continue;
        bool empty = in->placements == PLACEMENTS_NONE;
        if (empty && heard_ms > 0)
            in->flush_ms += heard_ms;
        bool due = now_ms - in->asked_at_ms >= RETRY_MS;
        if (!due && in->placements != PLACEMENTS_SAID_NONE && !(empty && has_sent_all(in)))
            continue;
        id_list_add(list, in->id);
        if (due && in->asked_at_ms)
            id_list_add(&again, in->id);
        if (due)
            in->asked_at_ms = now_ms;
        if (in->placements == PLACEMENTS_SAID_NONE)
            (void)instance_set_placements(in, PLACEMENTS_POSSIBLE);
    }
    announce_instances(s, again.ids, again.n);
}

/* Of the empty ones, those whose executor has nothing left to send. */
static void choose_ends(scaler *s, const PGresult *empty, id_list *list)
{
    for (int i = 0; i < PQntuples(empty); i++) {
        instance *in = scaler_instance(s, PQgetvalue(empty, i, EMPTY_ID));
        if (!in)
            continue;
        (void)instance_set_placements(in, PLACEMENTS_NONE);
        if (in->state == OB_INSTANCE_LOST || has_sent_all(in) || in->flush_ms > FLUSH_MS)
            id_list_add(list, in->id);
    }
}

static int end_empty(scaler *s, int64_t heard_ms, int64_t now_ms, ob_error *err)
{
    ob_cleanup(id_list_done) id_list asked = { 0 };
    ob_cleanup(id_list_done) id_list list = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *empty = NULL;
    ob_cleanup(ob_pq_clearp) PGresult *ended = NULL;
    ask_ends(s, &asked, heard_ms, now_ms);
    if (asked.n == 0)
        return 0;
    int r = store_empty(ob_leader_db(s->leader), asked.ids, asked.n, &empty, err);
    if (r < 0)
        return r;
    choose_ends(s, empty, &list);
    if (list.n == 0)
        return 0;
    r = store_end_empty(s->leader, list.ids, list.n, &ended, err);
    ob_cleanup(id_list_done) id_list changed = { 0 };
    for (int i = 0; r == 0 && i < PQntuples(ended); i++)
        id_list_add(&changed, PQgetvalue(ended, i, MOVED_ID));
    announce_instances(s, changed.ids, changed.n);
    for (size_t i = 0; i < changed.n; i++) {
        instance *in = scaler_instance(s, changed.ids[i]);
        if (!in)
            continue;
        bool lost = in->state == OB_INSTANCE_LOST;
        moved(s, in, OB_INSTANCE_TERMINATED, NULL, now_ms);
        end_at_provider(s, in, !lost);
        envs_drop_instance(s, in);
    }
    return r;
}

int instances_turn(scaler *s, int64_t heard_ms, int64_t now_ms, ob_error *err)
{
    end_unknown(s);
    int r = take_registrations(s, err);
    if (r == 0)
        r = take_found(s, err);
    if (r == 0)
        r = take_failures(s, now_ms, err);
    if (r == 0)
        r = find_lost(s, heard_ms, err);
    if (r == 0)
        r = give_up_launches(s, now_ms, err);
    if (r == 0)
        r = relaunch_due(s, now_ms, err);
    if (r == 0)
        r = end_overdue(s, now_ms, err);
    if (r == 0)
        r = end_empty(s, heard_ms, now_ms, err);
    return r;
}
