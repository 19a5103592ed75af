/* Owns the names of the environments that have series. They go by name, so two environments of one
 * name, in two regions, are counted together. */
#include "environment_metrics.h"

#include <errno.h>
#include <string.h>

#include "ob/clock.h"
#include "ob/message.h"
#include "scaler_metrics.h"
#include "shortages.h"

typedef struct known_name {
    char *name; /* key */
    bool seen;
    UT_hash_handle hh;
} known_name;

static known_name *names;

static void see(const char *name)
{
    known_name *k = NULL;
    HASH_FIND_STR(names, name, k);
    if (!k) {
        k = ob_calloc(1, sizeof(*k));
        k->name = ob_strdup(name);
        HASH_ADD_KEYPTR(hh, names, k->name, strlen(k->name), k);
    }
    k->seen = true;
}

static void forget_name(known_name *k)
{
    static const enum scaler_metric counted[] = { SCALER_LAUNCHES,      SCALER_LAUNCH_SECONDS,
                                                  SCALER_ENDS,          SCALER_STARTS,
                                                  SCALER_START_SECONDS, SCALER_PULLS,
                                                  SCALER_PULL_SECONDS };
    for (size_t i = 0; i < ARRAY_SIZE(counted); i++)
        ob_metric_drop(&scaler_metrics[counted[i]], 0, k->name);
    HASH_DEL(names, k);
    free(k->name);
    free(k);
}

static void count(enum scaler_metric m, const char *name, const char *why)
{
    ob_series_add(ob_metric_with(&scaler_metrics[m], name, why), 1);
}

void environment_metrics_move(const scaler *s,
                              const instance *in,
                              ob_instance_state to,
                              int64_t now_ms)
{
    const env *e = scaler_env(s, in->ce_id);
    const char *code = in->end_code;
    if (!e)
        return;
    if (in->state == OB_INSTANCE_LAUNCHING && to == OB_INSTANCE_ACTIVE) {
        count(SCALER_LAUNCHES, e->name, "active");
        ob_series_observe(ob_metric_with(&scaler_metrics[SCALER_LAUNCH_SECONDS], e->name),
                          now_ms - in->since_ms);
    } else if (in->state == OB_INSTANCE_LAUNCHING && to == OB_INSTANCE_TERMINATED) {
        count(SCALER_LAUNCHES, e->name, code ? code : "cancelled");
    } else if (to == OB_INSTANCE_LOST) {
        count(SCALER_ENDS, e->name, code ? code : "gone");
    } else if (in->state == OB_INSTANCE_DRAINING && to == OB_INSTANCE_TERMINATED) {
        count(SCALER_ENDS, e->name, "drained");
    }
}

const char *environment_metrics_refused(const scaler *s, int error)
{
    const char *code = error == -ENOSPC ? "no_capacity" : error == -EINVAL ? "invalid" : "failed";
    count(SCALER_PROVIDER_ERRORS, s->config.provider, code);
    return code;
}

/* ---- what executors say ---------------------------------------------------------------------- */

/* More than a host can do between two heartbeats; who says more does not count. */
#define RUNS_MAX 1000000
#define SUM_MAX (INT64_C(1) << 50)

static int64_t figure(const json_t *figures, const char *name, int64_t max)
{
    int64_t value = ob_json_int(figures, name, 0);
    return value >= 0 && value <= max ? value : 0;
}

/* What has come since the last time; after a restart of the executor, all of it. */
static int64_t since(int64_t now, int64_t before, int64_t max)
{
    int64_t n = now >= before ? now - before : now;
    return n <= max ? n : 0;
}

static void add(enum scaler_metric m, const char *name, const char *result, int64_t n)
{
    if (n > 0)
        ob_series_add(ob_metric_with(&scaler_metrics[m], name, result), n);
}

void environment_metrics_heard(const scaler *s, instance *in, const json_t *heartbeat)
{
    const json_t *told = json_object_get(heartbeat, "figures");
    const env *e = scaler_env(s, in->ce_id);
    if (!e || !json_is_object(told)) /* of an earlier version */
        return;
    instance_figures was = in->figures, *now = &in->figures;
    *now = (instance_figures){ .known = true,
                               .unwell = json_is_string(json_object_get(heartbeat, "unwell")),
                               .starting = figure(told, "starting", RUNS_MAX),
                               .running = figure(told, "running", RUNS_MAX),
                               .starts = figure(told, "starts", SUM_MAX),
                               .start_ms = figure(told, "startMs", SUM_MAX),
                               .pulls = figure(told, "pulls", SUM_MAX),
                               .failed_pulls = figure(told, "failedPulls", SUM_MAX),
                               .pull_ms = figure(told, "pullMs", SUM_MAX) };
    if (!was.known)
        return;
    const int64_t ms_max = INT64_C(1000) * RUNS_MAX;
    add(SCALER_STARTS, e->name, NULL, since(now->starts, was.starts, RUNS_MAX));
    add(SCALER_START_SECONDS, e->name, NULL, since(now->start_ms, was.start_ms, ms_max));
    add(SCALER_PULLS, e->name, "done", since(now->pulls, was.pulls, RUNS_MAX));
    add(SCALER_PULLS, e->name, "failed", since(now->failed_pulls, was.failed_pulls, RUNS_MAX));
    add(SCALER_PULL_SECONDS, e->name, NULL, since(now->pull_ms, was.pull_ms, ms_max));
}

/* ---- what is known --------------------------------------------------------------------------- */

#define SET(which, value, ...) ob_metric_sum(&scaler_metrics[which], (value), __VA_ARGS__)

/* Several add up, so it is found before it is set. */
static int64_t oldest_launch_ms(const scaler *s, const env *e, int64_t now_ms)
{
    int64_t oldest_ms = 0;
    for (const instance *in = s->instances; in; in = in->hh.next)
        if (in->ce_id == e->id && in->state == OB_INSTANCE_LAUNCHING &&
            now_ms - in->since_ms > oldest_ms)
            oldest_ms = now_ms - in->since_ms;
    return oldest_ms;
}

static void post_instances(const scaler *s)
{
    for (const instance *in = s->instances; in; in = in->hh.next) {
        const env *e = scaler_env(s, in->ce_id);
        if (!e)
            continue;
        SET(SCALER_INSTANCES, 1, e->name, ob_instance_state_name(in->state), in->type);
        if (in->state != OB_INSTANCE_LOST)
            SET(SCALER_VCPUS, in->nominal.mcpu, e->name, "provisioned");
        SET(SCALER_VCPUS, in->used.mcpu, e->name, "used");
        SET(SCALER_RUNS, in->figures.starting, e->name, "starting");
        SET(SCALER_RUNS, in->figures.running, e->name, "running");
        if (in->state == OB_INSTANCE_ACTIVE)
            SET(SCALER_ENGINES, 1, e->name, in->figures.unwell ? "unwell" : "works");
    }
}

/* So that they are shown as 0, not missing, before anything was counted. */
static void begin_counters(const env *e)
{
    (void)ob_metric_with(&scaler_metrics[SCALER_STARTS], e->name);
    (void)ob_metric_with(&scaler_metrics[SCALER_START_SECONDS], e->name);
    (void)ob_metric_with(&scaler_metrics[SCALER_PULL_SECONDS], e->name);
    (void)ob_metric_with(&scaler_metrics[SCALER_PULLS], e->name, "done");
    (void)ob_metric_with(&scaler_metrics[SCALER_PULLS], e->name, "failed");
    if (!e->managed)
        return;
    /* Launches are rare: the rate of one that begins a series is not seen. */
    (void)ob_metric_with(&scaler_metrics[SCALER_LAUNCHES], e->name, "active");
    (void)ob_metric_with(&scaler_metrics[SCALER_LAUNCH_SECONDS], e->name);
}

static void post_environment(const scaler *s, const env *e)
{
    int64_t demand = 0, capacity = 0, price = 0;
    for (size_t i = 0; i < e->n_shapes; i++)
        demand += (int64_t)e->shapes[i].need.mcpu * e->shapes[i].count;
    for (size_t i = 0; i < e->n_shortages; i++) {
        price += e->shortages[i].dear;
        capacity += !e->shortages[i].dear;
    }
    see(e->name);
    SET(SCALER_VCPUS, 0, e->name, "provisioned"); /* its instances add to it */
    SET(SCALER_VCPUS, 0, e->name, "used");
    SET(SCALER_RUNS, 0, e->name, "starting");
    SET(SCALER_RUNS, 0, e->name, "running");
    SET(SCALER_ENGINES, 0, e->name, "works");
    SET(SCALER_ENGINES, 0, e->name, "unwell");
    if (e->managed) {
        SET(SCALER_VCPUS, (int64_t)e->min_vcpus * 1000, e->name, "min");
        SET(SCALER_VCPUS, (int64_t)e->max_vcpus * 1000, e->name, "max");
        SET(SCALER_VCPUS, (int64_t)e->written_desired * 1000, e->name, "desired");
    }
    SET(SCALER_DEMAND, demand, e->name);
    begin_counters(e);
    SET(SCALER_LACKING, capacity, e->name, "capacity");
    SET(SCALER_LACKING, price, e->name, "price");
    SET(SCALER_LACKING, e->invalid != NULL, e->name, "invalid");
    SET(SCALER_OLDEST_LAUNCH, oldest_launch_ms(s, e, ob_mono_ms()), e->name);
}

static void sweep(void)
{
    for (enum scaler_metric m = SCALER_INSTANCES; m <= SCALER_OLDEST_LAUNCH; m++)
        ob_metric_sweep(&scaler_metrics[m]);
    ob_metric_sweep(&scaler_metrics[SCALER_RUNS]);
    ob_metric_sweep(&scaler_metrics[SCALER_ENGINES]);
}

void environment_metrics_post(const scaler *s)
{
    known_name *k, *next;
    for (const env *e = s->envs; e; e = e->hh.next)
        post_environment(s, e);
    post_instances(s);
    sweep();
    HASH_ITER(hh, names, k, next)
    {
        if (!k->seen)
            forget_name(k);
        else
            k->seen = false;
    }
    ob_metric *m = &scaler_metrics[SCALER_REFUSED];
    ob_metric_put(m, (int64_t)s->ignored_messages, SCALER_NAME, "ignored");
    ob_metric_put(m, (int64_t)s->forged_messages, SCALER_NAME, "forged");
    ob_metric_put(m, (int64_t)s->repeated_messages, SCALER_NAME, "repeated");
}

/* The first sweep leaves what was set since the last one. */
void environment_metrics_forget(void)
{
    known_name *k, *next;
    sweep();
    sweep();
    HASH_ITER(hh, names, k, next)
    {
        forget_name(k);
    }
}
