/* The rules of batch.placements: which message counts, and which runs never come back. */
#include "unit.h"

#include "ob/error.h"
#include "ob/id.h"
#include "placement.h"

#define ME "i-00000000000000001"
#define RUN_A "018f0000-0000-7000-8000-00000000000a/1"
#define RUN_B "018f0000-0000-7000-8000-00000000000b:3/2"

/* What the sink was asked for, in order: "advance 1.2; run X 1; ...". */
static char asked[4096];

__attribute__((format(printf, 1, 2))) static void note(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    size_t len = strlen(asked);
    (void)vsnprintf(asked + len, sizeof(asked) - len, fmt, args);
    va_end(args);
}

static void on_advance(placement_position last, void *arg)
{
    note("advance %lld.%lld; ", (long long)last.epoch, (long long)last.seq);
}

static void on_confirm(const char *run, void *arg)
{
    note("confirm %s; ", run);
}

static void on_stop(const char *run, int grace_s, void *arg)
{
    note("stop %s %d; ", run, grace_s);
}

static void on_run(const char *run, int attempt, json_t *spec, void *arg)
{
    note("run %s %d %s; ", run, attempt, json_string_value(json_object_get(spec, "name")));
}

static void on_sync(void *arg)
{
    note("sync; ");
}

static void on_leave(void *arg)
{
    note("leave; ");
}

static placement *make(int64_t epoch, int64_t seq)
{
    placement_sink sink = { on_advance, on_confirm, on_stop, on_run, on_sync, on_leave, NULL };
    placement *p = placement_new(ME, (placement_position){ epoch, seq }, sink);
    placement_set_session(p, "s1");
    asked[0] = '\0';
    return p;
}

static placement_result take(placement *p, const char *text)
{
    asked[0] = '\0';
    return placement_take(p, text, strlen(text), NULL);
}

static placement_result
place(placement *p, int64_t epoch, int64_t seq, const char *session, const char *instance)
{
    char text[512];
    (void)snprintf(
        text, sizeof(text),
        "{\"v\":1,\"type\":\"place\",\"epoch\":%lld,\"instance\":\"%s\",\"session\":\"%s\","
        "\"seq\":%lld,\"stop\":[{\"run\":\"" RUN_A "\",\"grace\":5}]}",
        (long long)epoch, instance, session, (long long)seq);
    return take(p, text);
}

static void a_sequence_counts_once_and_only_upwards(void **state)
{
    placement *p = make(0, 0);
    assert_int_equal(place(p, 3, 1, "s1", ME), PLACEMENT_TAKEN);
    assert_string_equal(asked, "advance 3.1; stop " RUN_A " 5; ");
    assert_int_equal(place(p, 3, 1, "s1", ME), PLACEMENT_STALE);
    assert_string_equal(asked, "");
    assert_int_equal(place(p, 3, 7, "s1", ME), PLACEMENT_TAKEN);
    assert_int_equal(place(p, 3, 6, "s1", ME), PLACEMENT_STALE);
    assert_int_equal(placement_last(p).seq, 7);
    placement_free(p);
}

static void a_new_epoch_begins_its_sequence_anew_and_ends_the_old_one(void **state)
{
    placement *p = make(3, 7);
    assert_int_equal(place(p, 2, 100, "s1", ME), PLACEMENT_STALE);
    assert_int_equal(place(p, 4, 1, "s1", ME), PLACEMENT_TAKEN);
    assert_int_equal(place(p, 3, 8, "s1", ME), PLACEMENT_STALE);
    assert_int_equal(placement_last(p).epoch, 4);
    placement_free(p);
}

static void a_fence_ends_lower_epochs_without_taking_a_sequence(void **state)
{
    placement *p = make(3, 7);
    assert_int_equal(take(p, "{\"v\":1,\"type\":\"fence\",\"epoch\":5}"), PLACEMENT_TAKEN);
    assert_string_equal(asked, "advance 5.0; ");
    assert_int_equal(take(p, "{\"v\":1,\"type\":\"fence\",\"epoch\":5}"), PLACEMENT_TAKEN);
    assert_string_equal(asked, "");
    assert_int_equal(take(p, "{\"v\":1,\"type\":\"fence\",\"epoch\":4}"), PLACEMENT_STALE);
    assert_int_equal(place(p, 3, 8, "s1", ME), PLACEMENT_STALE);
    assert_int_equal(place(p, 5, 1, "s1", ME), PLACEMENT_TAKEN);
    placement_free(p);
}

static void other_sessions_and_instances_are_left_alone(void **state)
{
    placement *p = make(0, 0);
    assert_int_equal(place(p, 1, 1, "s0", ME), PLACEMENT_OTHER_SESSION);
    assert_int_equal(place(p, 1, 1, "s1", "i-00000000000000002"), PLACEMENT_OTHER_INSTANCE);
    assert_int_equal(placement_last(p).epoch, 0);
    placement_set_session(p, NULL);
    assert_int_equal(place(p, 1, 1, "", ME), PLACEMENT_OTHER_SESSION);
    placement_set_session(p, "s0");
    assert_int_equal(place(p, 1, 1, "s0", ME), PLACEMENT_TAKEN);
    placement_free(p);
}

static void a_sync_needs_no_session_but_no_lower_epoch(void **state)
{
    placement *p = make(3, 0);
    placement_set_session(p, NULL);
    assert_int_equal(take(p, "{\"v\":1,\"type\":\"sync\",\"epoch\":3,\"instance\":\"" ME "\"}"),
                     PLACEMENT_TAKEN);
    assert_string_equal(asked, "sync; ");
    assert_int_equal(take(p, "{\"v\":1,\"type\":\"sync\",\"epoch\":2,\"instance\":\"" ME "\"}"),
                     PLACEMENT_STALE);
    assert_string_equal(asked, "");
    assert_int_equal(take(p, "{\"v\":1,\"type\":\"sync\",\"epoch\":3,\"instance\":\"i-x\"}"),
                     PLACEMENT_OTHER_INSTANCE);
    /* A new leader's: the next registration shows that it has been seen. */
    assert_int_equal(take(p, "{\"v\":1,\"type\":\"sync\",\"epoch\":4,\"instance\":\"" ME "\"}"),
                     PLACEMENT_TAKEN);
    assert_string_equal(asked, "advance 4.0; sync; ");
    placement_free(p);
}

static void confirms_and_stops_come_before_runs_and_children_share_a_spec(void **state)
{
    placement *p = make(0, 0);
    const char *text =
        "{\"v\":1,\"type\":\"place\",\"epoch\":1,\"instance\":\"" ME "\",\"session\":\"s1\","
        "\"seq\":1,\"specs\":{\"018f0000-0000-7000-8000-00000000000b\":{\"name\":\"b\"}},"
        "\"runs\":[{\"run\":\"" RUN_B "\",\"attempt\":2},{\"run\":\"short\"},7],"
        "\"stop\":[{\"run\":\"" RUN_A "\"}],\"confirm\":[\"" RUN_A "\",null]}";
    assert_int_equal(take(p, text), PLACEMENT_TAKEN);
    assert_string_equal(asked,
                        "advance 1.1; confirm " RUN_A "; stop " RUN_A " 30; run " RUN_B " 2 b; ");
    placement_free(p);
}

static void what_is_no_message_changes_nothing(void **state)
{
    placement *p = make(1, 1);
    const char *const bad[] = { "", "{", "[]", "{\"v\":2,\"type\":\"place\",\"epoch\":9}",
                                "{\"v\":1,\"type\":\"dance\",\"epoch\":9}" };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(take(p, bad[i]), PLACEMENT_BAD);
    assert_string_equal(asked, "");
    assert_int_equal(placement_last(p).epoch, 1);
    placement_free(p);
}

static int forgotten;

static void on_forgotten(const char *run, void *arg)
{
    forgotten++;
}

static void tombstones_stay_until_the_position_has_passed_them(void **state)
{
    placement *p = make(1, 1);
    char run[OB_RUN_TEXT];
    forgotten = 0;
    for (int i = 0; i < 3000; i++) {
        (void)snprintf(run, sizeof(run), "018f0000-0000-7000-8000-00000000000a:%d/1", i);
        placement_bury(p, run, placement_last(p), on_forgotten, NULL);
    }
    assert_int_equal(forgotten, 0); /* however many: no sequence has passed them */
    assert_true(placement_is_buried(p, "018f0000-0000-7000-8000-00000000000a:0/1"));
    assert_int_equal(place(p, 1, 2, "s1", ME), PLACEMENT_TAKEN);
    placement_bury(p, RUN_B, placement_last(p), on_forgotten, NULL);
    assert_int_equal(forgotten, 2001);
    assert_false(placement_is_buried(p, "018f0000-0000-7000-8000-00000000000a:0/1"));
    assert_true(placement_is_buried(p, "018f0000-0000-7000-8000-00000000000a:2999/1"));
    assert_true(placement_is_buried(p, RUN_B));
    placement_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sequence_counts_once_and_only_upwards),
        cmocka_unit_test(a_new_epoch_begins_its_sequence_anew_and_ends_the_old_one),
        cmocka_unit_test(a_fence_ends_lower_epochs_without_taking_a_sequence),
        cmocka_unit_test(other_sessions_and_instances_are_left_alone),
        cmocka_unit_test(a_sync_needs_no_session_but_no_lower_epoch),
        cmocka_unit_test(confirms_and_stops_come_before_runs_and_children_share_a_spec),
        cmocka_unit_test(what_is_no_message_changes_nothing),
        cmocka_unit_test(tombstones_stay_until_the_position_has_passed_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
