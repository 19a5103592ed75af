/* The leading loop: how it takes over, makes turns and resigns, and what PostgreSQL does to it. */
#include "lead_world.h"

static void it_takes_over_in_order_and_gives_all_up_when_it_is_to_stop(void **state)
{
    (void)state;
    assert_int_equal(run_until("turn", 2), 0);
    assert_string_equal(w.did, "try topics assign load turn wait turn wait drop forget");
}

static void it_does_not_wait_while_there_is_more(void **state)
{
    (void)state;
    w.wait_ms = 0;
    assert_int_equal(run_until("turn", 3), 0);
    assert_string_equal(w.did, "try topics assign load turn turn turn drop forget");
    (void)end(NULL), (void)begin(NULL);
    w.messages = MESSAGES; /* there may be more of them */
    assert_int_equal(run_until("turn", 3), 0);
    assert_string_equal(w.did, "try topics assign load turn turn turn drop forget");
}

static void a_standby_tries_again_and_again(void **state)
{
    (void)state;
    w.try_r = 0;
    assert_int_equal(run_until("try", 3), 0);
    assert_string_equal(w.did, "try try try");
    assert_ok("postgresql", true, "");
}

static void without_postgresql_it_says_so_and_tries_again(void **state)
{
    (void)state;
    w.try_r = -EIO;
    assert_int_equal(run_until("try", 3), 0);
    assert_string_equal(w.did, "try try try");
    assert_ok("postgresql", false, "PostgreSQL is away");
}

static void a_load_that_fails_gives_the_lock_up_and_tries_again(void **state)
{
    (void)state;
    w.load_r = -EAGAIN;
    assert_int_equal(run_until("load", 2), 0);
    assert_string_equal(w.did,
                        "try topics assign load drop forget try topics assign load drop forget");
    assert_int_equal(w.epoch, 2);
}

static void one_that_is_deposed_while_it_loads_exits(void **state)
{
    (void)state;
    w.load_r = -ESTALE;
    assert_int_equal(run_until("load", 2), OB_LEAD_EXIT_DEPOSED);
    assert_string_equal(w.did, "try topics assign load drop forget");
}

static void a_session_that_is_lost_means_to_begin_anew(void **state)
{
    (void)state;
    w.turn_r[1] = -EIO;
    w.lost_at = 1;
    assert_int_equal(run_until("load", 2), 0);
    assert_string_equal(w.did, "try topics assign load turn wait turn forget "
                               "try topics assign load drop forget");
}

static void a_session_may_be_lost_between_turns(void **state)
{
    (void)state;
    w.lost_at = 1; /* the turn did not notice */
    assert_int_equal(run_until("load", 2), 0);
    assert_int_equal(count("turn"), 2);
    assert_int_equal(count("failed"), 0);
}

static void an_unknown_outcome_means_a_lost_session(void **state)
{
    (void)state;
    w.turn_r[0] = -ETIMEDOUT;
    assert_int_equal(run_until("load", 2), 0);
    assert_int_equal(count("failed"), 0);
    assert_int_equal(w.epoch, 2);
}

static void one_that_is_deposed_exits(void **state)
{
    (void)state;
    w.turn_r[1] = -ESTALE;
    assert_int_equal(run_until("try", 2), OB_LEAD_EXIT_DEPOSED);
    assert_string_equal(w.did, "try topics assign load turn wait turn drop forget");
}

static void a_turn_that_fails_is_made_good_and_the_next_one_comes(void **state)
{
    (void)state;
    w.turn_r[1] = -EAGAIN;
    assert_int_equal(run_until("turn", 3), 0);
    assert_string_equal(w.did,
                        "try topics assign load turn wait turn failed wait turn wait drop forget");
    assert_ok("postgresql", true, "");
}

static void turns_that_fail_again_and_again_give_the_lock_up(void **state)
{
    (void)state;
    for (int i = 0; i < 16; i++)
        w.turn_r[i] = -EAGAIN;
    assert_int_equal(run_until("try", 2), 0);
    assert_int_equal(count("failed"), 10);
    assert_ok("postgresql", true, ""); /* the try says so */
}

static void what_cannot_be_made_good_counts_as_another_failure(void **state)
{
    (void)state;
    w.turn_r[0] = w.failed_r = -EAGAIN;
    assert_int_equal(run_until("try", 2), 0);
    assert_int_equal(count("turn"), 1);
    assert_int_equal(count("failed"), 10);
}

static void failures_in_between_do_not_add_up(void **state)
{
    (void)state;
    config.max_failures = 1;
    ob_lead_free(lead);
    lead = ob_lead_new(&config);
    for (int i = 0; i < 14; i += 2)
        w.turn_r[i] = -EAGAIN;
    assert_int_equal(run_until("turn", 14), 0);
    assert_int_equal(count("failed"), 7);
    assert_int_equal(count("try"), 1);
}

static void a_service_may_have_no_limit_of_failures(void **state)
{
    (void)state;
    config.max_failures = 0;
    ob_lead_free(lead);
    lead = ob_lead_new(&config);
    for (int i = 0; i < 16; i++)
        w.turn_r[i] = -EAGAIN;
    assert_int_equal(run_until("turn", 50), 0);
    assert_int_equal(count("failed"), 50);
    assert_int_equal(count("try"), 1);
    assert_ok("postgresql", false, "a deadlock");
}

static void a_stop_while_it_loads_ends_it_before_the_first_turn(void **state)
{
    (void)state;
    assert_int_equal(run_until("load", 1), 0);
    assert_string_equal(w.did, "try topics assign load drop forget");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_takes_over_in_order_and_gives_all_up_when_it_is_to_stop),
        TEST(it_does_not_wait_while_there_is_more),
        TEST(a_standby_tries_again_and_again),
        TEST(without_postgresql_it_says_so_and_tries_again),
        TEST(a_load_that_fails_gives_the_lock_up_and_tries_again),
        TEST(one_that_is_deposed_while_it_loads_exits),
        TEST(a_session_that_is_lost_means_to_begin_anew),
        TEST(a_session_may_be_lost_between_turns),
        TEST(an_unknown_outcome_means_a_lost_session),
        TEST(one_that_is_deposed_exits),
        TEST(a_turn_that_fails_is_made_good_and_the_next_one_comes),
        TEST(turns_that_fail_again_and_again_give_the_lock_up),
        TEST(what_cannot_be_made_good_counts_as_another_failure),
        TEST(failures_in_between_do_not_add_up),
        TEST(a_service_may_have_no_limit_of_failures),
        TEST(a_stop_while_it_loads_ends_it_before_the_first_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
