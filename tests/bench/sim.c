/* Simulated days of the engine alone, always with more work than capacity. (a) On a few permanent
 * instances three shares end within 5 % of their weights. (b) They also do so while 1,000 instances
 * come, drain and are lost, beside two other queues; no instance is ever oversubscribed, and no
 * large job of any queue waits longer than the limit. The usage of a share is counted here from
 * placement to end. Exits with 1 if a rule is broken. `sim small` is part of the unit tests: (a)
 * for six hours, (b) for twelve with 150 instances. */
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
#define SHARES 3
#define KINDS 8 /* of jobs: the first SHARES are those of the shares */

static const char *const share_names[SHARES] = { "gold", "silver", "bronze" };
static const double share_factors[SHARES] = { 0.25, 0.5, 1 }; /* four, two and one part of seven */

typedef struct sim_job {
    ob_resources need;
    int32_t seconds;
    int32_t on;       /* instance, -1: none */
    int32_t run;      /* of the current placement */
    uint32_t next;    /* of those that end in the same second */
    int64_t since_ms; /* it was submitted, then placed */
    uint8_t kind;
    bool served;
} sim_job;

typedef struct sim_instance {
    ob_resources size, used;
    ob_instance_state state;
    int launches; /* each has an id of its own */
} sim_instance;

typedef struct sim {
    engine *e;
    engine_effects effects;
    int64_t now_ms;
    uint64_t random;
    sim_job *jobs; /* from 1 */
    uint32_t n_jobs, cap_jobs;
    uint32_t *ends; /* by second: the first job */
    sim_instance *instances;
    int n_instances, n_lost;
    int64_t rounds, worst_ns, sum_ns;
    struct {
        uint32_t waiting;
        double used_s; /* vCPU seconds */
        int64_t worst_wait_ms;
    } kinds[KINDS];
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

/* share: NULL, none; priority: within it */
static uint32_t submit(sim *s,
                       int64_t queue,
                       const char *share,
                       int32_t priority,
                       uint8_t kind,
                       ob_resources need,
                       uint32_t seconds)
{
    if (s->n_jobs + 1 >= s->cap_jobs) {
        s->cap_jobs = s->cap_jobs ? s->cap_jobs * 2 : 4096;
        s->jobs = ob_realloc(s->jobs, s->cap_jobs * sizeof(*s->jobs));
    }
    uint32_t n = ++s->n_jobs;
    s->jobs[n] = (sim_job){
        .need = need, .seconds = (int32_t)seconds, .on = -1, .since_ms = s->now_ms, .kind = kind
    };
    engine_submit(s->e, &(engine_submission){ .id = id_of(n),
                                              .queue_id = queue,
                                              .need = need,
                                              .share = share,
                                              .priority = priority,
                                              .created_at_ms = s->now_ms });
    s->kinds[kind].waiting++;
    return n;
}

typedef char instance_id[24];

static void id_of_instance(const sim *s, int n, instance_id ret)
{
    (void)snprintf(ret, sizeof(instance_id), "i-%d-%d", n, s->instances[n].launches);
}

static void put_instance(sim *s, int n, ob_instance_state state)
{
    instance_id id;
    id_of_instance(s, n, id);
    s->n_lost += state == OB_INSTANCE_LOST;
    s->instances[n].state = state;
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
    s->kinds[j->kind].waiting--;
    if (s->now_ms - j->since_ms > s->kinds[j->kind].worst_wait_ms)
        s->kinds[j->kind].worst_wait_ms = s->now_ms - j->since_ms;
    j->since_ms = s->now_ms;
    size_t end = second_of(s->now_ms) + (size_t)j->seconds;
    j->next = s->ends[end];
    s->ends[end] = job_of(&p->run.id);
}

static void used(sim *s, const sim_job *j)
{
    s->kinds[j->kind].used_s +=
        (double)j->need.mcpu / 1000 * (double)(s->now_ms - j->since_ms) / 1000;
}

static void gone(sim *s, const effect_placement *p)
{
    sim_job *j = &s->jobs[job_of(&p->run.id)];
    ob_resources_sub(&s->instances[j->on].used, &j->need);
    used(s, j);
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
        instance_id id;
        if (j->on < 0)
            continue;
        id_of_instance(s, j->on, id);
        engine_report(s->e, id,
                      &(engine_run_report){ .run = { .id = id_of(n), .index = -1, .run = j->run },
                                            .state = RUN_EXITED,
                                            .started = true,
                                            .has_exit_code = true });
    }
    int64_t from = now_ns();
    engine_effects_clear(&s->effects);
    engine_round(s->e, s->now_ms, &s->effects);
    int64_t took = now_ns() - from;
    s->rounds++;
    s->sum_ns += took;
    s->worst_ns = took > s->worst_ns ? took : s->worst_ns;
    for (size_t i = 0; i < s->effects.n_placement_delete; i++)
        gone(s, &s->effects.placement_delete[i]);
    for (size_t i = 0; i < s->effects.n_placement_insert; i++)
        placed(s, &s->effects.placement_insert[i]);
}

static void begin(sim *s, int instances, int32_t vcpus, int seconds, int longest)
{
    *s = (sim){ .e = engine_new(), .now_ms = START_MS, .random = 88172645463325252u };
    s->ends = ob_calloc((size_t)(seconds + longest + 2), sizeof(*s->ends));
    s->instances = ob_calloc((size_t)instances, sizeof(*s->instances));
    s->n_instances = instances;
    for (int i = 0; i < instances; i++) {
        s->instances[i].size = (ob_resources){ .mcpu = vcpus * 1000, .mem_mib = vcpus * 4000 };
        put_instance(s, i, OB_INSTANCE_ACTIVE);
    }
}

static void end(sim *s, const char *what)
{
    printf("%s: %u jobs, %lld rounds: mean %.1f us, longest %.1f us\n", what, s->n_jobs,
           (long long)s->rounds, (double)s->sum_ns / 1000 / (double)s->rounds,
           (double)s->worst_ns / 1000);
    engine_free(s->e);
    engine_effects_done(&s->effects);
    free(s->jobs);
    free(s->ends);
    free(s->instances);
}

static void put_ce(sim *s, int32_t max_vcpus)
{
    engine_put_ce(s->e, &(engine_ce){ .id = 1,
                                      .name = "ce",
                                      .cluster = "cluster",
                                      .enabled = true,
                                      .valid = true,
                                      .max_vcpus = max_vcpus,
                                      .shapes = &s->instances[0].size,
                                      .n_shapes = 1 });
}

static void put_queue(sim *s, int64_t id, int32_t priority, bool fair)
{
    engine_weight weights[SHARES];
    for (int i = 0; i < SHARES; i++)
        weights[i] = (engine_weight){ .share = share_names[i], .factor = share_factors[i] };
    engine_policy policy = { .decay_s = 3600, .weights = weights, .n_weights = SHARES };
    engine_put_queue(s->e, &(engine_queue){ .id = id,
                                            .name = "queue",
                                            .priority = priority,
                                            .ces = { 1 },
                                            .n_ces = 1,
                                            .enabled = true,
                                            .policy = fair ? &policy : NULL });
}

/* What runs counts up to now. */
static void check_shares(sim *s)
{
    for (uint32_t n = 1; n <= s->n_jobs; n++)
        if (s->jobs[n].on >= 0)
            used(s, &s->jobs[n]);
    double all = 0;
    for (int i = 0; i < SHARES; i++)
        all += s->kinds[i].used_s;
    for (int i = 0; i < SHARES; i++) {
        double want = 1 / share_factors[i] / 7, got = s->kinds[i].used_s / all;
        printf("share %-6s weight %.2f: %.2f %% of the vCPU time, %.2f %% by its weight\n",
               share_names[i], share_factors[i], got * 100, want * 100);
        if (fabs(got - want) > want * 0.05)
            broken("share %s is not within 5 %% of its weight", share_names[i]);
    }
}

/* ---- (a) ---- */

static void shares(int seconds)
{
    sim s;
    begin(&s, 16, 4, seconds, 700);
    put_ce(&s, 64);
    put_queue(&s, 1, 1, true);
    for (int t = 0; t < seconds; t++) {
        for (uint8_t k = 0; k < SHARES; k++)
            while (s.kinds[k].waiting < 40) /* gold's jobs are small and short, bronze's large */
                (void)submit(&s, 1, share_names[k], 0, k,
                             (ob_resources){ .mcpu = (int32_t)(1 + below(&s, k + 2u)) * 1000,
                                             .mem_mib = 500 },
                             5 + below(&s, 200u * (k + 1u)));
        second(&s);
    }
    check_shares(&s);
    end(&s, "three shares");
}

/* ---- (b) ---- */

#define VCPUS 16
#define LONGEST_S 1200
#define FIRST_QUEUE 1 /* before the others of its priority, as it is older; a third of the room */
#define FAIR_QUEUE 2  /* work for all the rest */
#define LARGE_QUEUE 3 /* nothing but a large job */
#define LAST_QUEUE 4  /* of a lower priority: for what nobody else fits into */

enum { OF_FIRST = SHARES, OF_LAST, LARGE };

/* Large jobs: each needs an instance that has nothing else on it, or nearly so. There is another
 * one some time after the last has ended, when others have filled its instance. */
typedef struct sim_large {
    int64_t queue;
    const char *share;
    ob_resources need;
    int64_t most_ms; /* how long it may wait */
    int64_t next_ms;
    uint32_t job;
    int served;
} sim_large;

#define LARGE_S 60
/* Passed over for the time allowed, then the longest job on what is kept, for each class of the
 * queue that has room kept in turn; when an instance is lost or drained meanwhile, another one. */
#define MOST_MS(classes) (ENGINE_KEEP_AFTER_MS + ((classes) + 1) * LONGEST_S * 1000)

static void ask_for_large(sim *s, sim_large *l, uint8_t kind)
{
    const sim_job *j = &s->jobs[l->job];
    if (l->job && j->served) {
        l->served++;
        l->job = 0;
        l->next_ms = s->now_ms + (LARGE_S + (int64_t)below(s, 600)) * 1000;
    } else if (l->job && s->now_ms - j->since_ms > l->most_ms) {
        broken("a job of queue %lld for %d vCPUs and %d MiB waits for %lld s", (long long)l->queue,
               l->need.mcpu / 1000, l->need.mem_mib, (long long)(s->now_ms - j->since_ms) / 1000);
    } else if (!l->job && s->now_ms >= l->next_ms) {
        l->job = submit(s, l->queue, l->share, 1, kind, l->need, LARGE_S);
    }
}

static ob_resources some(sim *s, uint32_t most_vcpus)
{
    return (ob_resources){ .mcpu = (int32_t)(1 + below(s, most_vcpus)) * 1000,
                           .mem_mib = (int32_t)(1 + below(s, 10)) * 1000 };
}

static void ask(sim *s)
{
    for (int i = 0; i < 10; i++)
        if (below(s, 3780) < (uint32_t)s->n_instances) /* 3 vCPUs for 605 s, each on average */
            (void)submit(s, FIRST_QUEUE, NULL, 0, OF_FIRST, some(s, 5),
                         10 + below(s, LONGEST_S - 9));
    for (uint8_t k = 0; k < SHARES; k++)
        while (s->kinds[k].waiting < (uint32_t)s->n_instances / 4)
            (void)submit(s, FAIR_QUEUE, share_names[k], 0, k, some(s, 4 + k),
                         60 + below(s, 380u * (k + 1) - 60));
    while (s->kinds[OF_LAST].waiting < 20)
        (void)submit(s, LAST_QUEUE, NULL, 0, OF_LAST, some(s, 5), 10 + below(s, LONGEST_S - 9));
}

/* Each instance goes after three hours, one of three by being lost; what is below the maximum is
 * launched again. */
static void come_and_go(sim *s, int32_t max_vcpus)
{
    int32_t there = 0;
    for (int n = 0; n < s->n_instances; n++)
        there += s->instances[n].state <= OB_INSTANCE_DRAINING ? VCPUS : 0;
    for (int n = 0; n < s->n_instances; n++) {
        sim_instance *i = &s->instances[n];
        switch (i->state) {
        case OB_INSTANCE_LAUNCHING:
            if (below(s, 30) == 0)
                put_instance(s, n, OB_INSTANCE_ACTIVE);
            break;
        case OB_INSTANCE_ACTIVE:
            if (below(s, 10800) == 0)
                put_instance(s, n, below(s, 3) ? OB_INSTANCE_DRAINING : OB_INSTANCE_LOST);
            break;
        case OB_INSTANCE_DRAINING:
            if (i->used.mcpu == 0)
                put_instance(s, n, OB_INSTANCE_TERMINATED);
            else if (below(s, 1800) == 0)
                put_instance(s, n, OB_INSTANCE_LOST);
            break;
        case OB_INSTANCE_LOST:
            put_instance(s, n, OB_INSTANCE_TERMINATED);
            break;
        case OB_INSTANCE_TERMINATED:
            if (there + VCPUS > max_vcpus || below(s, 10) > 0)
                break;
            there += VCPUS;
            i->launches++;
            put_instance(s, n, OB_INSTANCE_LAUNCHING);
            break;
        }
    }
}

static void check_large(const sim *s, const sim_large *large, int n, int seconds)
{
    for (int k = 0; k < n; k++) {
        printf("%d jobs of queue %lld for %d vCPUs and %d MiB: the longest waited for %lld s\n",
               large[k].served, (long long)large[k].queue, large[k].need.mcpu / 1000,
               large[k].need.mem_mib, (long long)s->kinds[LARGE + k].worst_wait_ms / 1000);
        if (large[k].served < seconds / (int)(large[k].most_ms / 1000 + LARGE_S + 600))
            broken("too few large jobs were served");
    }
}

static void load(int instances, int seconds)
{
    static const ob_resources whole = { .mcpu = VCPUS * 1000, .mem_mib = 1000 };
    sim_large large[] = {
        { .queue = FIRST_QUEUE, .need = whole, .most_ms = MOST_MS(2) },
        { .queue = FIRST_QUEUE, .need = { .mcpu = 2000, .mem_mib = 64000 }, .most_ms = MOST_MS(2) },
        { .queue = LARGE_QUEUE, .need = whole, .most_ms = MOST_MS(1) },
    };
    const int n_large = ARRAY_SIZE(large);
    sim s;
    begin(&s, instances, VCPUS, seconds, LONGEST_S + 100);
    put_queue(&s, FIRST_QUEUE, 5, false);
    put_queue(&s, FAIR_QUEUE, 5, true);
    put_queue(&s, LARGE_QUEUE, 5, false);
    put_queue(&s, LAST_QUEUE, 1, false);
    int32_t max_vcpus = 0;
    for (int t = 0; t < seconds; t++) {
        if (t % 7200 == 0) { /* at its maximum for two hours, then nothing comes for two hours */
            max_vcpus = instances * VCPUS / (t / 7200 % 2 ? 2 : 1);
            put_ce(&s, max_vcpus);
        }
        ask(&s);
        for (uint8_t k = 0; k < n_large; k++)
            ask_for_large(&s, &large[k], LARGE + k);
        come_and_go(&s, max_vcpus);
        second(&s);
    }
    int launches = 0;
    for (int n = 0; n < instances; n++)
        launches += s.instances[n].launches;
    printf("%d instances of at most %d at a time: %d were lost\n", instances + launches, instances,
           s.n_lost);
    check_large(&s, large, n_large, seconds);
    printf("the longest wait of others in queue %d: %lld s\n", FIRST_QUEUE,
           (long long)s.kinds[OF_FIRST].worst_wait_ms / 1000);
    check_shares(&s);
    end(&s, "instances come and go");
}

int main(int argc, char **argv)
{
    bool small = argc > 1 && strcmp(argv[1], "small") == 0;
    shares(small ? DAY_S / 4 : DAY_S);
    load(small ? 150 : 1000, small ? DAY_S / 2 : DAY_S);
    return 0;
}
