/* The memory of waiting work: at most 100 bytes for a single job, and as much for an array. */
#include "engine_world.h"

#include <malloc.h>
#include <stdio.h>

#if defined(__SANITIZE_ADDRESS__)
#define MEASURABLE 0 /* its allocator is another one */
#elif defined(__has_feature)
#define MEASURABLE !__has_feature(address_sanitizer)
#else
#define MEASURABLE 1
#endif

#define JOBS 200000

static size_t allocated(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

static void drop_effects(engine *e, engine_effects *effects)
{
    engine_round(e, 1, effects);
    engine_effects_done(effects);
}

static void a_waiting_job_costs_at_most_100_bytes(void **state)
{
    (void)state;
    engine *e = engine_new();
    engine_effects effects = { 0 };
    ob_resources shape = NEED(4, 1000);
    engine_put_ce(e, &(engine_ce){ .id = 1,
                                   .name = "a",
                                   .cluster = "a",
                                   .enabled = true,
                                   .valid = true,
                                   .max_vcpus = 4,
                                   .shapes = &shape,
                                   .n_shapes = 1 });
    engine_put_queue(e, &(engine_queue){ .id = 1, .name = "q", .ces = { 1 }, .n_ces = 1 });
    drop_effects(e, &effects);
    size_t before = allocated();
    for (uint64_t i = 1; i <= JOBS; i++) {
        engine_submit(e, &(engine_submission){ .id = world_id(i),
                                               .queue_id = 1,
                                               .need = NEED(1 + (int)(i % 2), 100) });
        if (i % 100 == 0)
            drop_effects(e, &effects);
    }
    engine_stats s;
    engine_stats_get(e, &s);
    assert_int_equal(s.waiting, JOBS);
    assert_int_equal(s.jobs, JOBS);
    size_t used = allocated() - before;
    printf("%.1f bytes a waiting job (the engine's own count: %.1f)\n", (double)used / JOBS,
           (double)s.bytes / JOBS);
    assert_true(s.bytes <= (size_t)JOBS * 100);
    if (MEASURABLE) {
        assert_true(used <= (size_t)JOBS * 100);
        assert_true(used >= (size_t)JOBS * 60); /* it does measure */
    }
    engine_free(e);
}

static void an_array_costs_what_a_few_jobs_cost(void **state)
{
    (void)state;
    engine *e = engine_new();
    engine_effects effects = { 0 };
    engine_put_queue(e, &(engine_queue){ .id = 1, .name = "q" });
    engine_submit(
        e, &(engine_submission){
               .id = world_id(1), .queue_id = 1, .array_size = 10000, .need = NEED(1, 100) });
    drop_effects(e, &effects);
    size_t before = allocated();
    for (uint64_t i = 2; i <= 1001; i++) {
        engine_submit(
            e, &(engine_submission){
                   .id = world_id(i), .queue_id = 1, .array_size = 10000, .need = NEED(1, 100) });
        drop_effects(e, &effects);
    }
    size_t used = allocated() - before;
    engine_stats s;
    engine_stats_get(e, &s);
    assert_int_equal(s.waiting, 10010000);
    printf("%.1f bytes an array of 10,000\n", (double)used / 1000);
    if (MEASURABLE)
        assert_true(used <= 1000 * 400);
    engine_free(e);
}

static void ended_jobs_cost_nothing(void **state)
{
    (void)state;
    engine *e = engine_new();
    engine_effects effects = { 0 };
    engine_put_queue(e, &(engine_queue){ .id = 1, .name = "q" });
    size_t before = 0;
    for (uint64_t i = 1; i <= 100000; i++) {
        ob_uuid id = world_id(i);
        engine_submit(e, &(engine_submission){ .id = id,
                                               .queue_id = 1,
                                               .array_size = i % 10 ? 0 : 100,
                                               .need = NEED(1, 100 + (int)(i % 7)) });
        engine_stop(e, &(ob_job_ref){ .id = id, .index = i % 20 ? -1 : 50 }, true, "stop");
        engine_stop(e, &(ob_job_ref){ .id = id, .index = -1 }, true, "stop");
        if (i % 100 == 0)
            drop_effects(e, &effects);
        if (i == 1000)
            before = allocated();
    }
    engine_stats s;
    engine_stats_get(e, &s);
    assert_int_equal(s.jobs, 0);
    assert_int_equal(s.classes, 0);
    if (MEASURABLE)
        assert_true(allocated() <= before + 100000);
    engine_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_waiting_job_costs_at_most_100_bytes),
        cmocka_unit_test(an_array_costs_what_a_few_jobs_cost),
        cmocka_unit_test(ended_jobs_cost_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
