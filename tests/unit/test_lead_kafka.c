/* The leading loop, and a Kafka that has no positions, is silent or away: who leads then. */
#include "lead_world.h"

static void without_kafka_it_does_not_compete(void **state)
{
    (void)state;
    w.up = false;
    w.connected = true; /* a standby's connection goes, too */
    assert_int_equal(run_until("drop", 1), 0);
    assert_string_equal(w.did, "drop");
    assert_ok("kafka", false, "");
}

static void it_keeps_the_lock_while_kafka_has_no_positions_and_nobody_else_could_lead(void **state)
{
    (void)state;
    w.topics_r = -ENOENT;
    assert_int_equal(run_until("topics", 60), 0);
    assert_int_equal(count("try"), 1);
    assert_int_equal(count("load"), 0);
    assert_true(w.now_ms > 1000000 + 2 * OB_LEAD_SILENCE_MS);
    assert_string_equal(w.did + strlen(w.did) - strlen(" drop forget"), " drop forget");
}

static void kafka_s_reason_is_shown_while_it_waits(void **state)
{
    (void)state;
    w.topics_r = -ENOENT;
    assert_int_equal(run_until("topics", 5), 0);
    assert_ok("kafka", false, "Kafka: no such topic");
}

static void it_resigns_while_it_waits_for_kafka_if_another_could_lead(void **state)
{
    (void)state;
    w.topics_r = -ENOENT;
    w.standby = true;
    assert_int_equal(run_until("forget", 1), 0);
    assert_true(w.now_ms >= 1000000 + OB_LEAD_SILENCE_MS);
    assert_int_equal(count("try"), 1);
}

static void the_session_may_be_lost_while_it_waits_for_kafka(void **state)
{
    (void)state;
    w.keep_fails = true;
    assert_int_equal(run_until("try", 2), 0);
    assert_int_equal(count("assign"), 0);
    assert_int_equal(count("load"), 0);
    assert_int_equal(count("forget"), 2);
}

static void a_rival_changes_nothing_while_probes_come_back(void **state)
{
    (void)state;
    w.standby = true;
    assert_int_equal(run_until("turn", 100), 0);
    assert_int_equal(count("try"), 1);
    assert_true(w.now_ms > 1000000 + 2 * OB_LEAD_SILENCE_MS);
    assert_ok("kafka", true, "");
}

static void a_leader_that_kafka_is_silent_for_lets_a_rival_try_first(void **state)
{
    (void)state;
    w.standby = true;
    w.silent_partition = 1; /* one is enough */
    assert_int_equal(run_until("forget", 1), 0);
    int64_t silent_ms = w.now_ms - 1000000;
    assert_true(silent_ms >= OB_LEAD_SILENCE_MS && silent_ms < OB_LEAD_SILENCE_MS + 2000);

    (void)end(NULL), (void)begin(NULL);
    w.standby = true;
    w.probes_return = false;
    assert_int_equal(run_until("try", 2), 0);
    assert_true(w.now_ms - 1000000 >= OB_LEAD_SILENCE_MS + 5000); /* it holds off */
}

static void a_leader_that_kafka_is_silent_for_goes_on_without_a_rival(void **state)
{
    (void)state;
    w.probes_return = false;
    assert_int_equal(run_until("turn", 100), 0);
    assert_int_equal(count("try"), 1);
    assert_ok("kafka", false, "the scheduler's probe has not come back for ");
}

static void a_rival_that_cannot_be_asked_about_means_a_lost_session(void **state)
{
    (void)state;
    w.probes_return = false;
    w.standby_r = -EIO;
    assert_int_equal(run_until("load", 2), 0);
    assert_int_equal(w.epoch, 2);
}

static void partitions_are_counted_again_when_positions_were_lost(void **state)
{
    (void)state;
    assert_int_equal(run_until("turn", 2), 0);
    assert_int_equal(probe.partitions, 3);
    atomic_store(&ob_service_stopping, false);
    w.partitions = 1;
    ob_lead_bus_event(lead, OB_BUS_REASSIGNED);
    assert_int_equal(run_until("turn", 4), 0);
    assert_int_equal(probe.partitions, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_kafka_it_does_not_compete),
        TEST(it_keeps_the_lock_while_kafka_has_no_positions_and_nobody_else_could_lead),
        TEST(kafka_s_reason_is_shown_while_it_waits),
        TEST(it_resigns_while_it_waits_for_kafka_if_another_could_lead),
        TEST(the_session_may_be_lost_while_it_waits_for_kafka),
        TEST(a_rival_changes_nothing_while_probes_come_back),
        TEST(a_leader_that_kafka_is_silent_for_lets_a_rival_try_first),
        TEST(a_leader_that_kafka_is_silent_for_goes_on_without_a_rival),
        TEST(a_rival_that_cannot_be_asked_about_means_a_lost_session),
        TEST(partitions_are_counted_again_when_positions_were_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
