/* How the scaler chooses types: allocation strategies, the cost of the choice, Fargate; and what it
 * replaces after updates. */
#include "deciding.h"
#include "ob/catalog.h"
#include "packing.h"

/* ---- Allocation strategies ---- */

static const decide_shape some_work = { .need = { 2000, 2048, 0 }, .count = 1 };

static const char *first_choice(decide_strategy strategy, const char *const *entries)
{
    decide_env env = make_env(0, entries, 0, 256);
    env.strategy = strategy;
    wants(&env, &some_work, 1);
    return run(&env, 1, &unlimited, &limits, launches) > 0 ? launches[0].type->name : "none";
}

static void best_fit_waits_for_its_type_and_the_others_go_on(void **state)
{
    (void)state;
    decide_env env = make_env(0, TYPES("c5.large", "m5.large"), 0, 256);
    wants(&env, &some_work, 1);
    types_of[0][0].unavailable = true;
    env.strategy = DECIDE_BEST_FIT;
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 0);
    assert_true(env.lacks_room);
    for (int s = DECIDE_PROGRESSIVE; s <= DECIDE_SPOT_CAPACITY_PRIORITIZED; s++) {
        env.strategy = (decide_strategy)s;
        assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 1);
        assert_string_equal(launches[0].type->name, "m5.large");
        assert_false(env.lacks_room);
    }
    /* For a type that can never be had nobody waits. */
    types_of[0][0].barred = true;
    env.strategy = DECIDE_BEST_FIT;
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 1);
}

/* BEST_FIT on a host that is full for now: its type, not one that happens to fit. */
static void best_fit_waits_for_room(void **state)
{
    (void)state;
    decide_env env = make_env(0, TYPES("m5"), 0, 256);
    decide_host host = host_of(16, 2);
    env.strategy = DECIDE_BEST_FIT;
    wants(&env, &(decide_shape){ .need = { 4000, 512, 0 }, .count = 10 }, 1);
    assert_int_equal(run(&env, 1, &host, &limits, launches), 0);
    assert_true(env.lacks_room);
    host = host_of(16, 16);
    assert_int_equal(launched_vcpus(run(&env, 1, &host, &limits, launches)), 16);
}

static void the_users_order_goes_before_price(void **state)
{
    (void)state;
    const char *const *order = TYPES("r5", "m5.2xlarge", "m5");
    assert_string_equal(first_choice(DECIDE_PROGRESSIVE, order), "m5.large");
    assert_string_equal(first_choice(DECIDE_ORDERED, order), "r5.large");
    /* A family stands at its place by price; what is too small is skipped. */
    order = TYPES("c5.large", "m5.2xlarge", "m5");
    decide_env env = make_env(0, order, 0, 256);
    env.strategy = DECIDE_ORDERED;
    wants(&env, &(decide_shape){ .need = { 4000, 2048, 0 }, .count = 1 }, 1);
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 1);
    assert_string_equal(launches[0].type->name, "m5.2xlarge");
}

static void interruptions_count_by_strategy(void **state)
{
    (void)state;
    /* m5a is the cheapest, m6i interrupted less often. */
    const char *const *types = TYPES("m5a.large", "m6i.large", "m7i.large");
    assert_string_equal(first_choice(DECIDE_PROGRESSIVE, types), "m5a.large");
    assert_string_equal(first_choice(DECIDE_SPOT_CAPACITY, types), "m6i.large");
    assert_string_equal(first_choice(DECIDE_SPOT_PRICE_CAPACITY, types), "m5a.large");
    types = TYPES("m5a.large", "m7i.large", "m6i.large");
    assert_string_equal(first_choice(DECIDE_SPOT_CAPACITY_PRIORITIZED, types), "m7i.large");

    /* A small saving does not make up for many interruptions. */
    decide_env env = make_env(0, TYPES("m5.large", "m6i.large"), 0, 256);
    env.strategy = DECIDE_SPOT_PRICE_CAPACITY;
    wants(&env, &some_work, 1);
    types_of[0][0].price = types_of[0][1].price * 98 / 100;
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 1);
    assert_string_equal(launches[0].type->name, "m6i.large");
    types_of[0][0].price = types_of[0][1].price * 80 / 100;
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 1);
    assert_string_equal(launches[0].type->name, "m5.large");
}

/* Beyond maxvCpus by one instance at most, for what fits nothing smaller, never with BEST_FIT. */
static void max_vcpus_may_be_passed_by_one_instance(void **state)
{
    (void)state;
    decide_instance there[] = { instance("c5.large", OB_INSTANCE_ACTIVE, 2) };
    decide_env env = make_env(0, TYPES("c5.large", "m5.2xlarge"), 0, 4);
    has(&env, there, 1);
    wants(&env, &(decide_shape){ .need = { 3000, 4096, 0 }, .count = 5 }, 1);
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 0);
    env.may_exceed = true;
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 1);
    assert_string_equal(launches[0].type->name, "m5.2xlarge");
    /* Work that smaller ones take is no reason. */
    wants(&env, &(decide_shape){ .need = { 1000, 1024, 0 }, .count = 50 }, 1);
    assert_int_equal(launched_vcpus(run(&env, 1, &unlimited, &limits, launches)), 2);
}

/* With each strategy, those of Spot at Spot's prices. */
static void mixed_work_gets_types_of_its_proportions(void **state)
{
    (void)state;
    static packing p;
    const decide_shape mixed[] = { { .need = { 4000, 7200, 0 }, .count = 40 },
                                   { .need = { 4000, 15000, 0 }, .count = 40 },
                                   { .need = { 4000, 30000, 0 }, .count = 40 } };
    for (int s = DECIDE_BEST_FIT; s <= DECIDE_SPOT_CAPACITY_PRIORITIZED; s++) {
        decide_strategy strategy = (decide_strategy)s;
        bool c = false, m = false, r = false;
        packing_types(&p, TYPES("optimal"));
        decide_env env = make_env(0, TYPES("optimal"), 0, 1024);
        env.strategy = strategy;
        for (size_t i = 0; i < p.n_types && s >= DECIDE_SPOT_CAPACITY; i++)
            p.types[i].price = types_of[0][i].price = ob_catalog_find(p.types[i].name)->spot;
        memcpy(p.shapes, mixed, sizeof(mixed));
        p.n_shapes = 3;
        wants(&env, mixed, 3);
        size_t n = run(&env, 1, &unlimited, &limits, launches);
        for (size_t i = 0; i < n; i++) {
            c = c || launches[i].type->name[0] == 'c';
            m = m || launches[i].type->name[0] == 'm';
            r = r || launches[i].type->name[0] == 'r';
        }
        assert_true(c && m && r);
        packing_result res = packing_launch(&p, strategy, NULL, NULL);
        assert_true(res.complete && res.cost < 1.05 * packing_bound(&p));
    }
}

/* The benchmark's small form: against the lower bound of what any set of instances costs. */
static void instances_cost_little_more_than_they_must(void **state)
{
    (void)state;
    static packing p;
    double sum = 0;
    const int workloads = 40;
    packing_types(&p, TYPES("optimal"));
    for (int i = 0; i < workloads; i++) {
        packing_random(&p, (unsigned)i + 1, 1 + (size_t)i % 12, 300);
        packing_result res = packing_launch(&p, DECIDE_PROGRESSIVE, NULL, NULL);
        double ratio = res.cost / packing_bound(&p);
        assert_true(res.complete);
        assert_true(ratio > 0.999 && ratio < 1.3);
        sum += ratio;
    }
    assert_true(sum / workloads < 1.1);
}

/* ---- Fargate ---- */

static decide_env make_fargate(int32_t max)
{
    decide_env env = make_env(0, TYPES("no such type"), 0, max);
    env.exact = true;
    return env;
}

static void each_job_gets_an_instance_of_its_size(void **state)
{
    (void)state;
    const decide_shape work[] = { { .need = { 250, 512, 0 }, .count = 2 },
                                  { .need = { 1000, 2048, 0 }, .count = 1 } };
    decide_env env = make_fargate(16);
    wants(&env, work, 2);
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 3);
    assert_null(launches[0].type);
    assert_int_equal(launches[0].size.mcpu, 1000);
    assert_int_equal(launches[1].size.mcpu, 250);
    assert_int_equal(launches[2].nominal.mem_mib, 512);

    /* On its way or idle: it is for one job. Larger ones are for others. */
    decide_instance there[] = {
        { .nominal = work[0].need, .size = work[0].need, .state = OB_INSTANCE_LAUNCHING },
        { .nominal = work[1].need, .size = work[1].need, .state = OB_INSTANCE_ACTIVE },
    };
    has(&env, there, 2);
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 1);
    assert_int_equal(launches[0].size.mcpu, 250);
    assert_null(there[1].drain);
    wants(&env, work, 1);
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 1);
    assert_non_null(there[1].drain); /* at once: its job has ended */
}

static void max_vcpus_limit_what_runs_on_fargate(void **state)
{
    (void)state;
    decide_env env = make_fargate(1);
    wants(&env, &(decide_shape){ .need = { 250, 512, 0 }, .count = 100 }, 1);
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 4);
    wants(&env, &(decide_shape){ .need = { 2000, 4096, 0 }, .count = 1 }, 1);
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 0);
    assert_false(env.lacks_room);
    decide_host host = host_of(4, 1);
    env.max_mcpu = 4000;
    assert_int_equal(run(&env, 1, &host, &limits, launches), 0);
    assert_true(env.lacks_room);
}

/* ---- Updates ---- */

static void instances_of_an_older_infrastructure_are_replaced(void **state)
{
    (void)state;
    decide_instance there[] = { instance("m5.large", OB_INSTANCE_ACTIVE, 2),
                                instance("m5.large", OB_INSTANCE_LAUNCHING, 0),
                                instance("c5.large", OB_INSTANCE_ACTIVE, 2) };
    there[0].outdated = there[1].outdated = true;
    decide_env env = make_env(0, TYPES("c5"), 4, 16);
    has(&env, there, 3);
    size_t n = run(&env, 1, &unlimited, &limits, launches);
    assert_non_null(there[0].drain);
    assert_non_null(there[1].drain);
    assert_null(there[2].drain);
    assert_int_equal(launched_vcpus(n),
                     2); /* to the floor; the old ones still count for maxvCpus */
    env.max_mcpu = 6000;
    assert_int_equal(run(&env, 1, &unlimited, &limits, launches), 0);
}

/* Else an update, or a deletion, would wait for a job that runs on what was draining before. */
static void what_drains_already_gets_a_deadline_once(void **state)
{
    (void)state;
    decide_instance there[] = { instance("m5.large", OB_INSTANCE_DRAINING, 2),
                                instance("m5.large", OB_INSTANCE_DRAINING, 2),
                                instance("m5.large", OB_INSTANCE_LOST, 2) };
    decide_env env = make_env(0, TYPES("m5"), 0, 16);
    has(&env, there, 3);
    (void)run(&env, 1, &unlimited, &limits, launches);
    assert_null(there[0].drain);
    there[0].outdated = there[1].outdated = there[2].outdated = true;
    there[1].bounded = true;
    (void)run(&env, 1, &unlimited, &limits, launches);
    assert_non_null(there[0].drain);
    assert_null(there[1].drain);
    assert_null(there[2].drain);
    there[0].outdated = there[1].outdated = there[2].outdated = false;
    env.deleting = true;
    (void)run(&env, 1, &unlimited, &limits, launches);
    assert_non_null(there[0].drain);
    assert_null(there[1].drain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(best_fit_waits_for_its_type_and_the_others_go_on),
        cmocka_unit_test(best_fit_waits_for_room),
        cmocka_unit_test(the_users_order_goes_before_price),
        cmocka_unit_test(interruptions_count_by_strategy),
        cmocka_unit_test(max_vcpus_may_be_passed_by_one_instance),
        cmocka_unit_test(mixed_work_gets_types_of_its_proportions),
        cmocka_unit_test(instances_cost_little_more_than_they_must),
        cmocka_unit_test(each_job_gets_an_instance_of_its_size),
        cmocka_unit_test(max_vcpus_limit_what_runs_on_fargate),
        cmocka_unit_test(instances_of_an_older_infrastructure_are_replaced),
        cmocka_unit_test(what_drains_already_gets_a_deadline_once),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    forget_plans();
    return failed;
}
