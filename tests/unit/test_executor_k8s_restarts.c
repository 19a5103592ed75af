/* What an executor finds of the pods that one before it has made. */
#include "k8s_world.h"

#include "ob/json.h"
#include "ob/message.h"

#define T(s) "2026-12-02T10:00:0" s "Z "

static void a_restart_goes_on_with_its_pods(void **state)
{
    world *w = *state;
    w->log = T("6") "a\n";
    run_one(w);
    restart(w);
    assert_int_equal(w->found, 1);
    assert_int_equal(w->listed, 1);
    ends_with(w, RUN, 5);
    assert_end(w, true, 5, "Error");
    assert_output(w, "[a]");
}

/* Its label is off, so no list has it; or its creation arrived after the list. */
static void a_restart_asks_for_what_no_list_has(void **state)
{
    world *w = *state;
    run_one(w);
    w->deaf = true;
    take_label(w, RUN);
    w->deaf = false;
    restart(w);
    assert_int_equal(w->found, 1);
    assert_int_equal(w->listed, 1);
    ends_with(w, RUN, 0);
    assert_end(w, true, 0, "Completed");
}

static void a_restart_finds_a_pod_without_its_annotation(void **state)
{
    world *w = *state;
    run_one(w);
    take_annotation(w, RUN);
    restart(w);
    assert_int_equal(w->found, 1);
    ends_with(w, RUN, 5);
    assert_end(w, true, 5, "Error");
}

static void a_restart_tells_of_the_list_when_all_is_known(void **state)
{
    world *w = *state;
    run_one(w);
    json_object_clear(w->pods);
    restart(w);
    assert_int_equal(w->found, 0);
    assert_int_equal(w->listed, 1);
    assert_true(w->gets > 0);
}

static void a_removal_goes_on_after_a_restart(void **state)
{
    world *w = *state;
    run_one(w);
    ends_with(w, RUN, 0);
    w->lost = 100;
    w->lost_whole = true;
    remove_run(w);
    assert_int_equal(w->removed, 0);
    w->adopt = false;
    w->lost = 0;
    restart(w);
    remove_run(w);
    assert_int_equal(w->removed, 1);
    assert_null(pod_of(w, RUN));
}

/* Its end is confirmed while nobody knows yet whether its pod is there. */
static void a_run_may_be_removed_while_its_pod_is_sought(void **state)
{
    world *w = *state;
    run_one(w);
    w->deaf = true;
    take_label(w, RUN);
    w->deaf = false;
    refuse(w, "GET", 403);
    restart(w);
    assert_int_equal(w->listed, 0);
    remove_run(w);
    assert_int_equal(w->listed, 1);
    refuse(w, "GET", 0);
    pass_ms(w, 10000);
    ends_with(w, RUN, 137);
    pass_ms(w, 31000);
    assert_null(pod_of(w, RUN));
    assert_int_equal(w->removed, 1);
}

/* ---- output ---- */

#define GAP_MARK                                                                                   \
    "[[OpenBatch: Kubernetes did not keep all of this output; lines before this one may be "       \
    "missing]]"

/* delivered: up to which offset, before the restart. */
static void restart_reading(world *w, int64_t delivered, const char *log)
{
    w->log_open = true;
    w->log = T("6") "a\n" T("7") "b\n";
    run_one(w);
    pass_ms(w, 1000);
    assert_output(w, "[a][b]");
    w->rt->ops->delivered(w->rt, RUN, delivered);
    w->log = log;
    restart(w);
    pass_ms(w, 1000);
}

static void output_of_which_nothing_was_delivered_is_read_from_its_beginning(void **state)
{
    world *w = *state;
    restart_reading(w, 0, T("6") "a\n" T("7") "b\n");
    assert_output(w, "[a][b]");
    assert_int_equal(w->output_at, 0);
}

static void output_goes_on_where_it_was_delivered(void **state)
{
    world *w = *state;
    restart_reading(w, 2, T("6") "a\n" T("7") "b\n" T("8") "c\n");
    assert_output(w, "[b][c]");
    assert_int_equal(w->output_at, 2);
}

/* Its offsets do not meet those that were sent. */
static void output_that_was_thrown_away_before_a_restart_is_marked(void **state)
{
    world *w = *state;
    restart_reading(w, 2, T("9") "z\n");
    assert_output(w, GAP_MARK "[z]");
    assert_true(w->output_at > 1 << 20);
    int64_t first = w->output_at;
    restart(w);
    pass_ms(w, 1000);
    assert_output(w, GAP_MARK "[z]");
    assert_true(w->output_at > first);
}

static void output_that_is_all_delivered_is_not_repeated(void **state)
{
    world *w = *state;
    restart_reading(w, 2, T("6") "a\n");
    w->log_open = false;
    ends_with(w, RUN, 0);
    pass_ms(w, 1000);
    assert_output(w, "");
    assert_true(w->output_over);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(a_restart_goes_on_with_its_pods),
        IN_WORLD(a_restart_asks_for_what_no_list_has),
        IN_WORLD(a_restart_finds_a_pod_without_its_annotation),
        IN_WORLD(a_restart_tells_of_the_list_when_all_is_known),
        IN_WORLD(a_removal_goes_on_after_a_restart),
        IN_WORLD(a_run_may_be_removed_while_its_pod_is_sought),
        IN_WORLD(output_of_which_nothing_was_delivered_is_read_from_its_beginning),
        IN_WORLD(output_goes_on_where_it_was_delivered),
        IN_WORLD(output_that_was_thrown_away_before_a_restart_is_marked),
        IN_WORLD(output_that_is_all_delivered_is_not_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
