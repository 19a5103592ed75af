/* Owns the series of queues. They go by the queue's name, so two queues of that name, in two
 * regions, are counted together.
 *
 * Invariant: a series that is kept here is dropped here only, after its last queue has gone. */
#include "queue_metrics.h"

#include <string.h>

#include <uthash.h>

#include "ob/clock.h"
#include "ob/text.h"
#include "recover.h"
#include "scheduler_metrics.h"

#define SHARES_EVERY_MS 10000

typedef enum result { SUCCEEDED, FAILED, TIMED_OUT, CANCELLED, TERMINATED, RESULT_COUNT } result;
static const char *const result_names[] = { [SUCCEEDED] = "succeeded",
                                            [FAILED] = "failed",
                                            [TIMED_OUT] = "timed_out",
                                            [CANCELLED] = "cancelled",
                                            [TERMINATED] = "terminated" };

typedef enum cause {
    CAUSE_HOST,
    CAUSE_START,
    CAUSE_MEMORY,
    CAUSE_EXIT,
    CAUSE_OTHER,
    CAUSE_COUNT
} cause;
static const char *const cause_names[] = { [CAUSE_HOST] = "host",
                                           [CAUSE_START] = "start",
                                           [CAUSE_MEMORY] = "memory",
                                           [CAUSE_EXIT] = "exit",
                                           [CAUSE_OTHER] = "other" };

/* The counters of the queues of one name; NULL: not counted yet. */
typedef struct counters {
    char *name; /* key */
    size_t n_queues;
    ob_series *transitions[OB_JOB_STATE_COUNT], *ends[RESULT_COUNT], *retries[CAUSE_COUNT];
    ob_series *wait, *start, *run;
    UT_hash_handle hh;
} counters;

typedef struct known_queue {
    int64_t id; /* key */
    counters *counters;
    bool seen;
    UT_hash_handle hh;
} known_queue;

static known_queue *queues;
static counters *all;
static int64_t shares_at_ms; /* monotonic */

/* ---- series ---------------------------------------------------------------------------------- */

static ob_series *
two(ob_series **kept, enum scheduler_metric m, const counters *c, const char *value)
{
    if (!*kept)
        *kept = ob_metric_with(&scheduler_metrics[m], c->name, value);
    return *kept;
}

static ob_series *one(ob_series **kept, enum scheduler_metric m, const counters *c)
{
    return two(kept, m, c, NULL);
}

/* ---- which queue ----------------------------------------------------------------------------- */

static counters *counters_of(const char *name)
{
    counters *c = NULL;
    HASH_FIND_STR(all, name, c);
    if (!c) {
        c = ob_calloc(1, sizeof(*c));
        c->name = ob_strdup(name);
        HASH_ADD_KEYPTR(hh, all, c->name, strlen(c->name), c);
        /* So that they are shown as 0, not missing, before anything was counted. */
        for (int r = 0; r < RESULT_COUNT; r++)
            (void)two(&c->ends[r], SCHED_ENDS, c, result_names[r]);
    }
    return c;
}

static void drop_counters(counters *c)
{
    static const enum scheduler_metric counted[] = { SCHED_TRANSITIONS, SCHED_ENDS, SCHED_WAIT,
                                                     SCHED_START,       SCHED_RUN,  SCHED_RETRIES };
    for (size_t i = 0; i < ARRAY_SIZE(counted); i++)
        ob_metric_drop(&scheduler_metrics[counted[i]], 0, c->name);
    HASH_DEL(all, c);
    free(c->name);
    free(c);
}

static void forget_queue(known_queue *q)
{
    HASH_DEL(queues, q);
    if (--q->counters->n_queues == 0)
        drop_counters(q->counters);
    free(q);
}

static known_queue *know(int64_t id, const char *name)
{
    known_queue *q = NULL;
    HASH_FIND(hh, queues, &id, sizeof(id), q);
    if (!q) {
        q = ob_calloc(1, sizeof(*q));
        q->id = id;
        q->counters = counters_of(name);
        q->counters->n_queues++;
        HASH_ADD(hh, queues, id, sizeof(q->id), q);
    }
    return q;
}

static void learn(const engine_queue_figures *f, void *arg)
{
    (void)arg;
    (void)know(f->id, f->name);
}

/* While a round is counted: events of one queue mostly follow one another. */
typedef struct counting {
    const engine *engine;
    int64_t id;
    counters *at; /* of 'id'; NULL: the engine does not know it */
    bool any, learned;
} counting;

static counters *find(counting *c, int64_t id)
{
    known_queue *q = NULL;
    if (c->any && c->id == id)
        return c->at;
    HASH_FIND(hh, queues, &id, sizeof(id), q);
    if (!q && !c->learned) {
        c->learned = true;
        engine_each_queue(c->engine, learn, NULL);
        HASH_FIND(hh, queues, &id, sizeof(id), q);
    }
    c->any = true;
    c->id = id;
    c->at = q ? q->counters : NULL;
    return c->at;
}

/* ---- counting -------------------------------------------------------------------------------- */

static result result_of(const effect_event *ev)
{
    if (ev->state == OB_JOB_SUCCEEDED)
        return SUCCEEDED;
    if (ev->flags & OB_FLAG_TERMINATED)
        return TERMINATED;
    if (ev->flags & OB_FLAG_CANCELLED)
        return CANCELLED;
    return ev->timed_out || (ev->flags & OB_FLAG_TIMED_OUT) ? TIMED_OUT : FAILED;
}

static cause cause_of(const effect_attempt *a)
{
    static const char memory[] = "OutOfMemoryError";
    if (a->host_lost)
        return CAUSE_HOST;
    if (a->started_at_ms == 0)
        return CAUSE_START;
    if (a->container_reason && strncmp(a->container_reason, memory, sizeof(memory) - 1) == 0)
        return CAUSE_MEMORY;
    return a->has_exit_code ? CAUSE_EXIT : CAUSE_OTHER;
}

static int64_t span_ms(int64_t from_ms, int64_t to_ms)
{
    return from_ms > 0 && to_ms > from_ms ? to_ms - from_ms : 0;
}

static void count_event(counters *c, const effect_event *ev)
{
    int64_t n = (int64_t)ev->idx_hi - ev->idx_lo + 1; /* children of a bulk */
    const char *state = ob_job_state_name(ev->state);
    ob_series_add(two(&c->transitions[ev->state], SCHED_TRANSITIONS, c, state), n);
    switch (ev->state) {
    case OB_JOB_SUBMITTED:
    case OB_JOB_PENDING:
    case OB_JOB_RUNNABLE:
        break;
    case OB_JOB_STARTING:
        ob_series_observe(one(&c->wait, SCHED_WAIT, c), span_ms(ev->before_ms, ev->at_ms));
        break;
    case OB_JOB_RUNNING:
        ob_series_observe(one(&c->start, SCHED_START, c), span_ms(ev->before_ms, ev->at_ms));
        break;
    case OB_JOB_SUCCEEDED:
    case OB_JOB_FAILED: {
        result r = result_of(ev);
        ob_series_add(two(&c->ends[r], SCHED_ENDS, c, result_names[r]), n);
        break;
    }
    }
}

static void count_attempt(counters *c, const effect_attempt *a)
{
    if (a->started_at_ms > 0)
        ob_series_observe(one(&c->run, SCHED_RUN, c), span_ms(a->started_at_ms, a->stopped_at_ms));
    if (!a->retried)
        return;
    cause why = cause_of(a);
    ob_series_add(two(&c->retries[why], SCHED_RETRIES, c, cause_names[why]), 1);
}

void queue_metrics_count(const scheduler *s)
{
    const engine_effects *effects = &s->effects;
    counting now = { .engine = s->engine };
    for (size_t i = 0; i < effects->n_events; i++) {
        const effect_event *ev = &effects->events[i];
        counters *c = ev->blocked || ev->is_parent ? NULL : find(&now, ev->queue_id);
        if (c)
            count_event(c, ev);
    }
    for (size_t i = 0; i < effects->n_attempts; i++) {
        counters *c = find(&now, effects->attempts[i].queue_id);
        if (c)
            count_attempt(c, &effects->attempts[i]);
    }
}

/* ---- figures --------------------------------------------------------------------------------- */

#define SET(which, value, ...) ob_metric_sum(&scheduler_metrics[which], (value), __VA_ARGS__)

/* What has ended is counted by SCHED_ENDS. */
static void
set_states(enum scheduler_metric m, const engine_queue_figures *f, const int64_t *counts)
{
    for (int i = 0; i < OB_JOB_STATE_COUNT; i++)
        if (!ob_job_is_final((ob_job_state)i))
            SET(m, counts[i], f->name, ob_job_state_name((ob_job_state)i));
}

static void set_resources(const engine_queue_figures *f)
{
    SET(SCHED_WAITING_VCPUS, f->waiting.mcpu, f->name);
    SET(SCHED_WAITING_MEMORY, f->waiting.mem_mib << 20, f->name);
    SET(SCHED_WAITING_GPUS, f->waiting.gpus, f->name);
    SET(SCHED_USED_VCPUS, f->used.mcpu, f->name);
    SET(SCHED_USED_MEMORY, f->used.mem_mib << 20, f->name);
    SET(SCHED_USED_GPUS, f->used.gpus, f->name);
}

/* A reason begins with its code. */
static void set_blocked(const engine_queue_figures *f)
{
    char code[64] = "";
    if (f->blocked)
        (void)ob_text_copy(code, sizeof(code), f->blocked, strcspn(f->blocked, " "));
    SET(SCHED_BLOCKED, f->blocked != NULL, f->name, code);
}

static void post_queue(const engine_queue_figures *f, void *arg)
{
    const int64_t *wall_ms = arg;
    int64_t children = 0;
    know(f->id, f->name)->seen = true;
    for (int i = 0; i < OB_JOB_STATE_COUNT; i++)
        children += f->children[i];
    set_states(SCHED_JOBS, f, f->jobs);
    if (children > 0) /* its arrays may have ended */
        set_states(SCHED_CHILDREN, f, f->children);
    set_resources(f);
    set_blocked(f);
    SET(SCHED_OLDEST, span_ms(f->oldest_at_ms, *wall_ms), f->name);
}

static void post_share(const engine_share_figures *f, void *arg)
{
    (void)arg;
    SET(SCHED_SHARE_VCPUS, f->mcpu, f->queue, f->share);
    SET(SCHED_SHARE_USAGE, (int64_t)(f->weighted_usage * 1000), f->queue, f->share);
}

static void sweep(enum scheduler_metric from, enum scheduler_metric to)
{
    for (enum scheduler_metric m = from; m <= to; m++)
        if (scheduler_metrics[m].kind == OB_GAUGE)
            ob_metric_sweep(&scheduler_metrics[m]);
}

static void sweep_queues(void)
{
    sweep(SCHED_JOBS, SCHED_USED_GPUS);
}

static void sweep_shares(void)
{
    sweep(SCHED_SHARE_VCPUS, SCHED_SHARE_USAGE);
}

void queue_metrics_post(scheduler *s, int64_t now_ms)
{
    known_queue *q, *next;
    int64_t wall_ms = ob_wall_ms();
    if (!s->engine)
        return;
    engine_each_queue(s->engine, post_queue, &wall_ms);
    sweep_queues();
    HASH_ITER(hh, queues, q, next)
    {
        if (!q->seen)
            forget_queue(q);
        else
            q->seen = false;
    }
    if (now_ms - shares_at_ms < SHARES_EVERY_MS)
        return;
    shares_at_ms = now_ms;
    engine_each_share(s->engine, recover_engine_ms(s), post_share, NULL);
    sweep_shares();
}

/* The first sweep leaves what was set since the last one. */
void queue_metrics_forget(void)
{
    known_queue *q, *next;
    for (int i = 0; i < 2; i++) {
        sweep_queues();
        sweep_shares();
    }
    shares_at_ms = INT64_MIN / 2;
    HASH_ITER(hh, queues, q, next)
    {
        forget_queue(q);
    }
}
