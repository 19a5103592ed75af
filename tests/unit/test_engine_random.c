/* Thousands of random histories: submissions, stops, capacity that comes, drains and is lost,
 * executors that lose and repeat messages, failed transactions and new leaders. After each round
 * the rules that must hold are checked; at the end all is healed, and every accepted job must end.
 * OPENBATCH_TEST_SEED=n repeats one history. */
#include "engine_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engine_executor.h"
#include "ob/error.h"

#define CES 3
#define QUEUES 4
#define INSTANCES 12
#define JOBS 64
#define INPUTS 64
#define ROUNDS 40
#if defined(__SANITIZE_ADDRESS__)
#define HISTORIES 400
#else
#define HISTORIES 2000
#endif

typedef struct place { /* an instance and its executor */
    model_executor x;
    ob_instance_state state;
    bool used, known; /* known: put and not dropped */
    int64_t ce;
    ob_resources size;
    int64_t held_until_ms; /* it refused a run: nothing is placed there before */
} place;

typedef struct pending { /* an inbox row, fed again when its round was not committed */
    enum { ROW_SUBMIT, ROW_STOP } kind;
    engine_submission submission;
    engine_dependency deps[3];
    ob_job_ref job;
    bool terminate;
} pending;

typedef struct history {
    world w;
    uint64_t random;
    engine_ce ces[CES];
    ob_resources shapes[CES][2];
    engine_queue queues[QUEUES];
    bool queue_known[QUEUES];
    place places[INSTANCES + 1]; /* the last one heals */
    size_t n_places;
    ob_uuid jobs[JOBS];
    int32_t sizes[JOBS];
    bool limited[JOBS]; /* has a timeout */
    size_t n_jobs;
    pending rows[INPUTS];
    size_t n_rows;
    unsigned loss;
    size_t n_refusals;
    bool jumps; /* its clock is set back now and then, and there is one leader: the next one does
                   not know what time was told last */
    bool healed;
} history;

static unsigned below(void *arg, unsigned n)
{
    history *h = arg;
    h->random ^= h->random << 13;
    h->random ^= h->random >> 7;
    h->random ^= h->random << 17;
    return (unsigned)((h->random >> 11) % n);
}

static bool chance(history *h, unsigned percent)
{
    return below(h, 100) < percent;
}

/* ---- Topology ---- */

static const char *const lackings[] = { NULL, NULL, "InsufficientInstanceCapacity: none" };

static void put_ce(history *h, int i)
{
    engine_put_ce(h->w.e, &h->ces[i]);
}

static void change_ce(history *h, int i)
{
    engine_ce *c = &h->ces[i];
    c->enabled = h->healed || chance(h, 80);
    c->valid = h->healed || chance(h, 85);
    c->max_vcpus = (int32_t)(h->healed ? 1000 : below(h, 20));
    c->n_shapes = below(h, 3);
    c->lacking = lackings[below(h, 3)];
    put_ce(h, i);
}

static void put_queue(history *h, int i)
{
    engine_put_queue(h->w.e, &h->queues[i]);
    h->queue_known[i] = true;
}

static void change_queue(history *h, int i)
{
    engine_queue *q = &h->queues[i];
    q->priority = (int32_t)below(h, 3);
    q->n_ces = h->healed ? CES : below(h, CES + 1);
    int64_t first = (int64_t)below(h, CES);
    for (int64_t c = 0; c < CES; c++)
        q->ces[c] = 1 + (first + c) % CES;
    put_queue(h, i);
}

static void put_place(history *h, const place *p)
{
    if (p->known)
        engine_put_instance(h->w.e, &(engine_instance){ .id = p->x.id,
                                                        .ce_id = p->ce,
                                                        .size = p->size,
                                                        .vcpus = p->size.mcpu / 1000,
                                                        .state = p->state });
}

static place *add_place(history *h, int64_t ce, ob_resources size)
{
    if (h->n_places >= INSTANCES + (size_t)h->healed)
        return NULL;
    place *p = &h->places[h->n_places++];
    *p = (place){ .used = true, .known = true, .ce = ce, .size = size };
    (void)snprintf(p->x.id, sizeof(p->x.id), "i-%zu", h->n_places);
    put_place(h, p);
    return p;
}

static void change_place(history *h, place *p)
{
    if (!p->known)
        return;
    unsigned dice = below(h, 10);
    if (p->state == OB_INSTANCE_LAUNCHING)
        p->state = dice < 8 ? OB_INSTANCE_ACTIVE : OB_INSTANCE_LOST;
    else if (p->state == OB_INSTANCE_ACTIVE)
        p->state = dice < 2 ? OB_INSTANCE_LOST : dice < 4 ? OB_INSTANCE_DRAINING : p->state;
    else if (p->state == OB_INSTANCE_DRAINING)
        p->state = dice < 3 ? OB_INSTANCE_LOST : p->state;
    else if (dice < 5)
        p->known = false;
    if (p->known && dice == 9 && p->state != OB_INSTANCE_LAUNCHING)
        p->known = false; /* terminated, with runs on it or not */
    if (p->known)
        put_place(h, p);
    else
        engine_drop_instance(h->w.e, p->x.id);
}

/* ---- Inputs ---- */

/* As the inbox is read: of what a submission names and the database says has ended, it tells. */
static void feed_submission(history *h, const pending *row)
{
    engine_submission s = row->submission;
    engine_dependency deps[3];
    for (size_t i = 0; i < s.n_deps; i++) {
        deps[i] = row->deps[i];
        engine_db_ended(h->w.db, &deps[i]);
    }
    s.deps = deps;
    engine_submit(h->w.e, &s);
    for (size_t i = 0; i < s.n_deps; i++)
        free((void *)deps[i].failed);
}

static void feed(history *h, const pending *row)
{
    if (row->kind == ROW_SUBMIT)
        feed_submission(h, row);
    else
        engine_stop(h->w.e, &row->job, row->terminate, row->terminate ? "terminated" : "cancelled");
}

static void add_row(history *h, pending row)
{
    if (h->n_rows == INPUTS)
        return;
    h->rows[h->n_rows++] = row;
    feed(h, &row);
}

static ob_resources random_need(history *h)
{
    return (ob_resources){ .mcpu = (int32_t)(1 + below(h, 4)) * (chance(h, 20) ? 250 : 1000),
                           .mem_mib = (int32_t)(1 + below(h, 3)) * 500,
                           .gpus = chance(h, 10) };
}

static engine_terms random_terms(history *h)
{
    static const char *const rules[] = {
        NULL,
        "[{\"action\": \"RETRY\", \"onStatusReason\": \"Host EC2*\"},"
        " {\"action\": \"EXIT\", \"onReason\": \"*\"}]",
        "[{\"action\": \"exit\", \"onExitCode\": \"1\"}]",
    };
    return (engine_terms){ .attempts = chance(h, 50) ? 1 : (int32_t)(1 + below(h, 5)),
                           .timeout_s = chance(h, 15) ? (int32_t)below(h, 30) : 0,
                           .on_exit = rules[below(h, 3)] };
}

/* On jobs accepted before, ended or not, and within an array. */
static size_t random_dependencies(history *h, engine_submission *s, engine_dependency *deps)
{
    size_t n = 0;
    for (size_t i = below(h, 3); i > 0 && h->n_jobs > 0; i--) {
        size_t back = below(h, (unsigned)(h->n_jobs < 8 ? h->n_jobs : 8));
        size_t j = h->n_jobs - 1 - back;
        engine_dependency *d = &deps[n++];
        *d = (engine_dependency){ .id = h->jobs[j], .index = -1 };
        if (h->sizes[j] > 0 && chance(h, 60)) {
            d->type = DEP_N_TO_N;
            s->array_size = h->sizes[j];
            for (size_t k = 0; k + 1 < n; k++) /* all of one size */
                if (deps[k].type == DEP_N_TO_N && h->sizes[h->n_jobs - 1 - back] > 0)
                    deps[k].type = DEP_PLAIN;
        } else if (h->sizes[j] > 0 && chance(h, 50)) {
            d->index = (int32_t)below(h, (unsigned)h->sizes[j]);
        }
    }
    if (s->array_size > 0 && s->array_size <= 10 && chance(h, 30)) /* a chain takes its time */
        deps[n++] = (engine_dependency){ .id = s->id, .index = -1, .type = DEP_SEQUENTIAL };
    return n;
}

static void submit(history *h)
{
    if (h->n_jobs == JOBS || h->n_rows == INPUTS)
        return;
    int32_t size = chance(h, 70) ? 0 : (int32_t)(2 + below(h, chance(h, 20) ? 150 : 8));
    pending row = { .kind = ROW_SUBMIT,
                    .submission = { .id = world_id(h->w.next_id++),
                                    .queue_id = 1 + below(h, QUEUES),
                                    .array_size = size,
                                    .need = random_need(h),
                                    .terms = random_terms(h),
                                    .created_at_ms = h->w.now_ms - below(h, 3000) } };
    if (chance(h, 60))
        row.submission.n_deps = random_dependencies(h, &row.submission, row.deps);
    row.submission.deps = row.deps;
    h->jobs[h->n_jobs] = row.submission.id;
    h->limited[h->n_jobs] = row.submission.terms.timeout_s > 0;
    h->sizes[h->n_jobs++] = row.submission.array_size;
    engine_db_accept(h->w.db, &row.submission);
    add_row(h, row);
    if (chance(h, 5))
        feed(h, &row); /* twice */
}

static void stop(history *h)
{
    if (h->n_jobs == 0)
        return;
    size_t j = below(h, (unsigned)h->n_jobs);
    int32_t index = -1;
    if (h->sizes[j] > 0 && chance(h, 70))
        index = (int32_t)below(h, (unsigned)h->sizes[j]);
    add_row(h, (pending){ .kind = ROW_STOP,
                          .job = { .id = h->jobs[j], .index = index },
                          .terminate = chance(h, 50) });
}

static void deliver(history *h)
{
    for (size_t i = 0; i < h->n_places; i++) {
        model_message m;
        while ((h->healed || !chance(h, 20)) && model_executor_take(&h->places[i].x, &m)) {
            for (unsigned times = chance(h, h->loss) ? 2 : 1; times > 0 && !chance(h, h->loss);
                 times--) {
                if (m.registered)
                    engine_registered(h->w.e, h->places[i].x.id, m.runs, m.n);
                else
                    engine_report(h->w.e, h->places[i].x.id, &m.runs[0]);
            }
            free(m.runs);
        }
    }
}

/* ---- Rounds ---- */

static void load(history *h, engine *e)
{
    engine *kept = h->w.e;
    h->w.e = e;
    for (int i = 0; i < CES; i++)
        put_ce(h, i);
    for (int i = 0; i < QUEUES; i++)
        if (h->queue_known[i])
            put_queue(h, i);
    for (size_t i = 0; i < h->n_places; i++)
        put_place(h, &h->places[i]);
    engine_db_load(h->w.db, e);
    h->w.e = kept;
}

static void new_leader(history *h)
{
    engine_free(h->w.e);
    h->w.e = engine_new();
    engine_clock(h->w.e, h->w.steady_ms);
    load(h, h->w.e);
    for (size_t i = 0; i < h->n_rows; i++)
        feed(h, &h->rows[i]);
    for (size_t i = 0; i < h->n_places; i++) {
        h->places[i].held_until_ms = 0;           /* it knows of none */
        model_executor_register(&h->places[i].x); /* it asks each */
    }
}

static place *find_place(history *h, const char *id)
{
    for (size_t i = 0; i < h->n_places; i++)
        if (strcmp(h->places[i].x.id, id) == 0)
            return &h->places[i];
    return NULL;
}

static bool is_lost(const place *p)
{
    return !p->known || p->state == OB_INSTANCE_LOST;
}

/* What was placed on an instance that is lost has ended as an attempt, unless its executor told the
 * end just before. */
static void check_lost(history *h, const effect_placement *gone)
{
    const engine_effects *fx = &h->w.fx;
    if (!is_lost(find_place(h, gone->instance_id)))
        return;
    for (size_t i = 0; i < fx->n_attempts; i++)
        if (ob_uuid_cmp(&fx->attempts[i].id, &gone->run.id) == 0 &&
            fx->attempts[i].index == gone->run.index && fx->attempts[i].run == gone->run.run)
            return;
    for (size_t i = 0; i < fx->n_orders; i++)
        if (fx->orders[i].kind == ORDER_CONFIRM &&
            strcmp(fx->orders[i].instance_id, gone->instance_id) == 0 &&
            memcmp(&fx->orders[i].run, &gone->run, sizeof(gone->run)) == 0)
            return;
    fail_msg("a run on lost %s was given up without an attempt", gone->instance_id);
}

/* Was given up and goes on as RUNNABLE without having used up an attempt: refused. */
static bool is_refused(const engine_effects *fx, const ob_run_ref *run)
{
    for (size_t i = 0; i < fx->n_attempts; i++)
        if (fx->attempts[i].run == run->run && fx->attempts[i].index == run->index &&
            ob_uuid_cmp(&fx->attempts[i].id, &run->id) == 0)
            return false;
    for (size_t i = 0; i < fx->n_events; i++)
        if (fx->events[i].state == OB_JOB_RUNNABLE && fx->events[i].idx_lo == run->index &&
            ob_uuid_cmp(&fx->events[i].id, &run->id) == 0)
            return true;
    return false;
}

static void note_refusals(history *h)
{
    const engine_effects *fx = &h->w.fx;
    for (size_t i = 0; i < h->n_places; i++)
        if (h->places[i].held_until_ms <= h->w.now_ms ||
            h->places[i].held_until_ms > h->w.now_ms + ENGINE_HOLD_MIN_MS)
            h->places[i].held_until_ms = 0; /* over, or the clock was set back */
    for (size_t i = 0; i < fx->n_placement_delete; i++)
        if (is_refused(fx, &fx->placement_delete[i].run)) {
            find_place(h, fx->placement_delete[i].instance_id)->held_until_ms =
                h->w.now_ms + ENGINE_HOLD_MIN_MS;
            h->n_refusals++;
        }
}

static void check_placements(history *h)
{
    const engine_effects *fx = &h->w.fx;
    for (size_t i = 0; i < fx->n_placement_delete; i++)
        check_lost(h, &fx->placement_delete[i]);
    note_refusals(h);
    for (size_t i = 0; i < fx->n_placement_insert; i++) {
        const place *p = find_place(h, fx->placement_insert[i].instance_id);
        assert_non_null(p);
        assert_true(p->known && p->state == OB_INSTANCE_ACTIVE);
        if (p->held_until_ms > h->w.now_ms)
            fail_msg("%s has just refused a run and gets another", p->x.id);
        const engine_ce *c = &h->ces[p->ce - 1];
        assert_true(c->enabled && c->valid);
    }
    for (size_t i = 0; i < h->n_places; i++) {
        const place *p = &h->places[i];
        ob_resources used = engine_db_used(h->w.db, p->x.id);
        assert_true(ob_resources_fit(&used, &p->size));
        if (is_lost(p))
            assert_int_equal(used.mcpu, 0);
    }
}

static void send_orders(history *h)
{
    for (size_t i = 0; i < h->w.fx.n_orders; i++) {
        place *p = find_place(h, h->w.fx.orders[i].instance_id);
        if (p && !chance(h, h->loss))
            model_executor_order(&p->x, &h->w.fx.orders[i]);
    }
}

static void one_round(history *h)
{
    if (!h->jumps && chance(h, h->healed ? 0 : 5)) { /* decided, not committed */
        engine_effects_clear(&h->w.fx);
        engine_round(h->w.e, h->w.now_ms + 500, &h->w.fx);
        new_leader(h);
    }
    if (h->jumps && chance(h, 10))
        h->w.now_ms -= 4000; /* the clock was set back */
    world_round(&h->w);
    h->n_rows = 0;
    check_placements(h);
    send_orders(h);
}

/* A container begins: no other of the same job may be running, unless the instance of one is
 * recorded as lost or gone. */
static void began(void *arg, model_executor *x, model_run *r)
{
    history *h = arg;
    for (size_t j = 0; j < h->n_jobs; j++)
        if (h->limited[j] && ob_uuid_cmp(&h->jobs[j], &r->ref.id) == 0)
            r->hangs = chance(h, 50);
    for (size_t i = 0; i < h->n_places; i++) {
        const place *p = &h->places[i];
        if (is_lost(p) || is_lost(find_place(h, x->id)))
            continue;
        for (size_t k = 0; k < p->x.n_runs; k++) {
            const model_run *other = &p->x.runs[k];
            if (other != r && ob_uuid_cmp(&other->ref.id, &r->ref.id) == 0 &&
                other->ref.index == r->ref.index && other->state == RUN_RUNNING)
                fail_msg("two containers of one job: on %s and %s", p->x.id, x->id);
        }
    }
}

static void executors(history *h)
{
    for (size_t i = 0; i < h->n_places; i++) {
        model_executor *x = &h->places[i].x;
        model_executor_step(x, below, h, h->healed, h->loss, began);
        if (chance(h, 30))
            model_executor_again(x);
        if (chance(h, 15))
            model_executor_register(x);
    }
}

static void happen(history *h)
{
    for (unsigned i = below(h, 4); i > 0; i--)
        submit(h);
    if (chance(h, 25))
        stop(h);
    if (chance(h, 15))
        change_ce(h, (int)below(h, CES));
    if (chance(h, 20))
        change_queue(h, (int)below(h, QUEUES));
    if (chance(h, 2)) {
        int q = (int)below(h, QUEUES);
        h->queues[q].deleting = true;
        put_queue(h, q);
    }
    if (chance(h, 30))
        (void)add_place(h, 1 + below(h, CES),
                        (ob_resources){ .mcpu = (int32_t)(1 + below(h, 8)) * 1000,
                                        .mem_mib = (int32_t)(1 + below(h, 8)) * 1000,
                                        .gpus = (int32_t)below(h, 2) });
    if (h->n_places > 0 && chance(h, 50))
        change_place(h, &h->places[below(h, (unsigned)h->n_places)]);
    if (!h->jumps && chance(h, 4))
        new_leader(h);
}

/* ---- Loaded equals live ---- */

static char *text_of(const engine_effects *fx)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    for (int update = 0; update < 2; update++) {
        const effect_live *rows = update ? fx->live_update : fx->live_insert;
        for (size_t i = 0; i < (update ? fx->n_live_update : fx->n_live_insert); i++)
            fprintf(f,
                    "live%d %d:%d %d run %d attempt %d on %s at %ld %ld flags %d %s bulk %d %s %d"
                    " waits %d\n",
                    update, rows[i].id.b[15], rows[i].index, rows[i].state, rows[i].run,
                    rows[i].attempt, rows[i].instance_id ? rows[i].instance_id : "-",
                    (long)rows[i].started_at_ms, (long)rows[i].runnable_at_ms, rows[i].flags,
                    rows[i].stop_reason ? rows[i].stop_reason : "-", rows[i].bulk_state,
                    rows[i].bulk_reason ? rows[i].bulk_reason : "-",
                    rows[i].counts[OB_JOB_RUNNABLE], rows[i].waits);
    }
    for (size_t i = 0; i < fx->n_live_delete; i++)
        fprintf(f, "delete %d:%d\n", fx->live_delete[i].id.b[15], fx->live_delete[i].index);
    for (size_t i = 0; i < fx->n_done; i++)
        fprintf(f, "done %d:%d %d %s\n", fx->done[i].id.b[15], fx->done[i].index, fx->done[i].state,
                fx->done[i].reason ? fx->done[i].reason : "-");
    for (size_t i = 0; i < fx->n_attempts; i++)
        fprintf(f, "attempt %d:%d %d %s\n", fx->attempts[i].id.b[15], fx->attempts[i].index,
                fx->attempts[i].attempt, fx->attempts[i].reason);
    for (size_t i = 0; i < fx->n_events; i++)
        fprintf(f, "event %d:%d-%d %d attempt %d run %d %s\n", fx->events[i].id.b[15],
                fx->events[i].idx_lo, fx->events[i].idx_hi, fx->events[i].state,
                fx->events[i].attempt, fx->events[i].run,
                fx->events[i].instance_id ? fx->events[i].instance_id : "-");
    for (size_t i = 0; i < fx->n_orders; i++)
        fprintf(f, "order %d %s %d:%d/%d\n", fx->orders[i].kind, fx->orders[i].instance_id,
                fx->orders[i].run.id.b[15], fx->orders[i].run.index, fx->orders[i].run.run);
    for (size_t i = 0; i < fx->n_reasons; i++)
        fprintf(f, "reason %ld %d %s\n", (long)fx->reasons[i].queue_id, fx->reasons[i].need.mcpu,
                fx->reasons[i].reason ? fx->reasons[i].reason : "-");
    (void)fclose(f);
    return text;
}

static void end_a_run(const engine_wanted *run, void *arg)
{
    engine **both = arg;
    if (run->state != RUN_RUNNING)
        return;
    engine_run_report r = { .run = run->run,
                            .state = RUN_EXITED,
                            .started = true,
                            .has_exit_code = true,
                            .exit_code = run->run.id.b[15] % 2 };
    engine_report(both[2], (const char *)(void *)both[3], &r);
}

static int by_line(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Orders, reasons and ends of one round come in no promised order among different jobs. */
static void sort_lines(char *text)
{
    size_t n = 0, size = strlen(text);
    char **lines = ob_calloc(size + 1, sizeof(*lines)), *copy = ob_strdup(text);
    for (char *at = strtok(copy, "\n"); at; at = strtok(NULL, "\n"))
        lines[n++] = at;
    qsort(lines, n, sizeof(*lines), by_line);
    char *to = text;
    for (size_t i = 0; i < n; i++)
        to += sprintf(to, "%s\n", lines[i]);
    free(copy);
    free(lines);
}

static void assert_same(char *live, char *loaded)
{
    sort_lines(live);
    sort_lines(loaded);
    size_t same = 0;
    for (size_t i = 0; live[i] && live[i] == loaded[i]; i++)
        same = live[i] == '\n' ? i + 1 : same;
    if (strcmp(live, loaded) != 0)
        fail_msg("live and loaded decide differently:\n%.*s\n%.*s", (int)strcspn(live + same, "\n"),
                 live + same, (int)strcspn(loaded + same, "\n"), loaded + same);
}

/* Two engines, one that has lived through it all and one that was loaded, get the same new inputs
 * and must decide the same. The decision is then thrown away: a new leader takes over. */
static void compare_with_loaded(history *h)
{
    one_round(h);                                /* nothing is left to read */
    while (engine_next_due(h->w.e) != INT64_MAX) /* nor to wait for, which a new leader forgets */
        one_round(h);
    engine *loaded = engine_new(), *live = h->w.e;
    engine_clock(loaded, h->w.steady_ms);
    load(h, loaded);
    engine_effects a = { 0 }, b = { 0 };
    engine_round(loaded, h->w.now_ms, &b);
    char *nothing = text_of(&b);
    assert_string_equal(nothing, "");
    free(nothing);
    engine_effects_clear(&b);
    for (int which = 0; which < 2; which++) {
        engine *e = which ? loaded : live;
        for (size_t i = 0; i < h->n_places; i++) {
            engine *arg[4] = { live, loaded, e, (engine *)(void *)h->places[i].x.id };
            engine_instance_runs(live, h->places[i].x.id, end_a_run, arg);
        }
        engine_put_instance(e, &(engine_instance){ .id = "i-new",
                                                   .ce_id = 1,
                                                   .size = NEED(5, 4000),
                                                   .vcpus = 5,
                                                   .state = OB_INSTANCE_ACTIVE });
        for (uint64_t n = 0; n < 3; n++)
            engine_submit(e, &(engine_submission){ .id = world_id(200 + n),
                                                   .queue_id = 1,
                                                   .array_size = n == 1 ? 5 : 0,
                                                   .need = NEED(1, 500),
                                                   .created_at_ms = h->w.now_ms });
        for (size_t j = 0; j < h->n_jobs; j += 5)
            engine_stop(e, &(ob_job_ref){ .id = h->jobs[j], .index = h->sizes[j] ? 1 : -1 }, j % 2,
                        "why not");
    }
    engine_round(live, h->w.now_ms + 1000, &a);
    engine_round(loaded, h->w.now_ms + 1000, &b);
    char *x = text_of(&a), *y = text_of(&b);
    assert_same(x, y);
    free(x);
    free(y);
    engine_effects_done(&a);
    engine_effects_done(&b);
    engine_free(loaded);
    new_leader(h);
}

/* ---- One history ---- */

static void heal(history *h)
{
    h->healed = true;
    h->loss = 0;
    for (int i = 0; i < CES; i++)
        change_ce(h, i);
    for (int i = 0; i < QUEUES; i++)
        change_queue(h, i);
    place *p = add_place(h, 1, (ob_resources){ .mcpu = 300000, .mem_mib = 300000, .gpus = 50 });
    p->state = OB_INSTANCE_ACTIVE;
    put_place(h, p);
    for (int i = 0; i < 800 && engine_db_unended(h->w.db) > 0; i++) {
        deliver(h);
        one_round(h);
        executors(h);
        if (i % 5 == 0)
            for (size_t k = 0; k < h->n_places; k++)
                model_executor_register(&h->places[k].x);
    }
    if (engine_db_unended(h->w.db) > 0)
        fail_msg("%zu jobs never ended", engine_db_unended(h->w.db));
    engine_stats s;
    engine_stats_get(h->w.e, &s);
    assert_int_equal(s.jobs, 0);
    assert_int_equal(s.waiting, 0);
    assert_int_equal(s.placed, 0);
    assert_int_equal(s.classes, 0);
    for (int i = 0; i < QUEUES; i++)
        assert_true(engine_queue_empty(h->w.e, i + 1));
}

static history *current;

static size_t run_history(uint64_t seed)
{
    history *h = current;
    h->random = seed * 0x9e3779b97f4a7c15u + 1;
    for (int i = 0; i < 8; i++)
        (void)below(h, 2);
    h->loss = (unsigned[]){ 0, 5, 20, 50 }[below(h, 4)];
    h->jumps = chance(h, 20);
    for (int i = 0; i < CES; i++) {
        h->shapes[i][0] = (ob_resources){ .mcpu = 8000, .mem_mib = 8000, .gpus = 1 };
        h->shapes[i][1] = NEED(2, 2000);
        static const char *const names[] = { "one", "two", "three" };
        h->ces[i] = (engine_ce){
            .id = i + 1, .name = names[i], .cluster = "cluster", .shapes = h->shapes[i]
        };
        change_ce(h, i);
    }
    for (int i = 0; i < QUEUES; i++) {
        h->queues[i] = (engine_queue){ .id = i + 1, .name = "q", .enabled = true };
        if (i > 0) /* the first one comes when it is changed */
            change_queue(h, i);
    }
    bool compared = false;
    for (int i = 0; i < ROUNDS; i++) {
        happen(h);
        deliver(h);
        one_round(h);
        executors(h);
        if (!h->jumps && !compared && i > 10 && chance(h, 5)) {
            compared = true;
            compare_with_loaded(h);
        }
    }
    heal(h);
    return engine_db_events(h->w.db);
}

static int set_up(void **state)
{
    (void)state;
    current = ob_calloc(1, sizeof(*current));
    world_init(&current->w);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < INSTANCES + 1; i++)
        model_executor_done(&current->places[i].x);
    world_done(&current->w);
    free(current);
    current = NULL;
    return 0;
}

static void every_history_keeps_the_rules_and_ends(void **state)
{
    const char *one = getenv("OPENBATCH_TEST_SEED"), *many = getenv("OPENBATCH_TEST_HISTORIES");
    uint64_t histories = one ? 1 : many ? strtoull(many, NULL, 10) : HISTORIES;
    /* Half of them are the same each time, half are new. */
    uint64_t fresh = (uint64_t)time(NULL) * 1000003u;
    size_t events = 0, refusals = 0, n = 0;
    for (uint64_t i = 0; i < histories; i++, n++) {
        uint64_t seed = one ? strtoull(one, NULL, 10) : i % 2 ? i : fresh + i;
        /* Told by the tear-down when it fails: cmocka leaves by longjmp. */
        *(uint64_t *)*state = seed;
        (void)set_up(NULL);
        events += run_history(seed);
        refusals += current->n_refusals;
        (void)tear_down(NULL);
    }
    *(uint64_t *)*state = 0;
    printf("%zu histories, %zu events, %zu refusals\n", n, events, refusals);
    assert_true(one || histories < 100 || refusals > 0);
}

static int seed_new(void **state)
{
    *state = ob_calloc(1, sizeof(uint64_t));
    return 0;
}

static int seed_tell(void **state)
{
    uint64_t seed = *(uint64_t *)*state;
    if (seed)
        printf("to see it again: OPENBATCH_TEST_SEED=%llu\n", (unsigned long long)seed);
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_history_keeps_the_rules_and_ends, seed_new,
                                        seed_tell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
