/* Placement: order, priorities, packing, limits, requested capacity and reasons for waiting. */
#include "engine_world.h"

#include <stdio.h>

#include "ob/error.h"

#define BIG NEED(4, 16000)

static void jobs_of_a_queue_start_in_order_of_admission(void **state)
{
    world *w = *state;
    world_ce(w, 1, 4, BIG);
    world_queue(w, 1, 1, 1, 0);
    ob_uuid ids[6];
    for (int i = 0; i < 6; i++) /* two shapes, mixed */
        ids[i] = world_submit(w, 1, 0, i % 2 ? NEED(2, 1000) : NEED(2, 500));
    world_round(w);
    for (int i = 0; i < 6; i++)
        assert_state(w, ids[i], -1, OB_JOB_RUNNABLE);
    world_instance(w, "i-1", 1, BIG, OB_INSTANCE_ACTIVE);
    world_round(w);
    for (int i = 0; i < 6; i++)
        assert_state(w, ids[i], -1, i < 2 ? OB_JOB_STARTING : OB_JOB_RUNNABLE);
    assert_int_equal(world_orders(w, ORDER_RUN), 2);
    world_exit(w, ids[0], -1, 0);
    world_round(w);
    assert_state(w, ids[0], -1, OB_JOB_SUCCEEDED);
    assert_state(w, ids[2], -1, OB_JOB_STARTING);
    assert_state(w, ids[3], -1, OB_JOB_RUNNABLE);
    assert_story(w, ids[0], -1, "Rsr+");
}

static void higher_priority_goes_first_and_ties_go_by_id(void **state)
{
    world *w = *state;
    world_ce(w, 1, 2, NEED(2, 8000));
    world_queue(w, 1, 1, 1, 0);
    world_queue(w, 3, 10, 1, 0);
    world_queue(w, 2, 10, 1, 0);
    ob_uuid low = world_submit(w, 1, 0, NEED(1, 100));
    ob_uuid third = world_submit(w, 3, 0, NEED(1, 100));
    ob_uuid second = world_submit(w, 2, 0, NEED(1, 100));
    world_instance(w, "i-1", 1, NEED(1, 8000), OB_INSTANCE_ACTIVE);
    world_round(w);
    assert_state(w, second, -1, OB_JOB_STARTING);
    world_exit(w, second, -1, 0);
    world_round(w);
    assert_state(w, third, -1, OB_JOB_STARTING);
    assert_state(w, low, -1, OB_JOB_RUNNABLE);
    /* The low queue is raised above. */
    ob_uuid late = world_submit(w, 3, 0, NEED(1, 100));
    world_queue(w, 1, 99, 1, 0);
    world_exit(w, third, -1, 0);
    world_round(w);
    assert_state(w, low, -1, OB_JOB_STARTING);
    assert_state(w, late, -1, OB_JOB_RUNNABLE);
}

static void a_job_that_does_not_fit_is_passed_over(void **state)
{
    world *w = *state;
    world_ce(w, 1, 64, NEED(16, 64000));
    world_queue(w, 1, 1, 1, 0);
    world_instance(w, "i-1", 1, NEED(4, 8000), OB_INSTANCE_ACTIVE);
    ob_uuid large = world_submit(w, 1, 0, NEED(8, 100));
    ob_uuid small = world_submit(w, 1, 0, NEED(1, 100));
    world_round(w);
    assert_state(w, large, -1, OB_JOB_RUNNABLE);
    assert_state(w, small, -1, OB_JOB_STARTING);
}

static void the_instance_with_the_least_room_left_is_chosen(void **state)
{
    world *w = *state;
    world_ce(w, 1, 64, NEED(16, 64000));
    world_queue(w, 1, 1, 1, 0);
    world_instance(w, "i-c", 1, NEED(8, 8000), OB_INSTANCE_ACTIVE);
    world_instance(w, "i-b", 1, NEED(4, 8000), OB_INSTANCE_ACTIVE);
    world_instance(w, "i-a", 1, NEED(4, 8000), OB_INSTANCE_ACTIVE);
    world_instance(w, "i-0", 1, NEED(2, 500), OB_INSTANCE_ACTIVE);
    static const char *const want[] = { "i-a", "i-a", "i-b", "i-b", "i-c", "i-c", "i-c", "i-c" };
    for (size_t i = 0; i < 8; i++) {
        ob_uuid id = world_submit(w, 1, 0, NEED(2, 1000)); /* i-0 has too little memory */
        world_round(w);
        assert_string_equal(world_where(w, id, -1), want[i]);
    }
    ob_uuid id = world_submit(w, 1, 0, NEED(2, 1000));
    world_round(w);
    assert_state(w, id, -1, OB_JOB_RUNNABLE);
}

static void gpus_are_kept_for_those_who_ask_for_them(void **state)
{
    world *w = *state;
    ob_resources gpu = { .mcpu = 4000, .mem_mib = 16000, .gpus = 1 };
    world_ce(w, 1, 64, gpu);
    world_queue(w, 1, 1, 1, 0);
    world_instance(w, "i-g", 1, gpu, OB_INSTANCE_ACTIVE);
    world_instance(w, "i-n", 1, NEED(8, 32000), OB_INSTANCE_ACTIVE);
    ob_uuid plain = world_submit(w, 1, 0, NEED(4, 1000));
    ob_uuid one = world_submit(w, 1, 0, (ob_resources){ .mcpu = 1000, .mem_mib = 1000, .gpus = 1 });
    ob_uuid two = world_submit(w, 1, 0, (ob_resources){ .mcpu = 1000, .mem_mib = 1000, .gpus = 1 });
    world_round(w);
    assert_string_equal(world_where(w, plain, -1), "i-n");
    assert_string_equal(world_where(w, one, -1), "i-g");
    assert_state(w, two, -1, OB_JOB_RUNNABLE);
}

static void environments_are_tried_in_order_and_only_usable_ones(void **state)
{
    world *w = *state;
    ob_resources shape = BIG;
    engine_ce ce = { .id = 1,
                     .name = "one",
                     .cluster = "c",
                     .enabled = false,
                     .valid = true,
                     .max_vcpus = 64,
                     .shapes = &shape,
                     .n_shapes = 1 };
    engine_put_ce(w->e, &ce);
    world_ce(w, 2, 64, shape);
    world_queue(w, 1, 1, 1, 2);
    world_instance(w, "i-1", 1, BIG, OB_INSTANCE_ACTIVE);
    world_instance(w, "i-2", 2, BIG, OB_INSTANCE_ACTIVE);
    ob_uuid a = world_submit(w, 1, 0, NEED(1, 100));
    world_round(w);
    assert_string_equal(world_where(w, a, -1), "i-2");
    ce.enabled = true;
    ce.valid = false;
    engine_put_ce(w->e, &ce);
    ob_uuid b = world_submit(w, 1, 0, NEED(1, 100));
    world_round(w);
    assert_string_equal(world_where(w, b, -1), "i-2");
    ce.valid = true;
    engine_put_ce(w->e, &ce);
    ob_uuid c = world_submit(w, 1, 0, NEED(1, 100));
    world_round(w);
    assert_string_equal(world_where(w, c, -1), "i-1");
}

static void only_active_instances_take_runs(void **state)
{
    world *w = *state;
    world_ce(w, 1, 64, BIG);
    world_queue(w, 1, 1, 1, 0);
    world_instance(w, "i-1", 1, BIG, OB_INSTANCE_LAUNCHING);
    world_instance(w, "i-2", 1, BIG, OB_INSTANCE_DRAINING);
    world_instance(w, "i-3", 1, BIG, OB_INSTANCE_LOST);
    ob_uuid a = world_submit(w, 1, 0, NEED(1, 100));
    world_round(w);
    assert_state(w, a, -1, OB_JOB_RUNNABLE);
    world_instance(w, "i-1", 1, BIG, OB_INSTANCE_ACTIVE);
    world_round(w);
    assert_string_equal(world_where(w, a, -1), "i-1");
    /* A draining instance keeps what it has. */
    world_instance(w, "i-1", 1, BIG, OB_INSTANCE_DRAINING);
    ob_uuid b = world_submit(w, 1, 0, NEED(1, 100));
    world_round(w);
    assert_state(w, a, -1, OB_JOB_STARTING);
    assert_state(w, b, -1, OB_JOB_RUNNABLE);
    world_exit(w, a, -1, 0);
    world_round(w);
    assert_state(w, a, -1, OB_JOB_SUCCEEDED);
    assert_state(w, b, -1, OB_JOB_RUNNABLE);
}

static void an_instance_is_never_oversubscribed(void **state)
{
    world *w = *state;
    world_ce(w, 1, 1000, BIG);
    world_queue(w, 1, 1, 1, 0);
    for (int i = 0; i < 5; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "i-%d", i);
        world_instance(w, id, 1, NEED(7, 10000), OB_INSTANCE_ACTIVE);
    }
    for (int i = 0; i < 60; i++)
        world_submit(w, 1, 0, NEED(1 + i % 3, 500 + 700 * (i % 5)));
    world_round(w);
    for (int i = 0; i < 5; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "i-%d", i);
        ob_resources used = engine_db_used(w->db, id);
        assert_true(used.mcpu <= 7000 && used.mem_mib <= 10000);
        assert_true(used.mcpu >= 6000 || used.mem_mib >= 9500); /* and is well filled */
    }
}

static void a_job_of_an_unknown_queue_waits_for_it(void **state)
{
    world *w = *state;
    ob_uuid a = world_submit(w, 7, 0, NEED(1, 100));
    ob_uuid b = world_submit(w, 7, 3, NEED(1, 100));
    world_round(w);
    assert_state(w, a, -1, OB_JOB_SUBMITTED);
    assert_int_equal(w->effects.n_live_insert, 2); /* rows, so that they are not forgotten */
    assert_int_equal(w->effects.n_events, 0);
    world_reload(w);
    assert_false(engine_queue_empty(w->e, 7));
    world_ce(w, 1, 64, BIG);
    world_queue(w, 7, 1, 1, 0);
    world_round(w);
    assert_state(w, a, -1, OB_JOB_RUNNABLE);
    assert_state(w, b, -1, OB_JOB_PENDING);
    assert_state(w, b, 2, OB_JOB_RUNNABLE);
}

static const char *reason(const world *w, int64_t queue, ob_resources need)
{
    const char *text = engine_db_class_reason(w->db, queue, &need);
    return text ? text : "";
}

static void a_waiting_class_says_what_is_lacking(void **state)
{
    world *w = *state;
    ob_resources shape = BIG, need = NEED(2, 4096);
    engine_ce ce = { .id = 1,
                     .name = "one",
                     .cluster = "c",
                     .enabled = true,
                     .valid = true,
                     .max_vcpus = 4,
                     .shapes = &shape,
                     .n_shapes = 1 };
    engine_put_ce(w->e, &ce);
    engine_ce off = ce;
    off.id = 2;
    off.name = "two";
    off.enabled = false;
    engine_put_ce(w->e, &off);
    world_queue(w, 1, 1, 1, 2);
    ob_uuid a = world_submit(w, 1, 0, need), b = world_submit(w, 1, 0, need);
    ob_uuid c = world_submit(w, 1, 0, need);
    world_round(w);
    assert_string_equal(reason(w, 1, need),
                        "Waiting for 2 vCPUs and 4096 MiB: compute environment \"one\" has no "
                        "instance yet; compute environment \"two\" is DISABLED");
    world_round(w);
    assert_int_equal(w->effects.n_reasons, 0); /* told once */
    world_instance(w, "i-1", 1, BIG, OB_INSTANCE_LAUNCHING);
    world_round(w);
    assert_string_equal(reason(w, 1, need),
                        "Waiting for 2 vCPUs and 4096 MiB: an instance is starting in compute "
                        "environment \"one\"; compute environment \"two\" is DISABLED");
    world_instance(w, "i-1", 1, BIG, OB_INSTANCE_ACTIVE);
    off.valid = false;
    engine_put_ce(w->e, &off);
    world_round(w);
    assert_string_equal(reason(w, 1, need),
                        "Waiting for 2 vCPUs and 4096 MiB: compute environment \"one\" is at its "
                        "maximum of 4 vCPUs; compute environment \"two\" is not VALID");
    ce.max_vcpus = 100;
    ce.shortages = &(engine_shortage){ need, "InsufficientInstanceCapacity: no m5.large" };
    ce.n_shortages = 1;
    engine_put_ce(w->e, &ce);
    world_round(w);
    assert_string_equal(reason(w, 1, need),
                        "Waiting for 2 vCPUs and 4096 MiB: compute environment \"one\": "
                        "InsufficientInstanceCapacity: no m5.large; compute environment \"two\" is "
                        "not VALID");
    world_exit(w, a, -1, 0);
    world_exit(w, b, -1, 0);
    world_round(w);
    assert_state(w, c, -1, OB_JOB_STARTING);
    assert_string_equal(reason(w, 1, need), "");
    assert_int_equal(w->effects.n_reasons, 1);
    assert_null(w->effects.reasons[0].reason);
}

static void a_job_that_can_never_run_gets_the_text_of_aws(void **state)
{
    world *w = *state;
    ob_resources shape = BIG, much_memory = NEED(1, 64000), many_cpus = NEED(65, 100);
    engine_ce ce = { .id = 1,
                     .name = "one",
                     .cluster = "c",
                     .enabled = true,
                     .valid = false,
                     .max_vcpus = 64,
                     .shapes = &shape,
                     .n_shapes = 0 };
    engine_put_ce(w->e, &ce);
    world_queue(w, 1, 1, 1, 0);
    world_submit(w, 1, 0, much_memory);
    world_submit(w, 1, 0, many_cpus);
    world_round(w);
    /* Not while the environment is not VALID: it may change. */
    assert_null(strstr(reason(w, 1, much_memory), "MISCONFIGURATION"));
    assert_null(strstr(reason(w, 1, many_cpus), "MISCONFIGURATION"));
    ce.valid = true;
    engine_put_ce(w->e, &ce);
    world_round(w); /* its shapes are not known yet */
    assert_null(strstr(reason(w, 1, much_memory), "MISCONFIGURATION"));
    ce.n_shapes = 1;
    engine_put_ce(w->e, &ce);
    world_round(w); /* and not at once */
    assert_null(strstr(reason(w, 1, much_memory), "MISCONFIGURATION"));
    assert_true(engine_next_due(w->e) <= w->now_ms + ENGINE_LASTS_MISFIT_MS);
    w->now_ms += ENGINE_LASTS_MISFIT_MS;
    world_round(w);
    assert_string_equal(
        reason(w, 1, much_memory),
        "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement "
        "(vCPU/memory/GPU) is higher than that can be met by the CE(s) attached to the job queue. "
        "Requested: 1 vCPU and 64000 MiB; largest instance: 4 vCPUs and 16000 MiB.");
    assert_string_equal(
        reason(w, 1, many_cpus),
        "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) associated with the job queue "
        "cannot meet the CPU requirement of the job. Requested: 65 vCPUs and 100 MiB; largest "
        "maxvCpus: 64.");
    assert_null(world_demand(w, 1)); /* nothing is asked for that cannot help */
    /* One environment that could is enough. */
    world_ce(w, 2, 100, NEED(96, 200000));
    world_queue(w, 1, 1, 1, 2);
    world_round(w);
    assert_non_null(strstr(reason(w, 1, much_memory), "Waiting for 1 vCPU and 64000 MiB: compute "
                                                      "environment \"one\" has no instance type"));
    assert_int_equal(world_demand(w, 2)->n_shapes, 2);
}

static void assert_demand(const world *w, int64_t ce, size_t i, ob_resources need, int32_t count)
{
    const effect_demand *d = world_demand(w, ce);
    assert_non_null(d);
    assert_true(i < d->n_shapes);
    assert_memory_equal(&d->shapes[i].need, &need, sizeof(need));
    assert_int_equal(d->shapes[i].count, count);
}

static void demand_overflows_to_the_next_environment(void **state)
{
    world *w = *state;
    world_ce(w, 1, 8, BIG);
    world_ce(w, 2, 100, BIG);
    world_queue(w, 1, 1, 1, 2);
    world_queue(w, 2, 5, 1, 0);
    world_submit(w, 1, 10, NEED(2, 1000));
    world_submit(w, 2, 0, NEED(1, 1000));
    world_round(w);
    /* Room for 8: the higher queue's vCPU first, then three of two; the rest goes on. */
    assert_int_equal(world_demand(w, 1)->n_shapes, 2);
    assert_demand(w, 1, 0, NEED(1, 1000), 1);
    assert_demand(w, 1, 1, NEED(2, 1000), 3);
    assert_demand(w, 2, 0, NEED(2, 1000), 7);
    world_round(w);
    assert_int_equal(w->effects.n_demand, 0);
    /* Coming room counts, what is there already does not. */
    world_instance(w, "i-1", 1, BIG, OB_INSTANCE_LAUNCHING);
    world_round(w);
    assert_demand(w, 1, 0, NEED(1, 1000), 1);
    assert_demand(w, 1, 1, NEED(2, 1000), 3); /* one on i-1 beside the small one, two new */
    assert_null(world_demand(w, 2));          /* as before */
}

/* How many jobs' worth an environment is asked for. */
static int32_t asked(const world *w, int64_t ce)
{
    effect_shape shapes[8];
    int32_t sum = 0;
    size_t n = engine_ce_demand(w->e, ce, shapes, 8);
    for (size_t i = 0; i < n; i++)
        sum += shapes[i].count;
    return sum;
}

static void work_goes_to_the_next_environment_where_the_first_lacks_capacity(void **state)
{
    world *w = *state;
    ob_resources shape = NEED(4, 16000);
    engine_ce ce = { .id = 1, .name = "one", .cluster = "one_Batch_x", .enabled = true };
    ce.valid = true;
    ce.max_vcpus = 8;
    ce.shapes = &shape;
    ce.n_shapes = 1;
    engine_put_ce(w->e, &ce);
    world_ce(w, 2, 8, shape);
    world_queue(w, 1, 1, 1, 2);
    world_submit(w, 1, 2, NEED(4, 100));
    world_round(w);
    assert_int_equal(asked(w, 1), 2);
    assert_int_equal(asked(w, 2), 0);

    /* It is asked on, so that its scaler notices when there is some again. */
    ce.shortages = &(engine_shortage){ NEED(4, 100), "InsufficientInstanceCapacity: none" };
    ce.n_shortages = 1;
    engine_put_ce(w->e, &ce);
    world_round(w);
    assert_int_equal(asked(w, 1), 2);
    assert_int_equal(asked(w, 2), 2);

    /* What is on its way is counted as ever. */
    world_instance(w, "i-1", 1, shape, OB_INSTANCE_LAUNCHING);
    world_round(w);
    assert_int_equal(asked(w, 1), 2);
    assert_int_equal(asked(w, 2), 1);
    ce.n_shortages = 0;
    engine_put_ce(w->e, &ce);
    world_round(w);
    assert_int_equal(asked(w, 2), 0);
}

/* A shortage of one instance type is nothing to those who do not need it. */
static void only_work_that_lacks_capacity_goes_to_the_next_environment(void **state)
{
    world *w = *state;
    ob_resources shapes[] = { NEED(4, 8000), { 4000, 16000, 1 } };
    ob_resources with_gpu = { 1000, 100, 1 };
    const engine_shortage shortages[] = {
        { { 2000, 100, 1 }, "InsufficientInstanceCapacity: other" },
        { with_gpu, "InsufficientInstanceCapacity: no g5.xlarge" }
    };
    engine_ce ce = { .id = 1, .name = "one", .cluster = "one_Batch_x", .enabled = true };
    ce.valid = true;
    ce.max_vcpus = 256;
    ce.shapes = shapes;
    ce.n_shapes = 2;
    ce.shortages = shortages;
    ce.n_shortages = 2;
    engine_put_ce(w->e, &ce);
    ce.id = 2;
    ce.name = "two";
    ce.n_shortages = 0;
    engine_put_ce(w->e, &ce);
    world_queue(w, 1, 1, 1, 2);
    world_submit(w, 1, 0, with_gpu);
    world_submit(w, 1, 200, NEED(1, 100));
    world_round(w);
    assert_int_equal(asked(w, 1), 201);
    assert_int_equal(asked(w, 2), 1);
    assert_string_equal(reason(w, 1, with_gpu),
                        "Waiting for 1 vCPU, 100 MiB and 1 GPU: compute environment \"one\": "
                        "InsufficientInstanceCapacity: no g5.xlarge; compute environment \"two\" "
                        "has no instance yet");
    assert_string_equal(reason(w, 1, NEED(1, 100)),
                        "Waiting for 1 vCPU and 100 MiB, at least 1 job ahead: compute "
                        "environment \"one\" has no instance yet; compute environment \"two\" "
                        "has no instance yet");
}

/* A part of maxvCpus that is too small for any instance is no room. */
static void demand_goes_on_when_no_whole_instance_fits_below_the_maximum(void **state)
{
    world *w = *state;
    world_ce(w, 1, 6, BIG);
    world_ce(w, 2, 100, BIG);
    world_queue(w, 1, 1, 1, 2);
    world_instance(w, "i-1", 1, BIG, OB_INSTANCE_ACTIVE);
    world_submit(w, 1, 6, NEED(1, 1000));
    world_round(w);
    assert_int_equal(world_orders(w, ORDER_RUN), 4);
    assert_int_equal(world_demand(w, 1)->n_shapes, 0);
    assert_demand(w, 2, 0, NEED(1, 1000), 2);
    assert_string_equal(reason(w, 1, NEED(1, 1000)),
                        "Waiting for 1 vCPU and 1000 MiB: compute environment \"ce1\" is at its "
                        "maximum of 6 vCPUs; compute environment \"ce2\" has no instance yet");
    /* What starts there is too small for others. */
    world_instance(w, "i-2", 2, NEED(1, 100), OB_INSTANCE_LAUNCHING);
    world_round(w);
    assert_non_null(strstr(reason(w, 1, NEED(1, 1000)), "\"ce2\" has no instance yet"));
}

static void work_beyond_all_maxima_stays_with_the_first_within_bounds(void **state)
{
    world *w = *state;
    world_ce(w, 1, 4, BIG);
    world_queue(w, 1, 1, 1, 0);
    world_instance(w, "i-1", 1, BIG, OB_INSTANCE_ACTIVE);
    ob_uuid a = world_submit(w, 1, 1000, NEED(1, 1000));
    world_round(w);
    assert_demand(w, 1, 0, NEED(1, 1000), 4); /* 996 wait: as many as it can hold at all */
    for (int i = 0; i < 4; i++)
        world_exit(w, a, i, 0);
    world_stop(w, a, -1, true, "enough");
    world_round(w);
    assert_int_equal(world_demand(w, 1)->n_shapes, 0);
    assert_int_equal(engine_ce_demand(w->e, 1, NULL, 0), 0);
}

static void count_use(const engine_use *use, void *arg)
{
    ob_resources *sum = arg;
    sum->mcpu += use->used.mcpu;
    sum->gpus += use->runs;
}

static void use_and_runs_of_instances_can_be_seen(void **state)
{
    world *w = *state;
    world_ce(w, 1, 8, BIG);
    world_queue(w, 1, 1, 1, 0);
    world_instance(w, "i-1", 1, BIG, OB_INSTANCE_ACTIVE);
    world_submit(w, 1, 3, NEED(1, 1000));
    world_round(w);
    assert_non_null(world_demand(w, 1)); /* i-1 is busy now */
    assert_false(engine_dirty(w->e));
    ob_resources sum = { 0 };
    engine_ce_use(w->e, 1, count_use, &sum);
    assert_int_equal(sum.mcpu, 3000);
    assert_int_equal(sum.gpus, 3);
    engine_stats s;
    engine_stats_get(w->e, &s);
    assert_int_equal(s.placed, 3);
    assert_int_equal(s.waiting, 0);
    assert_int_equal(s.instances, 1);
    assert_int_equal(s.ignored, 0);
}

/* A shape beyond maxvCpus is for what fits no smaller one. It counts for nothing else, and one may
 * come while there is any room left. */
static void what_fits_nothing_smaller_may_exceed_the_maximum(void **state)
{
    world *w = *state;
    ob_resources shapes[] = { NEED(2, 2000), NEED(8, 32000) };
    ob_resources plain = NEED(1, 1500), large = NEED(1, 8000);
    engine_ce ce = { .id = 1,
                     .name = "one",
                     .cluster = "c",
                     .enabled = true,
                     .valid = true,
                     .max_vcpus = 4,
                     .shapes = shapes,
                     .n_shapes = 2 };
    engine_put_ce(w->e, &ce);
    ce.id = 2;
    engine_put_ce(w->e, &ce);
    world_queue(w, 1, 1, 1, 2);
    for (int i = 0; i < 10; i++)
        world_submit(w, 1, 0, plain);
    world_round(w);
    /* Of small ones each takes two vCPUs: two fit below each maximum. */
    assert_int_equal(world_demand(w, 1)->n_shapes, 1);
    assert_int_equal(world_demand(w, 1)->shapes[0].count, 2);
    assert_int_equal(world_demand(w, 2)->shapes[0].count, 2);
    world_instance(w, "i-1", 1, NEED(2, 2000), OB_INSTANCE_ACTIVE);
    world_instance(w, "i-2", 1, NEED(2, 2000), OB_INSTANCE_ACTIVE);
    world_instance(w, "i-3", 2, NEED(2, 2000), OB_INSTANCE_ACTIVE);
    world_queue(w, 2, 9, 1, 2);
    ob_uuid first = world_submit(w, 2, 0, large);
    world_round(w);
    assert_state(w, first, -1, OB_JOB_RUNNABLE);
    const effect_demand *d = world_demand(w, 2);
    assert_int_equal(d->n_shapes, 1);
    assert_int_equal(d->shapes[0].need.mem_mib, 8000);
    assert_int_equal(d->shapes[0].count, 1);
    /* It is there, or on its way: nothing more until it has gone. */
    world_instance(w, "i-4", 2, NEED(8, 32000), OB_INSTANCE_LAUNCHING);
    for (int i = 0; i < 4; i++)
        world_submit(w, 2, 0, large);
    world_round(w);
    assert_string_equal(reason(w, 2, large),
                        "Waiting for 1 vCPU and 8000 MiB: compute environment \"one\" is at its "
                        "maximum of 4 vCPUs; an instance is starting in compute environment "
                        "\"one\"");
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, world_new, world_free)
    const struct CMUnitTest tests[] = {
        T(jobs_of_a_queue_start_in_order_of_admission),
        T(higher_priority_goes_first_and_ties_go_by_id),
        T(a_job_that_does_not_fit_is_passed_over),
        T(the_instance_with_the_least_room_left_is_chosen),
        T(gpus_are_kept_for_those_who_ask_for_them),
        T(environments_are_tried_in_order_and_only_usable_ones),
        T(only_active_instances_take_runs),
        T(an_instance_is_never_oversubscribed),
        T(a_job_of_an_unknown_queue_waits_for_it),
        T(a_waiting_class_says_what_is_lacking),
        T(a_job_that_can_never_run_gets_the_text_of_aws),
        T(demand_overflows_to_the_next_environment),
        T(work_goes_to_the_next_environment_where_the_first_lacks_capacity),
        T(only_work_that_lacks_capacity_goes_to_the_next_environment),
        T(demand_goes_on_when_no_whole_instance_fits_below_the_maximum),
        T(work_beyond_all_maxima_stays_with_the_first_within_bounds),
        T(use_and_runs_of_instances_can_be_seen),
        T(what_fits_nothing_smaller_may_exceed_the_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
