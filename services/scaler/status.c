/* The published status of environments. Owns the list of inbox rows that were acted on but not
 * deleted yet (in 'scaler'). Invariant: an inbox row is deleted in the transaction that writes the
 * ce_status of the version that it announced; a request for an interruption is deleted when nothing
 * is left to do for it. Loop thread. */
#include "status.h"

#include <stdio.h>
#include <string.h>

#include "announce.h"
#include "environments.h"
#include "instances.h"
#include "interrupt.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/service.h"
#include "scaler_metrics.h"
#include "scaler_store.h"
#include "shortages.h"

#define HEALTHY "ComputeEnvironment Healthy"

int status_sweep_inbox(scaler *s, int64_t now_ms, ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = store_requests(ob_leader_db(s->leader), &res, err);
    if (r < 0)
        return r;
    s->inbox_rung = false;
    s->swept_at_ms = now_ms;
    s->n_inbox = 0;
    int n = PQntuples(res);
    ob_metric_put(&scaler_metrics[SCALER_INBOX], n, SCALER_NAME);
    if (n == 0)
        return 0;
    /* The rows of the inbox are read first, so the data that they name is at least as new. */
    r = envs_load(s, false, now_ms, err);
    if (r < 0)
        return r;
    s->inbox = ob_realloc(s->inbox, (size_t)n * sizeof(*s->inbox));
    for (int i = 0; i < n; i++) {
        const char *interrupt = ob_col(res, i, INBOX_INSTANCE_ID);
        if (!interrupt || interrupt_ask(s, interrupt))
            s->inbox[s->n_inbox++] = ob_col_int(res, i, INBOX_SEQ, 0);
    }
    return 0;
}

/* The sum of its instances. */
typedef struct tally {
    int32_t desired_vcpus;
    size_t alive;    /* all */
    size_t outdated; /* to be replaced */
} tally;

static tally tally_of(const scaler *s, const env *e)
{
    tally t = { 0 };
    int64_t mcpu = 0;
    for (const instance *in = s->instances; in; in = in->hh.next) {
        if (in->ce_id != e->id)
            continue;
        t.alive++;
        t.outdated += instances_outdated(e, in);
        if (in->state != OB_INSTANCE_LOST)
            mcpu += in->nominal.mcpu;
    }
    t.desired_vcpus = (int32_t)((mcpu + 999) / 1000);
    return t;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static bool is_written(const env *e, const store_status *now)
{
    return e->written_version == now->version && e->written_valid == now->valid &&
           same_text(e->written_reason, now->reason) && e->written_desired == now->desired_vcpus &&
           same_text(e->written_lacking, now->lacking) && same_text(e->written_shapes, now->shapes);
}

static void note_written(env *e, const store_status *now)
{
    char *old_lacking = e->written_lacking, *old_shapes = e->written_shapes;
    char *old_reason = e->written_reason;
    e->written_version = now->version;
    e->written_valid = now->valid;
    e->written_reason = ob_strdup(now->reason);
    e->written_desired = now->desired_vcpus;
    e->written_lacking = now->lacking ? ob_strdup(now->lacking) : NULL;
    e->written_shapes = ob_strdup(now->shapes);
    free(old_lacking);
    free(old_shapes);
    free(old_reason);
}

/* How many rows of the inbox may go: none before the environments that they may announce have been
 * looked at. */
static size_t inbox_done(const scaler *s)
{
    for (const env *e = s->envs; e; e = e->hh.next)
        if (e->unchecked && !e->deleting && e->written_version != e->version)
            return 0;
    return s->n_inbox;
}

/* Is nothing of an environment left that is deleted? */
static bool is_gone(const env *e, const tally *t)
{
    return e->deleting && t->alive == 0 && (!e->kubernetes || e->cleared);
}

/* *ret_lacking: the text that it borrows. */
static store_status status_of(scaler *s, env *e, const tally *t, int64_t now_ms, char **ret_lacking)
{
    *ret_lacking = shortages_text(s, e, now_ms);
    store_status now = { .ce_id = e->id,
                         .version = e->version,
                         .desired_vcpus = t->desired_vcpus,
                         .valid = !e->invalid,
                         .reason = e->invalid ? e->invalid : HEALTHY,
                         .lacking = *ret_lacking,
                         .shapes = e->shapes_json };
    /* UPDATING until no instance with old settings is left. */
    if (t->outdated > 0 && e->written_version >= 0)
        now.version = e->written_version;
    return now;
}

int status_write(scaler *s, int64_t now_ms, ob_error *err)
{
    size_t n_envs = HASH_COUNT(s->envs), n = 0, n_gone = 0, n_changed = 0;
    ob_cleanup(ob_freep) store_status *status = ob_calloc(n_envs + 1, sizeof(*status));
    ob_cleanup(ob_freep) int64_t *gone = ob_calloc(n_envs + 1, sizeof(*gone));
    ob_cleanup(ob_freep) int64_t *changed = ob_calloc(n_envs + 1, sizeof(*changed));
    char **texts = ob_calloc(n_envs + 1, sizeof(*texts));
    size_t n_texts = 0, n_inbox = inbox_done(s);
    for (env *e = s->envs; e; e = e->hh.next) {
        tally t = tally_of(s, e);
        store_status now = status_of(s, e, &t, now_ms, &texts[n_texts++]);
        if (e->unchecked && !e->deleting)
            continue;
        if (is_gone(e, &t)) {
            gone[n_gone++] = e->id;
        } else if (!is_written(e, &now) && !(e->deleting && e->written_version < 0)) {
            status[n++] = now;
        } else {
            continue;
        }
        changed[n_changed++] = e->id;
    }
    int r = 0;
    if (n + n_gone + n_inbox > 0)
        r = store_put_status(s->leader,
                             &(store_statuses){ .put = status,
                                                .n = n,
                                                .gone = gone,
                                                .n_gone = n_gone,
                                                .inbox = s->inbox,
                                                .n_inbox = n_inbox },
                             err);
    if (r == 0) {
        s->n_inbox -= n_inbox;
        for (size_t i = 0; i < n; i++)
            note_written(scaler_env(s, status[i].ce_id), &status[i]);
        announce_environments(s, changed, n_changed);
        if (n_gone > 0)
            s->reload_owed = true; /* which forgets them */
    }
    for (size_t i = 0; i < n_texts; i++)
        free(texts[i]);
    free(texts);
    return r;
}

/* ---- Counters ---- */

/* Is the entry made of other numbers, or of another text? Then it has the new numbers now. */
static bool is_other(counters_entry *e,
                     const int64_t numbers[COUNTERS_NUMBERS],
                     const char *name,
                     const char *text)
{
    if (e->json && memcmp(e->numbers, numbers, sizeof(e->numbers)) == 0 &&
        same_text(json_string_value(json_object_get(e->json, name)), text))
        return false;
    memcpy(e->numbers, numbers, sizeof(e->numbers));
    json_decref(e->json);
    return true;
}

static json_t *count_env(const scaler *s, env *e)
{
    ob_resources used = { 0 };
    int64_t provisioned = 0, runs = 0, n = 0;
    for (const instance *in = s->instances; in; in = in->hh.next) {
        if (in->ce_id != e->id)
            continue;
        n++;
        runs += in->runs;
        provisioned += in->nominal.mcpu;
        ob_resources_add(&used, &in->used);
    }
    const int64_t now[COUNTERS_NUMBERS] = { e->min_vcpus, e->max_vcpus, e->written_desired,
                                            provisioned,  used.mcpu,    used.mem_mib,
                                            used.gpus,    runs,         n };
    if (is_other(&e->counted, now, "name", e->name))
        e->counted.json = json_pack(
            "{s:o, s:i, s:i, s:i, s:I, s:i, s:i, s:i, s:I, s:I}", "name", ob_json_text(e->name),
            "minVcpus", e->min_vcpus, "maxVcpus", e->max_vcpus, "desiredVcpus", e->written_desired,
            "provisionedMcpu", (json_int_t)provisioned, "allocatedMcpu", used.mcpu,
            "allocatedMemMib", used.mem_mib, "allocatedGpus", used.gpus, "attempts",
            (json_int_t)runs, "instances", (json_int_t)n);
    return e->counted.json;
}

static json_t *count_instance(instance *in)
{
    const int64_t now[COUNTERS_NUMBERS] = { in->ce_id,     in->state,        in->nominal.mcpu,
                                            in->used.mcpu, in->used.mem_mib, in->used.gpus,
                                            in->runs };
    if (is_other(&in->counted, now, "type", in->type))
        in->counted.json = json_pack(
            "{s:I, s:o, s:o, s:i, s:i, s:i, s:i, s:i}", "ce", (json_int_t)in->ce_id, "type",
            ob_json_text(in->type), "state", ob_json_text(ob_instance_state_name(in->state)),
            "mcpu", in->nominal.mcpu, "allocatedMcpu", in->used.mcpu, "allocatedMemMib",
            in->used.mem_mib, "allocatedGpus", in->used.gpus, "attempts", in->runs);
    return in->counted.json;
}

static json_t *count_all(const scaler *s)
{
    json_t *all = json_object();
    char key[64];
    for (env *e = s->envs; e; e = e->hh.next) {
        (void)snprintf(key, sizeof(key), "ce:%lld", (long long)e->id);
        (void)json_object_set(all, key, count_env(s, e));
    }
    for (instance *in = s->instances; in; in = in->hh.next) {
        (void)snprintf(key, sizeof(key), "instance:%s", in->id);
        (void)json_object_set(all, key, count_instance(in));
    }
    return all;
}

static void beat(scaler *s)
{
    const char **ids = ob_calloc(HASH_COUNT(s->instances) + 1, sizeof(*ids));
    size_t n = 0;
    for (instance *in = s->instances; in; in = in->hh.next) {
        if (in->beat)
            ids[n++] = in->id;
        in->beat = false;
    }
    (void)counters_beat(s->counters, ids, n, s->config.lost_after_ms, NULL);
    free(ids);
}

static void tell_totals(const counters_totals *totals)
{
    ob_health_info("counters", json_pack("{s:I, s:I, s:I, s:I}", "provisionedMcpu",
                                         (json_int_t)totals->provisioned_mcpu, "allocatedMcpu",
                                         (json_int_t)totals->allocated_mcpu, "attempts",
                                         (json_int_t)totals->attempts, "heartbeats",
                                         (json_int_t)totals->heartbeats));
}

void status_count(scaler *s, int64_t now_ms)
{
    ob_error err = { 0 };
    counters_totals totals = { 0 };
    int r = 0;
    bool rebuild = counters_lost(s->counters);
    if (rebuild && !s->counters_reloaded) {
        s->reload_owed = s->counters_reloaded = true; /* from PostgreSQL, then once more here */
        return;
    }
    if (!rebuild && !s->dirty_counters && now_ms - s->counted_at_ms < s->config.heartbeat_ms)
        return;
    json_auto_t *all = count_all(s);
    r = counters_write(s->counters, all, rebuild, &err);
    if (r == 0 && now_ms - s->counted_at_ms >= s->config.heartbeat_ms) {
        s->counted_at_ms = now_ms;
        beat(s);
        r = counters_sum(s->counters, &totals, &err);
        if (r == 0)
            tell_totals(&totals);
    }
    if (r == 0) {
        if (rebuild)
            ob_info("counters.rebuilt", "{s:I}", "epoch", (json_int_t)ob_leader_epoch(s->leader));
        s->counters_reloaded = false;
        s->dirty_counters = false;
    } else if (r == -ESTALE) {
        ob_info("counters.lost", "{s:s}", "error", err.text);
        s->counters_reloaded = false;
    }
    bool away = r < 0 && r != -ESTALE;
    /* Only figures: nothing waits for them (docs/architecture.md). */
    ob_health_set("redis", false, !away, away ? err.text : NULL);
}

void status_health(scaler *s)
{
    int64_t by_state[OB_INSTANCE_TERMINATED + 1] = { 0 };
    for (const instance *in = s->instances; in; in = in->hh.next)
        by_state[in->state]++;
    json_t *instances = json_object();
    for (int i = 0; i < OB_INSTANCE_TERMINATED; i++)
        (void)json_object_set_new(instances, ob_instance_state_name((ob_instance_state)i),
                                  json_integer(by_state[i]));
    ob_health_info("instances", instances);
    ob_health_info("environments", json_integer((json_int_t)HASH_COUNT(s->envs)));
    ob_health_info("epoch", json_integer((json_int_t)ob_leader_epoch(s->leader)));
    ob_health_info("ignoredMessages", json_integer((json_int_t)s->ignored_messages));
    ob_health_info("forgedMessages", json_integer((json_int_t)s->forged_messages));
    ob_health_info("repeatedMessages", json_integer((json_int_t)s->repeated_messages));
}
