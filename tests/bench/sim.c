/* Simulated days around the engine alone: (a) three shares of a queue, always with work, end within
 * 5 % of their weights; (b) instances come and go at random under more load than they can take:
 * none is ever oversubscribed, and no large job is passed over for longer than the bound. Exits
 * with 1 when a rule is broken. `sim small` is part of the unit tests. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine.h"
#include "ob/error.h"

#define START_MS 1000000000
#define DAY_S 86400

typedef struct sim_job {
    ob_resources need;
    int32_t seconds;
    int32_t on;    /* instance, -1: none */
    int32_t run;   /* of the current placement */
    uint32_t next; /* of those that end in the same second */
    uint8_t share;
    bool served;
} sim_job;

typedef struct sim_instance {
    ob_resources size, used;
    ob_instance_state state;
    bool there;
} sim_instance;

typedef struct sim {
    engine *e;
    engine_effects fx;
    int64_t now_ms;
    uint64_t random;
    sim_job *jobs; /* from 1 */
    uint32_t n_jobs, cap_jobs, waiting;
    uint32_t *ends; /* by second: the first job */
    sim_instance *instances;
    int n_instances;
    int64_t rounds, worst_ns, sum_ns;
    double used_s[3]; /* vCPU seconds by share */
} sim;

__attribute__((noreturn, format(printf, 1, 2))) static void broken(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    (void)fputc('\n', stderr);
    exit(1);
}

static uint32_t below(sim *s, uint32_t n)
{
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return (uint32_t)((s->random >> 20) % n);
}

static ob_uuid id_of(uint32_t n)
{
    ob_uuid id = { 0 };
    for (int i = 0; i < 4; i++)
        id.b[15 - i] = (uint8_t)(n >> (8 * i));
    return id;
}

static uint32_t job_of(const ob_uuid *id)
{
    return (uint32_t)id->b[12] << 24 | (uint32_t)id->b[13] << 16 | (uint32_t)id->b[14] << 8 |
           id->b[15];
}

static uint32_t submit(
    sim *s, int64_t queue, const char *share, uint8_t share_n, ob_resources need, int32_t seconds)
{
    if (s->n_jobs + 1 >= s->cap_jobs) {
        s->cap_jobs = s->cap_jobs ? s->cap_jobs * 2 : 4096;
        s->jobs = ob_realloc(s->jobs, s->cap_jobs * sizeof(*s->jobs));
    }
    uint32_t n = ++s->n_jobs;
    s->jobs[n] = (sim_job){ .need = need, .seconds = seconds, .on = -1, .share = share_n };
    engine_submit(s->e, &(engine_submission){ .id = id_of(n),
                                              .queue_id = queue,
                                              .need = need,
                                              .share = share,
                                              .created_at_ms = s->now_ms });
    s->waiting++;
    return n;
}

static void put_instance(sim *s, int n, ob_instance_state state)
{
    char id[16];
    (void)snprintf(id, sizeof(id), "i-%d", n);
    s->instances[n].state = state;
    s->instances[n].there = state <= OB_INSTANCE_DRAINING;
    engine_put_instance(s->e, &(engine_instance){ .id = id,
                                                  .ce_id = 1,
                                                  .size = s->instances[n].size,
                                                  .vcpus = s->instances[n].size.mcpu / 1000,
                                                  .state = state });
}

static size_t second_of(int64_t ms)
{
    return (size_t)((ms - START_MS) / 1000);
}

static void placed(sim *s, const effect_placement *p)
{
    sim_job *j = &s->jobs[job_of(&p->run.id)];
    int n = atoi(p->instance_id + 2);
    sim_instance *i = &s->instances[n];
    if (j->on >= 0)
        broken("a job is placed twice");
    if (i->state != OB_INSTANCE_ACTIVE)
        broken("a job is placed on an instance that is not ACTIVE");
    ob_resources_add(&i->used, &j->need);
    if (!ob_resources_fit(&i->used, &i->size))
        broken("instance %d is oversubscribed", n);
    j->on = n;
    j->run = p->run.run;
    j->served = true;
    s->waiting--;
    size_t end = second_of(s->now_ms) + (size_t)j->seconds;
    j->next = s->ends[end];
    s->ends[end] = job_of(&p->run.id);
}

static void gone(sim *s, const effect_placement *p)
{
    sim_job *j = &s->jobs[job_of(&p->run.id)];
    ob_resources_sub(&s->instances[j->on].used, &j->need);
    j->on = -1;
}

static int64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* A second passes: what is over is reported, a round is made. */
static void second(sim *s)
{
    s->now_ms += 1000;
    for (uint32_t n = s->ends[second_of(s->now_ms)]; n; n = s->jobs[n].next) {
        const sim_job *j = &s->jobs[n];
        char id[16];
        if (j->on < 0)
            continue;
        (void)snprintf(id, sizeof(id), "i-%d", j->on);
        engine_report(s->e, id,
                      &(engine_run_report){ .run = { .id = id_of(n), .index = -1, .run = j->run },
                                            .state = RUN_EXITED,
                                            .started = true,
                                            .has_exit_code = true });
    }
    int64_t from = now_ns();
    engine_effects_clear(&s->fx);
    engine_round(s->e, s->now_ms, &s->fx);
    int64_t took = now_ns() - from;
    s->rounds++;
    s->sum_ns += took;
    s->worst_ns = took > s->worst_ns ? took : s->worst_ns;
    for (size_t i = 0; i < s->fx.n_placement_delete; i++)
        gone(s, &s->fx.placement_delete[i]);
    for (size_t i = 0; i < s->fx.n_placement_insert; i++)
        placed(s, &s->fx.placement_insert[i]);
}

static void begin(sim *s, int instances, int seconds, int longest)
{
    *s = (sim){ .e = engine_new(), .now_ms = START_MS, .random = 88172645463325252u };
    s->ends = ob_calloc((size_t)(seconds + longest + 2), sizeof(*s->ends));
    s->instances = ob_calloc((size_t)instances, sizeof(*s->instances));
    s->n_instances = instances;
}

static void end(sim *s, const char *what)
{
    printf("%s: %u jobs, %lld rounds: mean %.1f us, longest %.1f us\n", what, s->n_jobs,
           (long long)s->rounds, (double)s->sum_ns / 1000 / (double)s->rounds,
           (double)s->worst_ns / 1000);
    engine_free(s->e);
    engine_effects_done(&s->fx);
    free(s->jobs);
    free(s->ends);
    free(s->instances);
}

static void put_ce(sim *s, int32_t max_vcpus, ob_resources shape)
{
    engine_put_ce(s->e, &(engine_ce){ .id = 1,
                                      .name = "ce",
                                      .cluster = "cluster",
                                      .enabled = true,
                                      .valid = true,
                                      .max_vcpus = max_vcpus,
                                      .shapes = &shape,
                                      .n_shapes = 1 });
}

/* ---- (a) ---- */

static void shares(int seconds)
{
    static const char *const names[] = { "gold", "silver", "bronze" };
    static const double factors[] = { 0.25, 0.5, 1 }; /* four, two and one part of seven */
    engine_weight weights[3];
    sim s;
    begin(&s, 16, seconds, 700);
    put_ce(&s, 64, (ob_resources){ .mcpu = 4000, .mem_mib = 16000 });
    for (int i = 0; i < 3; i++)
        weights[i] = (engine_weight){ .share = names[i], .factor = factors[i] };
    engine_policy policy = { .decay_s = 3600, .weights = weights, .n_weights = 3 };
    engine_put_queue(s.e, &(engine_queue){ .id = 1,
                                           .name = "queue",
                                           .ces = { 1 },
                                           .n_ces = 1,
                                           .enabled = true,
                                           .policy = &policy });
    for (int i = 0; i < 16; i++) {
        s.instances[i].size = (ob_resources){ .mcpu = 4000, .mem_mib = 16000 };
        put_instance(&s, i, OB_INSTANCE_ACTIVE);
    }
    uint32_t left[3] = { 0 };
    for (int t = 0; t < seconds; t++) {
        for (uint8_t k = 0; k < 3; k++)
            for (; left[k] < 40; left[k]++) /* gold's jobs are small and short, bronze's large */
                (void)submit(&s, 1, names[k], k,
                             (ob_resources){ .mcpu = (int32_t)(1 + below(&s, k + 2u)) * 1000,
                                             .mem_mib = 500 },
                             (int32_t)(5 + below(&s, 200u * (k + 1u))));
        second(&s);
        for (size_t i = 0; i < s.fx.n_placement_insert; i++)
            left[s.jobs[job_of(&s.fx.placement_insert[i].run.id)].share]--;
        for (size_t i = 0; i < s.fx.n_placement_insert; i++) {
            const sim_job *j = &s.jobs[job_of(&s.fx.placement_insert[i].run.id)];
            s.used_s[j->share] += (double)j->need.mcpu / 1000 * j->seconds;
        }
    }
    double all = s.used_s[0] + s.used_s[1] + s.used_s[2];
    for (int i = 0; i < 3; i++) {
        double want = 1 / factors[i] / 7, got = s.used_s[i] / all;
        printf("share %-6s weight %.2f: %.2f %% of the vCPU time, %.2f %% by its weight\n",
               names[i], factors[i], got * 100, want * 100);
        if (fabs(got - want) > want * 0.05)
            broken("share %s is not within 5 %% of its weight", names[i]);
    }
    end(&s, "three shares");
}

/* ---- (b) ---- */

#define LONGEST_S 1200
#define SHAPES 50

static void come_and_go(sim *s)
{
    for (int k = 0; k < 2; k++) {
        int n = (int)below(s, (uint32_t)s->n_instances);
        sim_instance *i = &s->instances[n];
        if (!i->there && below(s, 20) == 0) {
            put_instance(s, n, below(s, 2) ? OB_INSTANCE_LAUNCHING : OB_INSTANCE_ACTIVE);
        } else if (i->state == OB_INSTANCE_LAUNCHING) {
            put_instance(s, n, OB_INSTANCE_ACTIVE);
        } else if (i->state == OB_INSTANCE_ACTIVE && i->there && below(s, 100) == 0) {
            put_instance(s, n, below(s, 3) ? OB_INSTANCE_DRAINING : OB_INSTANCE_LOST);
        } else if (i->state == OB_INSTANCE_DRAINING && i->used.mcpu == 0) {
            put_instance(s, n, OB_INSTANCE_TERMINATED);
        }
    }
}

static void load(int instances, int seconds)
{
    sim s;
    begin(&s, instances, seconds, LONGEST_S + 100);
    put_ce(&s, instances * 16, (ob_resources){ .mcpu = 16000, .mem_mib = 64000 });
    for (int64_t q = 1; q <= 3; q++)
        engine_put_queue(s.e, &(engine_queue){ .id = q,
                                               .name = "queue",
                                               .priority = q < 3 ? 5 : 1,
                                               .ces = { 1 },
                                               .n_ces = 1,
                                               .enabled = true });
    for (int i = 0; i < instances; i++) {
        s.instances[i].size = (ob_resources){ .mcpu = 16000, .mem_mib = 64000 };
        put_instance(&s, i, OB_INSTANCE_ACTIVE);
    }
    /* The large job of queue 1 takes a whole instance; there is always another one. */
    uint32_t large = 0;
    int64_t since_ms = 0, worst_ms = 0;
    int n_large = 0;
    for (int t = 0; t < seconds; t++) {
        while (s.waiting < 600)
            (void)submit(&s, 1 + below(&s, 3), NULL, 0,
                         (ob_resources){ .mcpu = (int32_t)(1 + below(&s, 5)) * 1000,
                                         .mem_mib = (int32_t)(1 + below(&s, SHAPES / 5)) * 1000 },
                         (int32_t)(10 + below(&s, LONGEST_S - 10)));
        if (!large) {
            large = submit(&s, 1, NULL, 0, (ob_resources){ .mcpu = 16000, .mem_mib = 1000 }, 60);
            since_ms = s.now_ms;
        }
        come_and_go(&s);
        second(&s);
        if (s.jobs[large].served) {
            worst_ms = s.now_ms - since_ms > worst_ms ? s.now_ms - since_ms : worst_ms;
            n_large++;
            large = 0;
            continue;
        }
        /* Passed over for the time allowed, then the longest job on what is kept; when that
         * instance is lost or drained, another one. */
        if (s.now_ms - since_ms > ENGINE_KEEP_AFTER_MS + 2 * LONGEST_S * 1000)
            broken("a large job waits for %lld s", (long long)(s.now_ms - since_ms) / 1000);
    }
    printf("%d large jobs: the longest was passed over for %lld s (jobs run for up to %d s)\n",
           n_large, (long long)worst_ms / 1000, LONGEST_S);
    if (n_large < seconds / (2 * LONGEST_S + 120))
        broken("too few large jobs were served");
    end(&s, "instances come and go");
}

int main(int argc, char **argv)
{
    bool small = argc > 1 && strcmp(argv[1], "small") == 0;
    shares(small ? DAY_S / 4 : DAY_S);
    load(small ? 40 : 1000, small ? 3 * 3600 : DAY_S);
    return 0;
}
