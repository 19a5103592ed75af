/* When silence of executors counts: while messages can arrive and the scaler listens. */
#include "unit.h"

#include "listening.h"

#define TURN_MS 200

static const listening_limits limits = { .grace_ms = 5000,
                                         .turn_max_ms = 1000,
                                         .owed_max_ms = 30000 };
static listening l;
static int64_t now_ms;

static int begin(void **state)
{
    (void)state;
    now_ms = 1000;
    listening_begin(&l, now_ms);
    return 0;
}

/* One turn, 'ms' after the one before. */
static int64_t turn(int64_t ms, bool open)
{
    now_ms += ms;
    return listening_turn(&l, now_ms, open, &limits);
}

/* Short turns while the way is open: the time in which silence counts. */
static int64_t heard(int64_t ms)
{
    int64_t sum = 0;
    for (int64_t end_ms = now_ms + ms; now_ms < end_ms;) {
        int64_t one = turn(TURN_MS, true);
        assert_int_not_equal(one, LINK_BROKEN);
        sum += one;
    }
    return sum;
}

static void silence_counts_while_the_way_is_open_and_this_process_listens(void **state)
{
    (void)state;
    assert_int_equal(heard(5200), 0); /* grace */
    assert_int_equal(heard(10000), 10000);

    assert_int_equal(turn(2500, true),
                     0); /* a stall: neither this time counts, nor as much again */
    assert_int_equal(heard(2400), 0);
    assert_int_equal(heard(1200), 1100);
}

static void what_is_owed_for_stalls_is_bounded(void **state)
{
    (void)state;
    (void)heard(6000);
    for (int i = 0; i < 100; i++)
        assert_int_equal(turn(2000, true), 0);
    assert_int_equal(heard(40000), 10000);
}

static void a_way_that_is_shut_makes_all_counting_begin_anew(void **state)
{
    (void)state;
    (void)heard(10000);
    for (int i = 0; i < 5; i++)
        assert_int_equal(turn(TURN_MS, false), LINK_BROKEN);
    assert_int_equal(heard(5200), 0);
    assert_int_equal(heard(1000), 1000);
}

static void it_is_shut_until_the_first_probe(void **state)
{
    (void)state;
    assert_int_equal(turn(TURN_MS, false), LINK_BROKEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(silence_counts_while_the_way_is_open_and_this_process_listens,
                               begin),
        cmocka_unit_test_setup(what_is_owed_for_stalls_is_bounded, begin),
        cmocka_unit_test_setup(a_way_that_is_shut_makes_all_counting_begin_anew, begin),
        cmocka_unit_test_setup(it_is_shut_until_the_first_probe, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
