/* What the scaler launches and gives back: packing, limits, minimum capacity, idle instances, a
 * host that several environments share. */
#include "deciding.h"

#include "ob/error.h"
#include "packing.h"

/* ---- Types ---- */

static void the_cheapest_type_that_fits_is_launched(void **state)
{
    (void)state;
    decide_env env = make_env(0, TYPES("m5", "c5"), 0, 256);
    /* 4096 MiB do not fit a c5.large: less than its nominal 4096 is usable. */
    wants(&env, &(decide_shape){ .need = { 2000, 4096, 0 }, .count = 1 }, 1);
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 1);
    assert_string_equal(launches[0].type->name, "m5.large");

    wants(&env, &(decide_shape){ .need = { 2000, 2048, 0 }, .count = 1 }, 1);
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 1);
    assert_string_equal(launches[0].type->name, "c5.large");

    wants(&env, &(decide_shape){ .need = { 1000, 60000, 0 }, .count = 1 }, 1);
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 1);
    assert_string_equal(launches[0].type->name, "m5.4xlarge");
}

static void gpu_work_gets_gpus(void **state)
{
    (void)state;
    decide_env env = make_env(0, TYPES("m5", "g4dn", "p3"), 0, 256);
    wants(&env, &(decide_shape){ .need = { 2000, 4096, 1 }, .count = 1 }, 1);
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 1);
    assert_string_equal(launches[0].type->name, "g4dn.xlarge");
}

static void equal_types_are_told_apart_by_name(void **state)
{
    (void)state;
    decide_env env = make_env(0, TYPES("m6i.large", "m5.large"), 0, 256);
    wants(&env, &(decide_shape){ .need = { 1000, 1000, 0 }, .count = 1 }, 1);
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 1);
    assert_string_equal(launches[0].type->name, "m5.large");
}

static void much_work_gets_few_suitable_instances(void **state)
{
    (void)state;
    decide_env env = make_env(0, TYPES("m5"), 0, 256);
    wants(&env, &(decide_shape){ .need = { 1000, 512, 0 }, .count = 1000 }, 1);
    size_t n = run(&env, 1, &unlimited, &limits, launches);
    assert_int_equal(launched_vcpus(n), 256);
    assert_true(n <= 8);
}

static void work_that_fits_nothing_launches_nothing(void **state)
{
    (void)state;
    decide_env env = make_env(0, TYPES("m5.large"), 0, 256);
    wants(&env, &(decide_shape){ .need = { 4000, 512, 0 }, .count = 3 }, 1);
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 0);
    assert_false(env.lacks_room);
}

/* Enough instances for all work of mixed shapes, and not one more: deciding again with what was
 * launched on its way yields nothing. */
static void launches_suffice_and_deciding_again_adds_none(void **state)
{
    (void)state;
    const decide_shape shapes[] = { { .need = { 1000, 512, 0 }, .count = 7 },
                                    { .need = { 4000, 30000, 0 }, .count = 2 },
                                    { .need = { 500, 7000, 0 }, .count = 5 } };
    decide_env env = make_env(0, TYPES("m5", "c5", "r5"), 0, 256);
    wants(&env, shapes, 3);
    size_t n = run(&env, 1, &unlimited, &limits, launches);
    assert_true(n > 0);
    decide_instance instances[MAX_LAUNCHES];
    decide_shape *plans[MAX_LAUNCHES];
    for (size_t i = 0; i < n; i++) {
        instances[i] = instance(launches[i].type->name, OB_INSTANCE_LAUNCHING, 0);
        instances[i].plan = plans[i] = ob_take(launches[i].plan);
        instances[i].n_plan = launches[i].n_plan;
    }
    has(&env, instances, n);
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 0);
    int64_t work = 7 * 1000 + 2 * 4000 + 5 * 500, room = 0;
    for (size_t i = 0; i < n; i++) {
        room += instances[i].size.mcpu;
        free(plans[i]);
    }
    assert_true(room >= work && room <= 2 * work);
}

/* ---- Limits ---- */

static void max_vcpus_is_never_exceeded(void **state)
{
    (void)state;
    for (int32_t max = 0; max <= 21; max++) {
        decide_env env = make_env(0, TYPES("m5", "t3"), 0, max);
        env.may_exceed = true;
        wants(&env, &(decide_shape){ .need = { 1000, 512, 0 }, .count = 1000 }, 1);
        size_t n = run(&env, 1, &unlimited, &limits, launches);
        if (max == 1) /* the smallest has two: one instance, or there would never be any */
            assert_int_equal(n, 1);
        else
            assert_int_equal(launched_vcpus(n), max / 2 * 2);
    }
}

static void best_fit_never_exceeds_at_all(void **state)
{
    (void)state;
    decide_env env = make_env(0, TYPES("m5"), 0, 1);
    wants(&env, &(decide_shape){ .need = { 1000, 512, 0 }, .count = 1 }, 1);
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 0);
}

/* What is being drained or was lost still runs: it counts until it has ended. */
static void max_vcpus_counts_all_that_has_not_ended(void **state)
{
    (void)state;
    decide_instance instances[] = { instance("m5.large", OB_INSTANCE_DRAINING, 1),
                                    instance("m5.large", OB_INSTANCE_LOST, 1),
                                    instance("m5.large", OB_INSTANCE_ACTIVE, 1) };
    decide_env env = make_env(0, TYPES("m5"), 0, 8);
    has(&env, instances, 3);
    wants(&env, &(decide_shape){ .need = { 1000, 512, 0 }, .count = 10 }, 1);
    assert_int_equal(launched_vcpus(run(&env, 1, &unlimited, &limits, launches)), 2);
}

static void a_floor_is_kept_running(void **state)
{
    (void)state;
    decide_env env = make_env(0, TYPES("m5"), 16, 64);
    size_t n = run(&env, 1, &unlimited, &limits, launches);
    assert_int_equal(launched_vcpus(n), 16);

    decide_instance idle[] = { instance("m5.2xlarge", OB_INSTANCE_ACTIVE, 0),
                               instance("m5.2xlarge", OB_INSTANCE_ACTIVE, 0),
                               instance("m5.large", OB_INSTANCE_ACTIVE, 0) };
    has(&env, idle, 3);
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 0);
    assert_null(idle[0].drain);
    assert_null(idle[1].drain);
    assert_non_null(idle[2].drain);
}

/* minvCpus stay, and come back, also while it is DISABLED; nothing comes for work. */
static void a_disabled_environment_keeps_its_floor_and_no_more(void **state)
{
    (void)state;
    decide_instance instances[] = { instance("m5.large", OB_INSTANCE_ACTIVE, 0),
                                    instance("m5.large", OB_INSTANCE_ACTIVE, 0) };
    decide_env env = make_env(0, TYPES("m5"), 2, 64);
    env.enabled = false;
    has(&env, instances, 2);
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 0);
    assert_int_equal(!!instances[0].drain + !!instances[1].drain, 1);

    wants(&env, &(decide_shape){ .need = { 1000, 512, 0 }, .count = 100 }, 1);
    env.n_instances = 0;
    assert_int_equal(launched_vcpus(run(&env, 1, &unlimited, &limits, launches)), 2);
    env.floor_mcpu = 0;
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 0);

    env.enabled = true;
    env.valid = false;
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 0);
}

static void a_deleted_environment_gives_back_everything(void **state)
{
    (void)state;
    decide_instance instances[] = { instance("m5.large", OB_INSTANCE_ACTIVE, 3),
                                    instance("m5.large", OB_INSTANCE_LAUNCHING, 0),
                                    instance("m5.large", OB_INSTANCE_DRAINING, 0),
                                    instance("m5.large", OB_INSTANCE_LOST, 0) };
    decide_env env = make_env(0, TYPES("m5"), 4, 64);
    instances[2].bounded = true;
    env.deleting = true;
    env.demand_known = false;
    has(&env, instances, 4);
    wants(&env, &(decide_shape){ .need = { 1000, 512, 0 }, .count = 10 }, 1);
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 0);
    assert_non_null(instances[0].drain);
    assert_non_null(instances[1].drain);
    assert_null(instances[2].drain);
    assert_null(instances[3].drain);
}

/* ---- Idle ---- */

static void free_room_is_used_before_anything_is_launched(void **state)
{
    (void)state;
    decide_instance instances[] = { instance("m5.xlarge", OB_INSTANCE_ACTIVE, 0),
                                    instance("m5.xlarge", OB_INSTANCE_LAUNCHING, 0) };
    instances[0].runs = 1;
    instances[0].used = (ob_resources){ 2000, 4096, 0 };
    decide_env env = make_env(0, TYPES("m5"), 0, 64);
    has(&env, instances, 2);
    wants(&env, &(decide_shape){ .need = { 1000, 512, 0 }, .count = 6 }, 1);
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 0);
    wants(&env, &(decide_shape){ .need = { 1000, 512, 0 }, .count = 7 }, 1);
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 1);
}

static void only_idle_instances_nobody_waits_for_go(void **state)
{
    (void)state;
    decide_instance instances[] = { instance("m5.large", OB_INSTANCE_ACTIVE, 0),
                                    instance("m5.large", OB_INSTANCE_ACTIVE, 0),
                                    instance("m5.large", OB_INSTANCE_ACTIVE, 1),
                                    instance("m5.large", OB_INSTANCE_LAUNCHING, 0) };
    instances[1].idle_ms = 4999;
    decide_env env = make_env(0, TYPES("m5"), 0, 64);
    has(&env, instances, 4);
    (void)run(&env, 1, &unlimited, &limits, launches);
    assert_non_null(instances[0].drain);
    for (int i = 1; i < 4; i++)
        assert_null(instances[i].drain);

    /* Work for the idle one: it stays. */
    wants(&env, &(decide_shape){ .need = { 1000, 512, 0 }, .count = 1 }, 1);
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 0);
    assert_null(instances[0].drain);

    /* Nothing is known of demand: it stays too. */
    wants(&env, NULL, 0);
    env.demand_known = false;
    (void)run(&env, 1, &unlimited, &limits, launches);
    assert_null(instances[0].drain);
}

static void an_instance_stays_for_a_while_after_its_last_run(void **state)
{
    (void)state;
    decide_instance there[] = { instance("m5.large", OB_INSTANCE_ACTIVE, 0),
                                instance("m5.large", OB_INSTANCE_ACTIVE, 0) };
    there[0].ran = true;
    decide_env env = make_env(0, TYPES("m5"), 0, 16);
    env.scale_down_ms = 20 * 60000;
    has(&env, there, 2);
    (void)run(&env, 1, &unlimited, &limits, launches);
    assert_null(there[0].drain);
    assert_non_null(there[1].drain); /* it never had one */
    there[0].idle_ms = 20 * 60000;
    (void)run(&env, 1, &unlimited, &limits, launches);
    assert_non_null(there[0].drain);
}

static void launches_come_in_bounded_portions(void **state)
{
    (void)state;
    decide_env env = make_env(0, TYPES("m5.large"), 0, 100000);
    decide_limits few = limits;
    few.max_launches = 3;
    wants(&env, &(decide_shape){ .need = { 1000, 512, 0 }, .count = 1000000 }, 1);
    assert_int_equal(run(&env, 1, &unlimited, &few, launches), 3);
}

/* Thousands of shapes: one call does a bounded part of it, the next go on to the end. */
static void a_call_looks_at_so_much_and_the_next_goes_on(void **state)
{
    (void)state;
    static packing p;
    enum { SHAPES = 4000, STEPS = 1000000 };
    packing_distinct(&p, 1, SHAPES);
    decide_env env = make_env(0, TYPES("m5", "c5", "r5"), 0, 1000000);
    decide_limits few = limits;
    few.max_steps = STEPS;
    wants(&env, p.shapes, p.n_shapes);
    decide_instance *there = NULL;
    size_t n = 1, calls = 0;
    for (; n > 0; calls++) {
        n = run(&env, 1, &unlimited, &few, launches);
        /* A launch has each type looked at with each shape; one may begin below the limit. */
        assert_true(n * env.n_types * SHAPES < STEPS + env.n_types * SHAPES);
        assert_true(n > 0 || !env.passed);
        there = ob_realloc(there, (env.n_instances + n + 1) * sizeof(*there));
        for (size_t i = 0; i < n; i++) {
            there[env.n_instances] = instance(launches[i].type->name, OB_INSTANCE_LAUNCHING, 0);
            there[env.n_instances].plan = ob_take(launches[i].plan);
            there[env.n_instances++].n_plan = launches[i].n_plan;
        }
        has(&env, there, env.n_instances);
    }
    assert_true(calls > 10);
    assert_false(env.lacks_room);
    int64_t planned = 0;
    for (size_t i = 0; i < env.n_instances; i++) {
        for (size_t k = 0; k < there[i].n_plan; k++)
            planned += there[i].plan[k].count;
        free((void *)there[i].plan);
    }
    assert_true(planned >= SHAPES); /* some are planned again where others took their place */
    free(there);
}

/* ---- A host with an end ---- */

static void short_of_room_a_smaller_type_helps(void **state)
{
    (void)state;
    decide_env env = make_env(0, TYPES("m5"), 0, 256);
    decide_host host = host_of(8, 2);
    wants(&env, &(decide_shape){ .need = { 1000, 512, 0 }, .count = 100 }, 1);
    assert_int_equal(run(&env, 1, &host, &limits, launches), 1);
    assert_string_equal(launches[0].type->name, "m5.large");
    assert_true(env.lacks_room);

    host = host_of(8, 0);
    assert_int_equal(run(&env, 1, &host, &limits, launches), 0);
    assert_true(env.lacks_room);

    /* Memory ends too. */
    host = host_of(64, 64);
    host.mem_left = 8192;
    assert_int_equal(run(&env, 1, &host, &limits, launches), 1);
    assert_true(env.lacks_room);
}

static void the_whole_host_is_used(void **state)
{
    (void)state;
    decide_env env = make_env(0, TYPES("m5"), 0, 256);
    decide_host host = host_of(8, 8);
    wants(&env, &(decide_shape){ .need = { 1000, 512, 0 }, .count = 100 }, 1);
    size_t n = run(&env, 1, &host, &limits, launches);
    assert_int_equal(launched_vcpus(n), 8);

    /* Work that needs more than half of it gets it. */
    host = host_of(8, 8);
    wants(&env, &(decide_shape){ .need = { 6000, 512, 0 }, .count = 1 }, 1);
    assert_int_equal(run(&env, 1, &host, &limits, launches), 1);
    assert_string_equal(launches[0].type->name, "m5.2xlarge");
}

static void unavailable_types_are_passed_over(void **state)
{
    (void)state;
    decide_env env = make_env(0, TYPES("m5.large", "m6i.large"), 0, 256);
    wants(&env, &(decide_shape){ .need = { 1000, 512, 0 }, .count = 1 }, 1);
    types_of[0][0].unavailable = true;
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 1);
    assert_string_equal(launches[0].type->name, "m6i.large");
    types_of[0][1].unavailable = true;
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 0);
    assert_true(env.lacks_room);
}

static void environments_share_a_host_evenly(void **state)
{
    (void)state;
    decide_env envs[] = { make_env(0, TYPES("m5"), 0, 256), make_env(1, TYPES("c5"), 0, 256) };
    decide_shape much = { .need = { 1000, 512, 0 }, .count = 1000 };
    decide_host host = host_of(8, 8);
    wants(&envs[0], &much, 1);
    wants(&envs[1], &much, 1);
    size_t n = run(envs, 2, &host, &limits, launches);
    int32_t first = 0;
    for (size_t i = 0; i < n; i++)
        first += launches[i].env == 0 ? launches[i].nominal.mcpu / 1000 : 0;
    assert_int_equal(first, 4);
    assert_int_equal(launched_vcpus(n), 8);
}

/* Nothing is placed there (its scheduler says so): work has another instance, and at maxvCpus the
 * idle one goes for it. On Fargate as well, whatever its size. */
static void an_instance_whose_room_is_not_used_is_replaced(void **state)
{
    (void)state;
    const decide_shape work = { .need = { 1000, 2048, 0 }, .count = 1 };
    for (int exact = 0; exact < 2; exact++) {
        decide_instance here = instance("m5.large", OB_INSTANCE_ACTIVE, 0);
        decide_env env = make_env(0, TYPES("m5.large"), 0, exact ? 2 : 4);
        env.exact = exact;
        if (exact)
            here.nominal = here.size = work.need;
        here.used = here.size;
        has(&env, &here, 1);
        wants(&env, &work, 1);
        assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 1);
        env.max_mcpu = here.nominal.mcpu;
        here.idle_ms = VERY_IDLE;
        assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 0);
        assert_non_null(here.drain);
        here.used = (ob_resources){ 0 };
        assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 0);
        assert_null(here.drain);
    }
}

static void idle_instances_make_room_for_others_at_once(void **state)
{
    (void)state;
    decide_instance instances[] = { instance("m5.xlarge", OB_INSTANCE_ACTIVE, 0),
                                    instance("m5.xlarge", OB_INSTANCE_ACTIVE, 0) };
    instances[0].idle_ms = instances[1].idle_ms = 10;
    decide_env envs[] = { make_env(0, TYPES("m5"), 0, 8), make_env(1, TYPES("c5"), 0, 8) };
    decide_host host = host_of(8, 0);
    has(&envs[0], instances, 2);
    wants(&envs[1], &(decide_shape){ .need = { 1000, 512, 0 }, .count = 1 }, 1);
    assert_int_equal(run(envs, 2, &host, &limits, launches), 0);
    assert_int_equal(!!instances[0].drain + !!instances[1].drain, 1);

    /* What is ending already is waited for. */
    host.mcpu_ending = 4000;
    host.mem_ending = 8192;
    (void)run(envs, 2, &host, &limits, launches);
    assert_int_equal(!!instances[0].drain + !!instances[1].drain, 0);

    /* A floor stays. */
    host = host_of(8, 0);
    envs[0].floor_mcpu = 8000;
    (void)run(envs, 2, &host, &limits, launches);
    assert_int_equal(!!instances[0].drain + !!instances[1].drain, 0);
}

/* Another environment's long work does not keep a whole host for ever. */
static void a_starved_environment_gets_its_share(void **state)
{
    (void)state;
    decide_instance instances[] = { instance("m5.xlarge", OB_INSTANCE_ACTIVE, 4),
                                    instance("m5.xlarge", OB_INSTANCE_ACTIVE, 2) };
    decide_env envs[] = { make_env(0, TYPES("m5"), 0, 8), make_env(1, TYPES("c5"), 0, 8) };
    decide_host host = host_of(8, 0);
    has(&envs[0], instances, 2);
    wants(&envs[1], &(decide_shape){ .need = { 1000, 512, 0 }, .count = 1 }, 1);
    (void)run(envs, 2, &host, &limits, launches);
    assert_int_equal(!!instances[0].drain + !!instances[1].drain, 0); /* not starved yet */
    envs[1].starved_ms = 2000;
    (void)run(envs, 2, &host, &limits, launches);
    assert_null(instances[0].drain);
    assert_non_null(instances[1].drain);
}

static void nobody_is_starved_who_has_something(void **state)
{
    (void)state;
    decide_instance rich[] = { instance("m5.xlarge", OB_INSTANCE_ACTIVE, 4),
                               instance("m5.large", OB_INSTANCE_ACTIVE, 2) };
    decide_instance poor[] = { instance("c5.large", OB_INSTANCE_ACTIVE, 2) };
    decide_env envs[] = { make_env(0, TYPES("m5"), 0, 8), make_env(1, TYPES("c5"), 0, 8) };
    decide_host host = host_of(8, 0);
    has(&envs[0], rich, 2);
    has(&envs[1], poor, 1);
    envs[1].starved_ms = VERY_IDLE;
    wants(&envs[1], &(decide_shape){ .need = { 1000, 512, 0 }, .count = 100 }, 1);
    (void)run(envs, 2, &host, &limits, launches);
    assert_null(rich[0].drain);
    assert_null(rich[1].drain);
}

/* What one lacks is not known while another takes all launches of a turn. */
static void who_is_passed_is_said(void **state)
{
    (void)state;
    decide_instance rich[] = { instance("m5.24xlarge", OB_INSTANCE_ACTIVE, 1),
                               instance("m5.24xlarge", OB_INSTANCE_ACTIVE, 1) };
    decide_env envs[] = { make_env(0, TYPES("m5.24xlarge"), 0, 1000),
                          make_env(1, TYPES("c5.large"), 0, 1000) };
    types_of[0][0].unavailable = true;
    has(&envs[0], rich, 2);
    wants(&envs[0], &(decide_shape){ .need = { 1000, 512, 0 }, .count = 1 }, 1);
    wants(&envs[1], &(decide_shape){ .need = { 2000, 512, 0 }, .count = 70 }, 1);
    assert_int_equal(run(envs, 2, &unlimited, &limits, launches), MAX_LAUNCHES);
    assert_true(envs[0].passed && envs[1].passed);
    assert_false(envs[0].lacks_room);
    envs[1].shapes = &(decide_shape){ .need = { 2000, 512, 0 }, .count = 6 };
    assert_int_equal(run(envs, 2, &unlimited, &limits, launches), 6);
    assert_false(envs[0].passed || envs[1].passed);
    assert_true(envs[0].lacks_room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cheapest_type_that_fits_is_launched),
        cmocka_unit_test(gpu_work_gets_gpus),
        cmocka_unit_test(equal_types_are_told_apart_by_name),
        cmocka_unit_test(much_work_gets_few_suitable_instances),
        cmocka_unit_test(work_that_fits_nothing_launches_nothing),
        cmocka_unit_test(launches_suffice_and_deciding_again_adds_none),
        cmocka_unit_test(max_vcpus_is_never_exceeded),
        cmocka_unit_test(best_fit_never_exceeds_at_all),
        cmocka_unit_test(max_vcpus_counts_all_that_has_not_ended),
        cmocka_unit_test(a_floor_is_kept_running),
        cmocka_unit_test(a_disabled_environment_keeps_its_floor_and_no_more),
        cmocka_unit_test(a_deleted_environment_gives_back_everything),
        cmocka_unit_test(free_room_is_used_before_anything_is_launched),
        cmocka_unit_test(only_idle_instances_nobody_waits_for_go),
        cmocka_unit_test(an_instance_stays_for_a_while_after_its_last_run),
        cmocka_unit_test(launches_come_in_bounded_portions),
        cmocka_unit_test(a_call_looks_at_so_much_and_the_next_goes_on),
        cmocka_unit_test(short_of_room_a_smaller_type_helps),
        cmocka_unit_test(the_whole_host_is_used),
        cmocka_unit_test(unavailable_types_are_passed_over),
        cmocka_unit_test(environments_share_a_host_evenly),
        cmocka_unit_test(an_instance_whose_room_is_not_used_is_replaced),
        cmocka_unit_test(idle_instances_make_room_for_others_at_once),
        cmocka_unit_test(a_starved_environment_gets_its_share),
        cmocka_unit_test(nobody_is_starved_who_has_something),
        cmocka_unit_test(who_is_passed_is_said),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    forget_plans();
    return failed;
}
