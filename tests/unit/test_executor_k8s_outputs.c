/* How the output of pods is read. */
#include "k8s_world.h"

#include "ob/json.h"
#include "ob/message.h"

#define T(s) "2026-12-02T10:00:0" s "Z "

static void output_is_followed_and_goes_on_after_a_cut(void **state)
{
    world *w = *state;
    w->log_open = true;
    w->log = T("6") "a\n" T("7") "b\n";
    run_one(w);
    pass_ms(w, 1000);
    assert_output(w, "[a][b]");
    assert_non_null(strstr(w->last_log, "follow=true"));
    assert_null(strstr(w->last_log, "sinceTime"));
    w->log = T("6") "a\n" T("7") "b\n" T("8") "c\n";
    say_log(w, w->log, true); /* the connection ends */
    pass_ms(w, 2000);
    assert_output(w, "[a][b][c]");
    assert_non_null(strstr(w->last_log, "sinceTime=2026-12-02T10%3A00%3A07Z"));
    assert_false(w->output_over);
    ends_with(w, RUN, 0);
    pass_ms(w, 2000);
    assert_output(w, "[a][b][c]");
    assert_true(w->output_over);
}

static void output_that_cannot_be_read_is_marked(void **state)
{
    world *w = *state;
    w->log_status = 403;
    run_one(w);
    ends_with(w, RUN, 0);
    pass_ms(w, 16000);
    assert_output(w, "[[OpenBatch: the rest of this output could not be read from Kubernetes: no "
                     "log]]");
    assert_true(w->output_over);
}

static void output_that_is_forbidden_for_a_while_is_read_later(void **state)
{
    world *w = *state;
    w->log_status = 403;
    w->log = T("6") "a\n";
    run_one(w);
    pass_ms(w, 60000);
    ends_with(w, RUN, 0);
    pass_ms(w, 5000);
    assert_false(w->output_over);
    w->log_status = 0;
    pass_ms(w, 11000);
    assert_output(w, "[a]");
    assert_true(w->output_over);
}

static void a_node_that_gives_no_output_any_more_is_given_up(void **state)
{
    world *w = *state;
    w->log_status = 500;
    run_one(w);
    pass_ms(w, 200000);
    assert_false(w->output_over); /* it runs */
    ends_with(w, RUN, 0);
    pass_ms(w, 80000);
    assert_true(w->output_over);
}

/* ---- readings that do not end ---- */

#define LOST_MARK                                                                                  \
    "[[OpenBatch: the rest of this output could not be read from Kubernetes: it did not come to "  \
    "its end]]"

static void a_reading_that_is_silent_after_the_end_begins_anew(void **state)
{
    world *w = *state;
    w->log = T("6") "a\n";
    run_one(w);
    w->log_stuck = true;
    ends_with(w, RUN, 0);
    assert_int_equal(w->log_gets, 1);
    pass_ms(w, 29000);
    assert_int_equal(w->log_gets, 1);
    pass_ms(w, 5000);
    assert_int_equal(w->log_gets, 2);
    assert_false(w->output_over);
    w->log = T("6") "a\n" T("7") "b\n";
    w->log_stuck = false;
    turn(w);
    assert_output(w, "[a][b]");
    assert_true(w->output_over);
}

static void a_reading_that_follows_beyond_the_end_is_read_once_more(void **state)
{
    world *w = *state;
    w->log = T("6") "a\n";
    w->log_open = true;
    run_one(w);
    pass_ms(w, 1000);
    ends_with(w, RUN, 0);
    assert_false(w->output_over);
    pass_ms(w, 31000);
    assert_output(w, "[a]");
    assert_true(w->output_over);
}

static void readings_that_stay_silent_are_given_up(void **state)
{
    world *w = *state;
    w->log = T("6") "a\n";
    run_one(w);
    w->log_stuck = true;
    ends_with(w, RUN, 0);
    pass_ms(w, 70000);
    assert_false(w->output_over);
    pass_ms(w, 50000);
    assert_output(w, "[a]" LOST_MARK);
    assert_true(w->output_over);
}

/* Each reading repeats a line, and then there comes a byte now and then. */
static void bytes_do_not_put_off_that_a_reading_is_given_up(void **state)
{
    world *w = *state;
    char log[128] = T("6") "a\n" T("7") "b";
    w->log = log;
    run_one(w);
    w->log_stuck = true;
    ends_with(w, RUN, 0);
    for (int i = 0; i < 12; i++) {
        strcat(log, "x");
        pass_ms(w, 10000);
    }
    assert_output(w, "[a]" LOST_MARK);
    assert_true(w->output_over);
}

static void a_reader_that_waits_is_not_silence(void **state)
{
    world *w = *state;
    w->log = T("6") "a\n";
    w->more = RUNTIME_WAIT;
    w->log_stuck = true;
    run_one(w);
    ends_with(w, RUN, 0);
    w->log = T("6") "a\n" T("7") "b\n";
    pass_ms(w, 300000);
    assert_int_equal(w->log_gets, 1);
    assert_output(w, "[a]");
    w->more = RUNTIME_GO_ON;
    w->rt->ops->resume(w->rt, RUN);
    pass_ms(w, 29000);
    assert_output(w, "[a][b]");
    assert_int_equal(w->log_gets, 1);
    pass_ms(w, 5000);
    assert_int_equal(w->log_gets, 2);
}

/* Its node was away for a while when the run ended, and comes back. */
static void the_time_of_failures_counts_from_the_end(void **state)
{
    world *w = *state;
    w->log_status = 500;
    run_one(w);
    pass_ms(w, 200000);
    ends_with(w, RUN, 0);
    pass_ms(w, 40000);
    assert_false(w->output_over);
    w->log_status = 0;
    w->log = T("6") "a\n";
    pass_ms(w, 11000);
    assert_output(w, "[a]");
    assert_true(w->output_over);
}

static void a_reader_with_enough_is_not_read_on(void **state)
{
    world *w = *state;
    w->log = T("6") "a\n";
    w->more = RUNTIME_ENOUGH;
    run_one(w);
    pass_ms(w, 1000);
    assert_true(w->output_over);
    int gets = w->log_gets;
    ends_with(w, RUN, 0);
    pass_ms(w, 5000);
    assert_int_equal(w->log_gets, gets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(output_is_followed_and_goes_on_after_a_cut),
        IN_WORLD(output_that_cannot_be_read_is_marked),
        IN_WORLD(output_that_is_forbidden_for_a_while_is_read_later),
        IN_WORLD(a_node_that_gives_no_output_any_more_is_given_up),
        IN_WORLD(a_reading_that_is_silent_after_the_end_begins_anew),
        IN_WORLD(a_reading_that_follows_beyond_the_end_is_read_once_more),
        IN_WORLD(readings_that_stay_silent_are_given_up),
        IN_WORLD(bytes_do_not_put_off_that_a_reading_is_given_up),
        IN_WORLD(a_reader_that_waits_is_not_silence),
        IN_WORLD(the_time_of_failures_counts_from_the_end),
        IN_WORLD(a_reader_with_enough_is_not_read_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
