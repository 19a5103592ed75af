/* A runtime of the executor on a simulated engine. Keeps the contract of runtime.h as the real one
 * does: that a run is to be started is on the disk before the engine is asked; from then on it is
 * never asked again, whatever happens to the request, the engine or the process. Owns the table of
 * runs. Thread: the loop's. */
#include <stdio.h>
#include <string.h>
#include <uthash.h>

#include "ob/clock.h"
#include "ob/json.h"
#include "ob/message.h"
#include "ob/point.h"
#include "runtimes/runtimes.h"
#include "sim_engine.h"

#define ENGINE_FD 2
#define AGAIN_MS 500
#define TRY_MS 1000
#define CPU_MS_A_SECOND 250
#define PEAK_BYTES (INT64_C(40) << 20)

typedef enum run_step {
    RUN_INTENT, /* to be asked for, when the spool is on the disk */
    RUN_ASKED,
    RUN_KNOWN, /* to be looked up in the next listing */
    RUN_RUNS,
    RUN_OVER,
    RUN_REMOVES,
} run_step;

typedef struct sim_run {
    char run[OB_RUN_TEXT];
    run_step step;
    container_plan plan;
    bool follow, reads; /* its output is wanted; a reading of it has begun */
    int read;           /* lines of this reading */
    int stop_grace_s;   /* -1: not asked for */
    UT_hash_handle hh;
} sim_run;

typedef struct sim_runtime {
    runtime base;
    engine_host *engine;
    sim_run *runs;
    bool list_owed, listing;
    bool unwell; /* the engine can start nothing */
    loop_timer again, try_again;
} sim_runtime;

#define ON(s) (&(s)->base.config.on)

static engine_host *next_engine;

void sim_runtime_on(engine_host *engine)
{
    next_engine = engine;
}

static sim_run *find(sim_runtime *s, const char *run)
{
    sim_run *r;
    HASH_FIND_STR(s->runs, run, r);
    return r;
}

static sim_run *add(sim_runtime *s, const char *run, run_step step)
{
    sim_run *r = ob_calloc(1, sizeof(*r));
    (void)snprintf(r->run, sizeof(r->run), "%s", run);
    r->step = step;
    r->stop_grace_s = -1;
    HASH_ADD_STR(s->runs, run, r);
    return r;
}

static void ask(sim_runtime *s, engine_verb verb, const sim_run *r)
{
    engine_request request = { .verb = verb };
    if (r) {
        memcpy(request.run, r->run, sizeof(request.run));
        request.plan = r->plan;
        request.grace_s = r->stop_grace_s;
    }
    engine_ask(s->engine, &request);
}

/* ---- What the engine says ---- */

static int64_t wall_ms(int64_t us)
{
    return ob_wall_ms() - (world_now_us() - us) / 1000;
}

/* What it has written since, with the same text and the same offsets at each reading. */
static void tell_output(sim_runtime *s, sim_run *r, const container_view *v)
{
    char line[ENGINE_LINE_MAX];
    if (!r->follow)
        return;
    if (!r->reads)
        ON(s)->output_begin(r->run, ON(s)->arg);
    r->reads = true;
    for (; v && r->read < v->lines; r->read++) {
        engine_line(r->run, r->read, line);
        (void)ON(s)->line(r->run, ob_wall_ms() * 1000000, line, strlen(line), strlen(line) + 1,
                          ON(s)->arg);
    }
    if (!v || v->state == CONTAINER_ENDED)
        ON(s)->output_end(r->run, ON(s)->arg);
}

static void tell_end(sim_runtime *s, sim_run *r, const runtime_end *end, const container_view *v)
{
    r->step = RUN_OVER;
    ON(s)->exited(r->run, end, ON(s)->arg);
    if (end->started)
        tell_output(s, r, v);
}

static void tell_unstarted(sim_runtime *s, sim_run *r, const char *reason)
{
    tell_end(s, r, &(runtime_end){ .exit_code = -1, .reason = reason }, NULL);
}

static void tell_missing(sim_runtime *s, sim_run *r)
{
    tell_end(s, r,
             &(runtime_end){ .started = true,
                             .exit_code = -1,
                             .reason = "CannotInspectContainerError: No such container" },
             NULL);
}

static int64_t cpu_ms(const container_view *v)
{
    return 1 + (v->ended_us - v->started_us) / 1000000 * CPU_MS_A_SECOND;
}

static void take_view(sim_runtime *s, sim_run *r, const container_view *v)
{
    if (r->step >= RUN_OVER)
        return;
    if (r->step != RUN_RUNS)
        ON(s)->running(r->run, wall_ms(v->started_us), ON(s)->arg);
    r->step = RUN_RUNS;
    if (v->state == CONTAINER_RUNS) {
        if (r->stop_grace_s >= 0)
            ask(s, ENGINE_STOP, r);
        if (v->lines > 0)
            tell_output(s, r, v);
        return;
    }
    tell_end(s, r,
             &(runtime_end){ .started = true,
                             .exit_code = v->code_known ? v->exit_code : -1,
                             .oom = v->code_known && v->oom,
                             .created_at_ms = wall_ms(v->started_us),
                             .started_at_ms = wall_ms(v->started_us),
                             .stopped_at_ms = wall_ms(v->ended_us),
                             .cpu_ms = v->code_known ? cpu_ms(v) : 0,
                             .peak_bytes = v->code_known ? PEAK_BYTES : 0,
                             .reason = v->code_known ? NULL
                                                     : "CannotInspectContainerError: the engine "
                                                       "does not know how it ended" },
             v);
}

static void set_unwell(sim_runtime *s, bool unwell)
{
    static const char why[] =
        "the container engine cannot start containers: no space left on device";
    if (unwell)
        loop_timer_set(s->base.config.loop, &s->try_again, TRY_MS);
    if (unwell == s->unwell)
        return;
    s->unwell = unwell;
    oracle_unwell(engine_host_name(s->engine), unwell);
    ON(s)->unwell(unwell ? why : NULL, ON(s)->arg);
}

static void on_try(void *arg)
{
    ask(arg, ENGINE_TRY, NULL);
}

static const container_view *view_of(const engine_answer *a, const char *run)
{
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->views[i].run, run) == 0)
            return &a->views[i];
    return NULL;
}

static void take_listing(sim_runtime *s, const engine_answer *a)
{
    sim_run *r, *next;
    s->listing = false;
    ON(s)->engine(true, "", ON(s)->arg);
    for (size_t i = 0; i < a->n; i++)
        if (!find(s, a->views[i].run))
            ON(s)->found(a->views[i].run, ON(s)->arg);
    HASH_ITER(hh, s->runs, r, next)
    {
        const container_view *v = view_of(a, r->run);
        bool is_looked_for = r->step == RUN_KNOWN || r->step == RUN_RUNS;
        if (is_looked_for && v)
            take_view(s, r, v);
        else if (is_looked_for)
            tell_missing(s, r);
    }
    ON(s)->listed(ON(s)->arg);
}

static void take_lost(sim_runtime *s, const engine_answer *a)
{
    sim_run *r = find(s, a->to.run);
    s->listing = s->listing && a->to.verb != ENGINE_LIST;
    s->list_owed = true;
    loop_timer_set(s->base.config.loop, &s->again, AGAIN_MS);
    if (s->unwell)
        loop_timer_set(s->base.config.loop, &s->try_again, TRY_MS);
    if (a->to.verb == ENGINE_LIST)
        ON(s)->engine(false, "the connection broke", ON(s)->arg);
    if (r && r->step == RUN_ASKED)
        r->step = RUN_KNOWN;               /* was it started? The listing shows it */
    for (r = s->runs; r; r = r->hh.next) { /* what is read, is read again */
        r->reads = false;
        r->read = 0;
    }
}

static void take_answer(sim_runtime *s, const engine_answer *a)
{
    sim_run *r = find(s, a->to.run);
    if (a->said == ENGINE_LOST) {
        take_lost(s, a);
    } else if (a->to.verb == ENGINE_TRY) {
        set_unwell(s, a->said != ENGINE_DONE);
    } else if (a->said == ENGINE_WROTE) {
        if (r && r->step == RUN_RUNS)
            tell_output(s, r, &a->views[0]);
    } else if (a->said == ENGINE_ENDED) {
        if (r)
            take_view(s, r, &a->views[0]);
    } else if (a->to.verb == ENGINE_LIST) {
        take_listing(s, a);
    } else if (a->to.verb == ENGINE_RUN && r && r->step <= RUN_KNOWN) {
        set_unwell(s, a->said == ENGINE_CANNOT);
        if (a->said == ENGINE_DONE)
            take_view(s, r, &a->views[0]);
        else if (a->said == ENGINE_CANNOT)
            tell_unstarted(s, r, NULL);
        else
            tell_unstarted(s, r, "CannotStartContainerError: no such command");
    } else if (a->to.verb == ENGINE_REMOVE && r && r->step == RUN_REMOVES) {
        char run[OB_RUN_TEXT];
        memcpy(run, r->run, sizeof(run));
        HASH_DEL(s->runs, r);
        free(r);
        ON(s)->removed(run, ON(s)->arg);
    }
}

static void on_answers(int fd, uint32_t events, void *arg)
{
    (void)fd, (void)events;
    sim_runtime *s = arg;
    engine_answer a;
    while (engine_take(s->engine, &a)) {
        take_answer(s, &a);
        free(a.views);
    }
}

/* The engine is back, perhaps: what it was asked is asked again, if that is harmless. */
static void on_again(void *arg)
{
    sim_runtime *s = arg;
    sim_run *r, *next;
    if (!engine_is_up(s->engine)) {
        loop_timer_set(s->base.config.loop, &s->again, AGAIN_MS);
        return;
    }
    if (s->list_owed && !s->listing) {
        s->list_owed = false;
        s->listing = true;
        ask(s, ENGINE_LIST, NULL);
    }
    HASH_ITER(hh, s->runs, r, next)
    if (r->step == RUN_REMOVES)
        ask(s, ENGINE_REMOVE, r);
}

/* ---- The table of functions ---- */

extern const runtime_ops runtime_sim;

static int sim_make(const runtime_config *config, const void *own, runtime **ret, ob_error *err)
{
    (void)own;
    sim_runtime *s = ob_calloc(1, sizeof(*s));
    s->base = (runtime){ .ops = &runtime_sim, .config = *config };
    s->engine = next_engine;
    s->again = (loop_timer){ .fn = on_again, .arg = s };
    s->try_again = (loop_timer){ .fn = on_try, .arg = s };
    engine_connect(s->engine, ENGINE_FD);
    oracle_unwell(engine_host_name(s->engine), false);
    *ret = &s->base;
    return loop_watch(config->loop, WORLD_FD + ENGINE_FD, 0, on_answers, s, err);
}

static void sim_free(runtime *rt)
{
    sim_runtime *s = (sim_runtime *)rt;
    sim_run *r, *next;
    loop_timer_stop(s->base.config.loop, &s->again);
    loop_timer_stop(s->base.config.loop, &s->try_again);
    HASH_ITER(hh, s->runs, r, next)
    {
        HASH_DEL(s->runs, r);
        free(r);
    }
    free(s);
}

static void sim_open(runtime *rt)
{
    sim_runtime *s = (sim_runtime *)rt;
    s->list_owed = true;
    on_again(s);
}

static container_plan plan_of(const json_t *spec, int attempt)
{
    const json_t *command = json_object_get(json_object_get(spec, "container"), "command");
    const char *kind = json_string_value(json_array_get(command, 0));
    const char *ms = json_string_value(json_array_get(command, 1));
    const char *n = json_string_value(json_array_get(command, 2));
    container_plan plan = { .for_ms = ms ? strtoll(ms, NULL, 10) : 0 };
    plan.lines = (int)(plan.for_ms % 5);
    int64_t number = n ? strtoll(n, NULL, 10) : 0;
    if (!kind || strcmp(kind, "ok") == 0)
        return plan;
    plan.exit_code = strcmp(kind, "fail") == 0    ? (int)number
                     : strcmp(kind, "flaky") == 0 ? (attempt <= number ? 1 : 0)
                                                  : 0;
    plan.no_start = strcmp(kind, "nostart") == 0;
    plan.stubborn = strcmp(kind, "stubborn") == 0;
    if (strcmp(kind, "oom") == 0) {
        plan.oom = true;
        plan.exit_code = 137;
    }
    return plan;
}

static int sim_start(
    runtime *rt, const ob_run_ref *ref, int attempt, const json_t *spec, bool follow, ob_error *err)
{
    (void)err;
    sim_runtime *s = (sim_runtime *)rt;
    char run[OB_RUN_TEXT];
    ob_run_ref_format(ref, run);
    sim_run *r = find(s, run);
    if (r)
        return ob_fail(err, EEXIST, "run %s is here already", run);
    if (s->unwell)
        return ob_fail_retry(err, EBUSY, "the engine can start nothing");
    r = add(s, run, RUN_INTENT);
    r->plan = plan_of(spec, attempt);
    r->follow = follow;
    spool_set(rt->config.spool, run, "intent", json_true(), true);
    return 0;
}

static void sim_adopt(runtime *rt, const char *run, bool follow, int64_t since_ns)
{
    (void)since_ns;
    sim_runtime *s = (sim_runtime *)rt;
    sim_run *r = find(s, run);
    if (!r)
        r = add(s, run, RUN_KNOWN);
    r->follow = follow;
    r->reads = false;
    r->read = 0;
    /* A listing is under way, or comes. */
    s->list_owed = true;
    loop_timer_set(rt->config.loop, &s->again, 0);
}

static void sim_stop(runtime *rt, const char *run, int grace_s)
{
    sim_runtime *s = (sim_runtime *)rt;
    sim_run *r = find(s, run);
    if (!r || r->step >= RUN_OVER)
        return;
    r->stop_grace_s = grace_s;
    if (r->step == RUN_RUNS)
        ask(s, ENGINE_STOP, r);
}

static void sim_resume(runtime *rt, const char *run)
{
    (void)rt, (void)run;
}

static void sim_remove(runtime *rt, const char *run)
{
    sim_runtime *s = (sim_runtime *)rt;
    sim_run *r = find(s, run);
    if (!r)
        r = add(s, run, RUN_REMOVES);
    r->step = RUN_REMOVES;
    ask(s, ENGINE_REMOVE, r);
}

static void sim_purge(runtime *rt)
{
    (void)rt; /* the cloud ends a whole host */
}

static void sim_flush(runtime *rt)
{
    sim_runtime *s = (sim_runtime *)rt;
    sim_run *r, *next;
    bool any = false;
    HASH_ITER(hh, s->runs, r, next)
    any = any || r->step == RUN_INTENT;
    if (!any || spool_sync(rt->config.spool, NULL) < 0)
        return;
    HASH_ITER(hh, s->runs, r, next)
    {
        if (r->step != RUN_INTENT)
            continue;
        if (r->stop_grace_s >= 0 || s->unwell) {
            tell_unstarted(s, r, NULL);
            continue;
        }
        ob_point_pass(OB_POINT_EXECUTOR_START, OB_POINT_BEFORE);
        r->step = RUN_ASKED;
        ask(s, ENGINE_RUN, r);
        ob_point_pass(OB_POINT_EXECUTOR_START, OB_POINT_AFTER);
    }
}

const runtime_ops runtime_sim = {
    .name = "sim",
    .help = "sim",
    .make = sim_make,
    .free = sim_free,
    .open = sim_open,
    .start = sim_start,
    .adopt = sim_adopt,
    .stop = sim_stop,
    .resume = sim_resume,
    .remove = sim_remove,
    .purge = sim_purge,
    .flush = sim_flush,
};

/* In place of the list of the real ones. */
const runtime_ops *const runtimes[] = { &runtime_sim, NULL };

const runtime_ops *runtime_find(const char *name)
{
    return strcmp(name, runtime_sim.name) == 0 ? &runtime_sim : NULL;
}

char *runtimes_list(const char *separator, bool help)
{
    (void)separator, (void)help;
    return ob_strdup(runtime_sim.name);
}
