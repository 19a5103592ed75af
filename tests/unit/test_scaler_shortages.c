/* Reported shortages of an environment: for which work, why, since when. Uses the scaler's own
 * parts, turn by turn, with an EC2 that has no instances of some types. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "decide/decide.h"
#include "decide/env_types.h"
#include "shortages.h"

#define LAUNCHES 8
#define INSTANCES 64
#define ANSWER_MS 900 /* EC2 takes so long to refuse */

static bool names_types; /* in its words */

static const char *refuses(provider *p, ob_arch arch)
{
    (void)p;
    return names_types && arch == OB_ARCH_ARM64 ? "this host is x86_64" : NULL;
}

static void
lacking(provider *p, const char *type, const ob_resources *nominal, char *out, size_t size)
{
    (void)p;
    if (names_types)
        (void)snprintf(out, size, "%s of %d vCPUs", type, nominal->mcpu / 1000);
    else
        (void)snprintf(out, size, "InsufficientInstanceCapacity: none");
}

static void endless(provider *p, provider_room *ret)
{
    (void)p;
    *ret = (provider_room){ .limited = false };
}

static const provider_ops ops = { .refuses = refuses, .lacking = lacking, .room = endless };
static provider fake = { .ops = &ops };
static scaler s = { .provider = &fake };

typedef struct world {
    env e;
    const char *none_of; /* the type that EC2 has none of; NULL: it has all */
    decide_instance instances[INSTANCES];
    const char *types[INSTANCES];
    int64_t asked_ms[INSTANCES]; /* INT64_MAX: it has answered */
    size_t n_instances, n_refused;
    int64_t now_ms;
} world;

static void begin(world *w, bool spot, const char *body)
{
    *w = (world){ .now_ms = 1000000 };
    w->e = (env){ .name = (char *)"blue", .managed = true, .spot = spot, .max_vcpus = 64 };
    env_types_set(&s, &w->e, body);
}

static void done(world *w)
{
    for (size_t i = 0; i < w->n_instances; i++)
        free((void *)w->instances[i].plan);
    free(w->e.shapes);
    free(w->e.shortages);
    env_types_free(&w->e);
}

static void waits(world *w, const decide_shape *work, size_t n)
{
    w->e.shapes = ob_realloc(w->e.shapes, (n + 1) * sizeof(*work));
    memcpy(w->e.shapes, work, n * sizeof(*work));
    w->e.n_shapes = n;
}

/* EC2 answers what it was asked ANSWER_MS ago. */
static void answer(world *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n_instances; i++) {
        bool refused = w->now_ms - w->asked_ms[i] >= ANSWER_MS && w->none_of &&
                       strcmp(w->types[i], w->none_of) == 0;
        if (refused) {
            env_types_refuse(&w->e, w->types[i], w->now_ms);
            w->n_refused++;
            free((void *)w->instances[i].plan);
            continue;
        }
        if (w->now_ms - w->asked_ms[i] >= ANSWER_MS && w->asked_ms[i] != INT64_MAX) {
            if (w->instances[i].may_fail)
                env_types_accept(&w->e, w->types[i]);
            w->instances[i].may_fail = false;
            w->asked_ms[i] = INT64_MAX;
        }
        w->instances[n] = w->instances[i];
        w->types[n] = w->types[i];
        w->asked_ms[n++] = w->asked_ms[i];
    }
    w->n_instances = n;
}

static void turn(world *w)
{
    static const decide_limits limits = { .max_launches = LAUNCHES };
    decide_launch launches[LAUNCHES];
    decide_shortage found[8];
    answer(w);
    env_types_refresh(&w->e, w->now_ms);
    decide_env view = { .strategy = w->e.strategy,
                        .enabled = true,
                        .valid = true,
                        .may_exceed = w->e.may_exceed,
                        .demand_known = true,
                        .max_mcpu = w->e.max_vcpus * 1000,
                        .types = w->e.types,
                        .n_types = w->e.n_types,
                        .shapes = w->e.shapes,
                        .n_shapes = w->e.n_shapes,
                        .shortages = found,
                        .instances = w->instances,
                        .n_instances = w->n_instances };
    size_t n = decide(&view, 1, &(decide_host){ .limited = false }, &limits, launches);
    shortages_take(&w->e, found, view.n_shortages, w->now_ms);
    for (size_t i = 0; i < n; i++) {
        assert_true(w->n_instances < INSTANCES);
        w->types[w->n_instances] = launches[i].type->name;
        w->asked_ms[w->n_instances] = w->now_ms;
        w->instances[w->n_instances++] = (decide_instance){ .nominal = launches[i].nominal,
                                                            .size = launches[i].size,
                                                            .state = OB_INSTANCE_LAUNCHING,
                                                            .may_fail = launches[i].type->may_fail,
                                                            .plan = launches[i].plan,
                                                            .n_plan = launches[i].n_plan };
    }
}

static void turns(world *w, int64_t ms)
{
    for (int64_t end_ms = w->now_ms + ms; w->now_ms < end_ms; w->now_ms += 100)
        turn(w);
}

static void assert_lacks(const world *w, const char *want)
{
    ob_cleanup(ob_freep) char *text = shortages_text(&s, &w->e, w->now_ms);
    assert_string_equal(text ? text : "nothing", want);
}

static size_t launched(const world *w, const char *type)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n_instances; i++)
        n += strcmp(w->types[i], type) == 0;
    return n;
}

#define TYPES(list) "{\"computeResources\": {\"instanceTypes\": [" list "]}}"
#define PROGRESSIVE(list)                                                                          \
    "{\"computeResources\": {\"allocationStrategy\": \"BEST_FIT_PROGRESSIVE\","                    \
    " \"instanceTypes\": [" list "]}}"
#define NONE(need) "{\"InsufficientInstanceCapacity: none\":[" need "]}"

static const decide_shape one = { .need = { 1000, 512, 0 }, .count = 1 };

static void a_type_that_is_refused_again_and_again_is_one_shortage(void **state)
{
    (void)state;
    static const char *const bodies[] = { TYPES("\"m5.large\""), PROGRESSIVE("\"m5.large\"") };
    for (size_t i = 0; i < 2; i++) {
        world w;
        begin(&w, false, bodies[i]);
        waits(&w, &one, 1);
        w.none_of = "m5.large";
        turns(&w, ANSWER_MS); /* no answer yet */
        assert_lacks(&w, "nothing");
        turns(&w, 1000);
        for (int64_t end_ms = w.now_ms + 3600000; w.now_ms < end_ms; w.now_ms += 100) {
            turn(&w);
            assert_lacks(&w, NONE("[1000,512,0]"));
        }
        assert_true(w.n_refused > 50);
        assert_true(w.n_refused < 80); /* asked for once a minute */

        /* EC2 has some again: it lacks nothing as soon as it says so, not before. */
        w.none_of = NULL;
        while (w.n_instances == 0) {
            turns(&w, 100);
            assert_lacks(&w, NONE("[1000,512,0]"));
        }
        assert_true(w.instances[0].may_fail);
        turns(&w, ANSWER_MS + 100);
        assert_false(w.instances[0].may_fail);
        assert_lacks(&w, "nothing");
        assert_int_equal(w.n_instances, 1);
        done(&w);
    }
}

static void a_shortage_ends_with_the_work_and_begins_with_a_refusal(void **state)
{
    (void)state;
    world w;
    const decide_shape two = { .need = { 2000, 1024, 0 }, .count = 1 };
    begin(&w, false, TYPES("\"m5.large\""));
    waits(&w, &one, 1);
    w.none_of = "m5.large";
    turns(&w, 20000);
    assert_lacks(&w, NONE("[1000,512,0]"));
    waits(&w, &two, 1);
    turns(&w, 200);
    assert_lacks(&w, "nothing"); /* for 500 ms */
    turns(&w, 120000);
    assert_lacks(&w, NONE("[2000,1024,0]"));
    waits(&w, &two, 0);
    turns(&w, 100);
    assert_lacks(&w, "nothing");
    done(&w);
}

/* What is tried is in no shortage that it was not in before: another type may be there. */
static void who_has_another_type_lacks_nothing(void **state)
{
    (void)state;
    world w;
    begin(&w, false, PROGRESSIVE("\"c5.large\", \"m5.large\""));
    w.none_of = "c5.large";
    for (int i = 1; i <= 20; i++) {
        waits(&w, &(decide_shape){ .need = one.need, .count = 2 * i }, 1);
        for (int t = 0; t < 700; t++) { /* until c5 may be tried again */
            turns(&w, 100);
            assert_lacks(&w, "nothing");
        }
        assert_int_equal(launched(&w, "m5.large"), i);
    }
    assert_true(w.n_refused >= 20);
    done(&w);
}

static void only_work_that_needs_a_lacking_type_lacks(void **state)
{
    (void)state;
    const decide_shape work[] = { { .need = { 4000, 8192, 1 }, .count = 1 },
                                  { .need = { 1000, 512, 0 }, .count = 6 } };
    static const char *const bodies[] = { TYPES("\"c5.xlarge\", \"g5.xlarge\""),
                                          PROGRESSIVE("\"c5.xlarge\", \"g5.xlarge\"") };
    for (size_t i = 0; i < 2; i++) {
        world w;
        begin(&w, false, bodies[i]);
        waits(&w, work, 2);
        w.none_of = "g5.xlarge";
        turns(&w, 30000);
        assert_lacks(&w, NONE("[4000,8192,1]"));
        assert_int_equal(launched(&w, "c5.xlarge"), 2);
        done(&w);
    }
}

/* BEST_FIT waits for the type that is best, also where another one would hold the work. What that
 * type could not hold goes on. */
static void best_fit_lacks_what_its_type_could_hold(void **state)
{
    (void)state;
    world w;
    const decide_shape work[] = { { .need = { 1000, 512, 0 }, .count = 100 },
                                  { .need = { 4000, 8192, 1 }, .count = 1 } };
    begin(&w, false, TYPES("\"c5.large\", \"g5.xlarge\""));
    waits(&w, work, 1);
    w.none_of = "c5.large";
    turns(&w, 30000);
    assert_lacks(&w, NONE("[1000,512,0]"));
    assert_int_equal(launched(&w, "g5.xlarge"), 0);
    waits(&w, work, 2);
    turns(&w, 30000);
    assert_lacks(&w, NONE("[1000,512,0]"));
    assert_int_equal(launched(&w, "g5.xlarge"), 1);
    done(&w);
}

/* c5 is at 40 % of its price on demand, g5.xlarge at 42 %. */
static void work_that_only_too_dear_types_hold_lacks_for_their_price(void **state)
{
    (void)state;
    world w;
    const decide_shape work[] = { { .need = { 4000, 8192, 1 }, .count = 1 },
                                  { .need = { 1000, 512, 0 }, .count = 1 } };
    begin(&w, true,
          "{\"computeResources\": {\"instanceTypes\": [\"c5\", \"g5.xlarge\"],"
          " \"bidPercentage\": 41}}");
    waits(&w, work, 2);
    turns(&w, 2000);
    assert_lacks(&w, "{\"SpotMaxPriceTooLow: the Spot price of every instance type of this compute "
                     "environment that is large enough is above its "
                     "bidPercentage\":[[4000,8192,1]]}");
    assert_int_equal(w.n_instances, 1);
    /* Each with its own reason. */
    w.none_of = w.types[0];
    done(&w);
    begin(&w, true,
          "{\"computeResources\": {\"instanceTypes\": [\"c5.large\", \"g5.xlarge\"],"
          " \"bidPercentage\": 41}}");
    waits(&w, work, 2);
    w.none_of = "c5.large";
    turns(&w, 20000);
    assert_lacks(&w, "{\"InsufficientInstanceCapacity: none\":[[1000,512,0]],"
                     "\"SpotMaxPriceTooLow: the Spot price of every instance type of this compute "
                     "environment that is large enough is above its "
                     "bidPercentage\":[[4000,8192,1]]}");
    done(&w);
}

static void what_waits_for_max_vcpus_lacks_nothing(void **state)
{
    (void)state;
    world w;
    const decide_shape many = { .need = { 1000, 512, 0 }, .count = 100 };
    begin(&w, false, TYPES("\"m5.large\""));
    w.e.max_vcpus = 4;
    waits(&w, &many, 1);
    turns(&w, 5000);
    assert_int_equal(w.n_instances, 2);
    assert_lacks(&w, "nothing");
    done(&w);
}

/* For each need the type is named that is the smallest that could hold it, were there any. */
static void the_smallest_type_that_could_hold_it_is_named(void **state)
{
    (void)state;
    world w;
    decide_shortage found[] = { { .need = { 1000, 512, 0 } },
                                { .need = { 2000, 512, 0 } },
                                { .need = { 3000, 20000, 0 } },
                                { .need = { 5000, 512, 0 } } };
    names_types = true; /* and has no arm64 */
    begin(&w, false,
          PROGRESSIVE("\"m6g.medium\", \"m5.2xlarge\", \"r5.xlarge\", \"m5.large\", "
                      "\"m5.xlarge\""));
    shortages_take(&w.e, found, 4, w.now_ms);
    w.now_ms += 10000;
    assert_lacks(&w, "{\"m5.large of 2 vCPUs\":[[1000,512,0],[2000,512,0]],"
                     "\"r5.xlarge of 4 vCPUs\":[[3000,20000,0]],"
                     "\"m5.2xlarge of 8 vCPUs\":[[5000,512,0]]}");
    done(&w);
    names_types = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_type_that_is_refused_again_and_again_is_one_shortage),
        cmocka_unit_test(a_shortage_ends_with_the_work_and_begins_with_a_refusal),
        cmocka_unit_test(who_has_another_type_lacks_nothing),
        cmocka_unit_test(only_work_that_needs_a_lacking_type_lacks),
        cmocka_unit_test(best_fit_lacks_what_its_type_could_hold),
        cmocka_unit_test(work_that_only_too_dear_types_hold_lacks_for_their_price),
        cmocka_unit_test(what_waits_for_max_vcpus_lacks_nothing),
        cmocka_unit_test(the_smallest_type_that_could_hold_it_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
