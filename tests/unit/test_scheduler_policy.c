/* Policies, time limits and snapshots: from JSON and to it. */
#include "unit.h"

#include "queue_policy.h"
#include "snapshot.h"

static void a_policy_is_read(void **state)
{
    (void)state;
    queue_policy p;
    policy_parse(
        "{\"fairsharePolicy\": {\"shareDecaySeconds\": 3600, \"computeReservation\": 20,"
        " \"shareDistribution\": [{\"shareIdentifier\": \"a*\", \"weightFactor\": 0.125},"
        " {\"shareIdentifier\": \"b\"}, {\"shareIdentifier\": \"c\", \"weightFactor\": 2}]}}",
        "[{\"reason\": \"CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY\", \"state\": \"RUNNABLE\","
        " \"maxTimeSeconds\": 600, \"action\": \"CANCEL\"}]",
        &p);
    assert_int_equal(p.policy.decay_s, 3600);
    assert_int_equal(p.policy.reservation, 20);
    assert_int_equal(p.policy.n_weights, 3);
    assert_string_equal(p.policy.weights[0].share, "a*");
    assert_true(p.policy.weights[0].factor == 0.125);
    assert_true(p.policy.weights[1].factor == 1);
    assert_true(p.policy.weights[2].factor == 2);
    assert_int_equal(p.n_limits, 1);
    assert_string_equal(p.limits[0].code, "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY");
    assert_int_equal(p.limits[0].seconds, 600);
    policy_done(&p);
}

static void what_is_missing_or_broken_is_left_out(void **state)
{
    (void)state;
    static const char *const texts[] = {
        NULL, "", "{}", "[1]", "{\"fairsharePolicy\": null}", "{"
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        queue_policy p;
        policy_parse(texts[i], texts[i], &p);
        assert_int_equal(p.policy.n_weights, 0);
        assert_int_equal(p.policy.decay_s, 0);
        assert_int_equal(p.n_limits, 0);
        policy_done(&p);
    }
}

static void a_front_is_read_as_it_was_written(void **state)
{
    (void)state;
    engine_front front[2] = { { .id = { { 1, 2, 3 } }, .index = -1, .since_ms = 17 },
                              { .id = { { 9 } }, .index = 4, .since_ms = 1700000000000 } };
    effect_front f = { .front = front,
                       .n_front = 2,
                       .mcpu = 2250,
                       .shares = { { "a", 2000 }, { "b\"", 250 } },
                       .n_shares = 2,
                       .active_shares = 3 };
    ob_buf t = { 0 };
    snapshot_render(&t, &f);
    assert_non_null(strstr(t.at, "\"mcpu\":2250,\"shares\":[[\"a\",2000],[\"b\\\"\",250]],"
                                 "\"activeShares\":3}"));
    engine_front back[2];
    assert_int_equal(snapshot_parse(t.at, back, 2), 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(ob_uuid_cmp(&back[i].id, &front[i].id), 0);
        assert_int_equal(back[i].index, front[i].index);
        assert_int_equal(back[i].since_ms, front[i].since_ms);
    }
    assert_int_equal(snapshot_parse(t.at, back, 1), 1);
    assert_int_equal(snapshot_parse("{\"front\": 3}", back, 2), 0);
    ob_buf_done(&t);
}

static void counts_are_read_as_they_were_written(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        NULL, "", "{}", "{1,2,3,4,5,6}", "{1,2,3,4", "1,2,3,4", "{1,,3,4,5,6,7}"
    };
    int64_t counts[OB_JOB_STATE_COUNT] = { 0, 1, 20, 300, 0, INT64_MAX, INT64_MIN };
    int64_t back[OB_JOB_STATE_COUNT];
    char text[SNAPSHOT_COUNTS_TEXT];
    assert_string_equal(snapshot_counts_render(text, counts),
                        "{0,1,20,300,0,9223372036854775807,-9223372036854775808}");
    assert_true(snapshot_counts_parse(text, back));
    assert_memory_equal(back, counts, sizeof(counts));
    for (int i = 0; i < OB_JOB_STATE_COUNT; i++)
        counts[i] = INT64_MIN;
    assert_true(snapshot_counts_parse(snapshot_counts_render(text, counts), back));
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        assert_false(snapshot_counts_parse(wrong[i], back));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_policy_is_read),
        cmocka_unit_test(what_is_missing_or_broken_is_left_out),
        cmocka_unit_test(a_front_is_read_as_it_was_written),
        cmocka_unit_test(counts_are_read_as_they_were_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
