/* What an environment may launch, according to its settings; the sizes of Fargate. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "decide/env_types.h"
#include "ob/fargate.h"

/* A provider of x86_64 machines. */
static const char *refuses(provider *p, ob_arch arch)
{
    (void)p;
    return arch == OB_ARCH_X86_64 ? NULL : "this host is x86_64";
}
static provider_room all; /* unlimited, unless a test says otherwise */

static void room(provider *p, provider_room *ret)
{
    (void)p;
    *ret = all;
}

static const provider_ops ops = { .refuses = refuses, .room = room, .name = "the provider" };
static provider fake = { .ops = &ops };
static scaler s = { .provider = &fake };

static env make(bool spot, const char *body)
{
    env e = { .name = (char *)"blue", .managed = true, .spot = spot, .max_vcpus = 16 };
    env_types_set(&s, &e, body);
    return e;
}

#define BODY(more) "{\"computeResources\": {\"instanceTypes\": [\"m5\", \"c5.large\"]" more "}}"

static const decide_type *find(const env *e, const char *name)
{
    for (size_t i = 0; i < e->n_types; i++)
        if (!strcmp(e->types[i].name, name))
            return &e->types[i];
    return NULL;
}

static void entries_become_types_in_the_users_order(void **state)
{
    (void)state;
    env e = make(false, "{\"computeResources\": {\"allocationStrategy\":"
                        " \"BEST_FIT_PROGRESSIVE_ORDERED\","
                        " \"instanceTypes\": [\"m5\", \"c5.large\", \"m5.xlarge\"]}}");
    assert_int_equal(e.strategy, DECIDE_ORDERED);
    assert_true(e.may_exceed);
    assert_int_equal(find(&e, "m5.large")->rank, 0);
    assert_int_equal(find(&e, "c5.large")->rank, 1);
    assert_int_equal(find(&e, "m5.xlarge")->rank, 2); /* named itself: not at its family's place */
    assert_null(find(&e, "c5.xlarge"));
    assert_null(e.invalid);
    /* Shapes: also beyond maxvCpus, for work that fits nothing smaller. */
    assert_non_null(strstr(e.shapes_json, "[16000,"));
    assert_non_null(strstr(e.shapes_json, "[32000,"));
    env_types_free(&e);
}

static void each_strategy_is_known_and_best_fit_is_the_default(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        bool spot, may_exceed;
        decide_strategy strategy;
    } cases[] = {
        { BODY(""), false, false, DECIDE_BEST_FIT },
        { BODY(""), true, true, DECIDE_BEST_FIT },
        { BODY(", \"allocationStrategy\": \"BEST_FIT_PROGRESSIVE\""), false, true,
          DECIDE_PROGRESSIVE },
        { BODY(", \"allocationStrategy\": \"SPOT_CAPACITY_OPTIMIZED\""), true, true,
          DECIDE_SPOT_CAPACITY },
        { BODY(", \"allocationStrategy\": \"SPOT_PRICE_CAPACITY_OPTIMIZED\""), true, true,
          DECIDE_SPOT_PRICE_CAPACITY },
        { BODY(", \"allocationStrategy\": \"SPOT_CAPACITY_OPTIMIZED_PRIORITIZED\""), true, true,
          DECIDE_SPOT_CAPACITY_PRIORITIZED },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        env e = make(cases[i].spot, cases[i].body);
        assert_int_equal(e.strategy, cases[i].strategy);
        assert_int_equal(e.may_exceed, cases[i].may_exceed);
        env_types_free(&e);
    }
}

static void best_fit_has_no_shape_above_the_maximum(void **state)
{
    (void)state;
    env small = make(false, BODY(""));
    assert_non_null(strstr(small.shapes_json, "[16000,"));
    assert_null(strstr(small.shapes_json, "[32000,"));
    env_types_free(&small);
    static const struct {
        const char *strategy, *shapes;
        bool spot;
    } cases[] = {
        { "BEST_FIT", "[]", false },
        { "BEST_FIT", "[[64000,", true },
        { "BEST_FIT_PROGRESSIVE", "[[64000,", false },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        ob_cleanup(ob_freep) char *body =
            ob_strf("{\"computeResources\": {\"allocationStrategy\": \"%s\","
                    " \"instanceTypes\": [\"m5.16xlarge\"]}}",
                    cases[i].strategy);
        env e = make(cases[i].spot, body);
        assert_null(e.invalid);
        assert_memory_equal(e.shapes_json, cases[i].shapes, strlen(cases[i].shapes));
        env_types_free(&e);
    }
}

static void a_low_bid_bars_types(void **state)
{
    (void)state;
    env e = make(true, BODY(", \"bidPercentage\": 39"));
    for (size_t i = 0; i < e.n_types; i++) /* Spot is at 40 % of on-demand for both families */
        assert_true(e.types[i].barred && e.types[i].dear);
    assert_null(e.invalid); /* no error: prices change */
    env_types_free(&e);
    e = make(true, BODY(", \"bidPercentage\": 60"));
    assert_false(find(&e, "m5.large")->barred);
    assert_false(find(&e, "m5.large")->dear);
    assert_int_equal(find(&e, "m5.large")->price, ob_catalog_find("m5.large")->spot);
    env_types_free(&e);
    e = make(false, BODY(", \"bidPercentage\": 1")); /* means nothing on demand */
    assert_false(find(&e, "m5.large")->barred);
    env_types_free(&e);
}

static void what_can_never_be_had_is_invalid(void **state)
{
    (void)state;
    env e = make(false, "{\"computeResources\": {\"instanceTypes\": [\"m6g\", \"c7g.large\"]}}");
    assert_string_equal(e.invalid,
                        "CLIENT_ERROR - The instance types [m6g, c7g.large] cannot be launched: "
                        "they are arm64, and this host is x86_64.");
    env_types_free(&e);
    e = make(false, "{\"computeResources\": {\"instanceTypes\": [\"lab1\"]}}");
    assert_string_equal(e.invalid, "CLIENT_ERROR - None of the instance types [lab1] is in the "
                                   "catalogue.");
    /* An update repairs it. */
    env_types_set(&s, &e, BODY(""));
    assert_null(e.invalid);
    env_types_free(&e);
}

static void only_what_makes_instances_replaces_them(void **state)
{
    (void)state;
    static const char *const same[] = { BODY(", \"maxvCpus\": 99, \"minvCpus\": 1"),
                                        BODY(", \"scalingPolicy\":"
                                             " {\"minScaleDownDelayMinutes\": 20}") };
    static const char *const other[] = { BODY(", \"imageId\": \"ami-1\""),
                                         BODY(", \"subnets\": [\"subnet-2\"]"),
                                         BODY(", \"type\": \"SPOT\""),
                                         BODY(", \"updateToLatestImageVersion\": 1") };
    env first = make(false, BODY(""));
    for (size_t i = 0; i < 2; i++) {
        env e = make(false, same[i]);
        assert_string_equal(e.launch_hash, first.launch_hash);
        assert_int_equal(e.scale_down_ms, i == 1 ? 20 * 60000 : 0);
        env_types_free(&e);
    }
    for (size_t i = 0; i < ARRAY_SIZE(other); i++) {
        env e = make(false, other[i]);
        assert_string_not_equal(e.launch_hash, first.launch_hash);
        env_types_free(&e);
    }
    assert_int_equal(first.drain_ms, 30 * 60000);
    env_types_free(&first);
    env e = make(false, "{\"updatePolicy\": {\"jobExecutionTimeoutMinutes\": 5}}");
    assert_int_equal(e.drain_ms, 5 * 60000);
    env_types_free(&e);
    e = make(false, "{\"updatePolicy\": {\"terminateJobsOnUpdate\": true}}");
    assert_int_equal(e.drain_ms, 0);
    env_types_free(&e);
}

static void a_refused_type_is_asked_for_later_and_later(void **state)
{
    (void)state;
    env e = make(false, BODY(""));
    const decide_type *type = find(&e, "m5.large");
    int32_t before = type->interruptions;
    int64_t now_ms = 1000000;
    for (int64_t wait_ms = 1000; wait_ms < 60000; wait_ms *= 2) {
        env_types_refuse(&e, "m5.large", now_ms);
        env_types_refresh(&e, now_ms + wait_ms - 1);
        assert_true(type->unavailable);
        assert_false(find(&e, "c5.large")->unavailable);
        env_types_refresh(&e, now_ms + wait_ms);
        assert_false(type->unavailable);
        assert_true(type->may_fail);
    }
    for (int i = 0; i < 100; i++)
        env_types_refuse(&e, "m5.large", now_ms);
    env_types_refresh(&e, now_ms + 59999);
    assert_true(type->unavailable);
    env_types_refresh(&e, now_ms + 60000);
    assert_false(type->unavailable);
    assert_true(type->interruptions > before);
    env_types_accept(&e, "m5.large");
    env_types_refresh(&e, now_ms);
    assert_false(type->unavailable);
    assert_false(type->may_fail);
    assert_int_equal(type->interruptions, before);
    env_types_free(&e);
}

/* Whatever is in use there. */
static void what_is_larger_than_the_whole_provider_never_comes(void **state)
{
    (void)state;
    all = (provider_room){ .limited = true, .mcpu = 8000, .mem_mib = 24000, .mem_left = 24000 };
    env e = make(false, "{\"computeResources\": {\"instanceTypes\": [\"m5.24xlarge\"]}}");
    assert_string_equal(e.invalid,
                        "CLIENT_ERROR - The instance types [m5.24xlarge] cannot be launched: "
                        "m5.24xlarge needs 96 vCPUs and 393216 MiB; the provider has 8 vCPUs and "
                        "24000 MiB: not enough vCPUs and memory.");
    env_types_free(&e);
    e = make(false, "{\"computeResources\": {\"instanceTypes\": [\"m5.2xlarge\", \"m6g\"]}}");
    assert_non_null(strstr(e.invalid, "m5.2xlarge needs 8 vCPUs and 32768 MiB; the provider has 8 "
                                      "vCPUs and 24000 MiB: not enough memory."));
    env_types_free(&e);
    /* Some are: no job is told to wait for those. */
    e = make(false, "{\"computeResources\": {\"instanceTypes\": [\"m5.large\", \"m5.2xlarge\"]}}");
    assert_null(e.invalid);
    assert_true(find(&e, "m5.2xlarge")->barred);
    assert_false(find(&e, "m5.large")->barred);
    assert_null(strstr(e.shapes_json, "[8000,"));
    assert_non_null(strstr(e.shapes_json, "[2000,"));
    env_types_free(&e);
    e = (env){ .name = (char *)"blue", .managed = true, .exact = true, .max_vcpus = 1 };
    env_types_set(&s, &e, "{\"computeResources\": {\"type\": \"FARGATE\"}}");
    assert_null(strstr(e.shapes_json, "[16000,"));
    assert_non_null(strstr(e.shapes_json, "[4000,"));
    env_types_free(&e);
    all = (provider_room){ .limited = false };
}

static void fargate_has_sizes_instead_of_types(void **state)
{
    (void)state;
    ob_resources sizes[OB_FARGATE_SIZES_MAX];
    size_t n = ob_fargate_sizes(sizes);
    assert_int_equal(n, 77);
    for (size_t i = 0; i < n; i++)
        assert_true(ob_fargate_is_legal(&sizes[i]));
    assert_true(ob_fargate_is_legal(&(ob_resources){ 250, 2048, 0 }));
    assert_true(ob_fargate_is_legal(&(ob_resources){ 32000, 249856, 0 }));
    assert_false(ob_fargate_is_legal(&(ob_resources){ 250, 1536, 0 }));
    assert_false(ob_fargate_is_legal(&(ob_resources){ 1000, 1024, 0 }));
    assert_false(ob_fargate_is_legal(&(ob_resources){ 8000, 17408, 0 }));
    assert_false(ob_fargate_is_legal(&(ob_resources){ 1000, 2048, 1 }));
    env e = { .name = (char *)"blue", .managed = true, .exact = true, .max_vcpus = 1 };
    env_types_set(&s, &e, "{\"computeResources\": {\"type\": \"FARGATE\"}}");
    assert_null(e.invalid);
    assert_int_equal(e.n_types, 0);
    assert_int_equal(strncmp(e.shapes_json, "[[250,512,0],[250,1024,0],", 26), 0);
    env_types_free(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_become_types_in_the_users_order),
        cmocka_unit_test(each_strategy_is_known_and_best_fit_is_the_default),
        cmocka_unit_test(best_fit_has_no_shape_above_the_maximum),
        cmocka_unit_test(a_low_bid_bars_types),
        cmocka_unit_test(what_can_never_be_had_is_invalid),
        cmocka_unit_test(what_is_larger_than_the_whole_provider_never_comes),
        cmocka_unit_test(only_what_makes_instances_replaces_them),
        cmocka_unit_test(a_refused_type_is_asked_for_later_and_later),
        cmocka_unit_test(fargate_has_sizes_instead_of_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
