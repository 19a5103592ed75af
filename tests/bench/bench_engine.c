/* The cost of a round of the engine while much work waits: one run ends, one job arrives, one is
 * placed. Prints figures; they should not depend on the number of waiting jobs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine.h"
#include "ob/error.h"

#define INSTANCES 1000
#define ROUNDS 2000
#define BATCH 100 /* jobs of a larger round */

static int64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

typedef struct bench {
    engine *e;
    engine_effects effects;
    uint64_t next;
    int shapes;
} bench;

static ob_resources shape_of(const bench *b, uint64_t n)
{
    return (ob_resources){ .mcpu = 1000, .mem_mib = 100 + (int32_t)(n % (uint64_t)b->shapes) };
}

static void submit(bench *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        engine_submission s = { .queue_id = 1, .need = shape_of(b, b->next), .created_at_ms = 1 };
        for (int k = 0; k < 8; k++)
            s.id.b[15 - k] = (uint8_t)(b->next >> (8 * k));
        b->next++;
        engine_submit(b->e, &s);
    }
}

static void round_(bench *b)
{
    engine_effects_clear(&b->effects);
    engine_round(b->e, 1000, &b->effects);
}

typedef struct ended {
    ob_run_ref run;
    char instance[24];
} ended;

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void measure(bench *b, size_t batch, const char *what, size_t waiting)
{
    static int64_t took[ROUNDS];
    static ended ends[BATCH];
    size_t n_ends = 0;
    int rounds = batch > 1 ? ROUNDS / 10 : ROUNDS;
    /* What to end first: what a round has just placed. */
    for (int i = 0; i < rounds; i++) {
        if (n_ends == 0) { /* at first, and should nothing have been placed */
            submit(b, batch);
            engine_instance more = { .id = "i-more",
                                     .ce_id = 1,
                                     .vcpus = (int32_t)batch,
                                     .size = { .mcpu = (int32_t)batch * 1000, .mem_mib = 1000000 },
                                     .state = OB_INSTANCE_ACTIVE };
            engine_put_instance(b->e, &more);
            round_(b);
        } else {
            for (size_t k = 0; k < n_ends; k++) {
                engine_run_report r = {
                    .run = ends[k].run, .state = RUN_EXITED, .started = true, .has_exit_code = true
                };
                engine_report(b->e, ends[k].instance, &r);
            }
            submit(b, n_ends);
            int64_t from = now_ns();
            round_(b);
            took[i] = now_ns() - from;
        }
        n_ends = 0;
        for (size_t k = 0; k < b->effects.n_placement_insert && n_ends < batch; k++) {
            ends[n_ends].run = b->effects.placement_insert[k].run;
            (void)snprintf(ends[n_ends++].instance, sizeof(ends->instance), "%s",
                           b->effects.placement_insert[k].instance_id);
        }
    }
    qsort(took, (size_t)rounds, sizeof(took[0]), by_time);
    printf("%-12s %7zu waiting, %2d shapes, %3zu a round: median %7.1f us, p99 %7.1f us\n", what,
           waiting, b->shapes, batch, (double)took[rounds / 2] / 1000,
           (double)took[rounds * 99 / 100] / 1000);
    memset(took, 0, sizeof(took));
}

static void run(const char *what, size_t waiting, int shapes)
{
    bench b = { .e = engine_new(), .next = 1, .shapes = shapes };
    ob_resources shape = { .mcpu = 4000, .mem_mib = 16000 };
    engine_put_ce(b.e, &(engine_ce){ .id = 1,
                                     .name = "ce",
                                     .cluster = "cluster",
                                     .enabled = true,
                                     .valid = true,
                                     .max_vcpus = 4 * INSTANCES,
                                     .shapes = &shape,
                                     .n_shapes = 1 });
    engine_put_queue(b.e, &(engine_queue){ .id = 1, .name = "queue", .ces = { 1 }, .n_ces = 1 });
    for (int i = 0; i < INSTANCES; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "i-%04d", i);
        engine_put_instance(
            b.e,
            &(engine_instance){
                .id = id, .ce_id = 1, .size = shape, .vcpus = 4, .state = OB_INSTANCE_ACTIVE });
    }
    submit(&b, 4 * INSTANCES);
    int64_t from = now_ns();
    round_(&b);
    int64_t filled = now_ns() - from;
    from = now_ns();
    for (size_t i = 0; i < waiting; i += 1000) {
        submit(&b, waiting - i < 1000 ? waiting - i : 1000);
        round_(&b);
    }
    int64_t queued = now_ns() - from;
    printf("%-12s %d placed at once: %lld us; %zu queued: %.2f us each\n", what, 4 * INSTANCES,
           (long long)filled / 1000, waiting, (double)queued / 1000 / (double)waiting);
    measure(&b, 1, what, waiting);
    measure(&b, BATCH, what, waiting);
    engine_free(b.e);
    engine_effects_done(&b.effects);
}

/* One round for all: so much work waits in so many shapes, and every instance becomes free. */
static void whole(size_t waiting, int shapes)
{
    bench b = { .e = engine_new(), .next = 1, .shapes = shapes };
    ob_resources shape = { .mcpu = 4000, .mem_mib = 16000 };
    engine_put_ce(b.e, &(engine_ce){ .id = 1,
                                     .name = "ce",
                                     .cluster = "cluster",
                                     .enabled = true,
                                     .valid = true,
                                     .max_vcpus = 4 * INSTANCES,
                                     .shapes = &shape,
                                     .n_shapes = 1 });
    engine_put_queue(b.e, &(engine_queue){ .id = 1, .name = "queue", .ces = { 1 }, .n_ces = 1 });
    submit(&b, waiting);
    round_(&b);
    for (int i = 0; i < INSTANCES; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "i-%04d", i);
        engine_put_instance(
            b.e,
            &(engine_instance){
                .id = id, .ce_id = 1, .size = shape, .vcpus = 4, .state = OB_INSTANCE_ACTIVE });
    }
    int64_t from = now_ns();
    round_(&b);
    printf("one round    %zu waiting, %d shapes, %d free instances: %.1f ms, %zu placed\n", waiting,
           shapes, INSTANCES, (double)(now_ns() - from) / 1000000, b.effects.n_placement_insert);
    engine_free(b.e);
    engine_effects_done(&b.effects);
}

int main(void)
{
    run("warm-up", 1000, 1);
    run("one shape", 1000, 1);
    run("one shape", 100000, 1);
    run("50 shapes", 100000, 50);
    whole(100000, 50);
    return 0;
}
