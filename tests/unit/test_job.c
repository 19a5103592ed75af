/* The state table, every pair of it, and resource vectors. */
#include "unit.h"

#include "ob/job.h"

/* One row a state, one letter an event in the order of ob_job_event; '-' is no move.
 * Columns: ADMIT HOLD RELEASE PLACE UNPLACE RUN EXIT_OK EXIT_FAIL RETRY STOP. Letters: Pending,
 * Runnable, sTarting, Ing (RUNNING), Succeeded, Failed. */
static const char *const moves[OB_JOB_STATE_COUNT] = {
    [OB_JOB_SUBMITTED] = "RP-------F", [OB_JOB_PENDING] = "--R---SF-F",
    [OB_JOB_RUNNABLE] = "---T-----F",  [OB_JOB_STARTING] = "----RISFRF",
    [OB_JOB_RUNNING] = "------SFRF",   [OB_JOB_SUCCEEDED] = "----------",
    [OB_JOB_FAILED] = "----------",
};

static int state_of(char letter)
{
    switch (letter) {
    case 'P':
        return OB_JOB_PENDING;
    case 'R':
        return OB_JOB_RUNNABLE;
    case 'T':
        return OB_JOB_STARTING;
    case 'I':
        return OB_JOB_RUNNING;
    case 'S':
        return OB_JOB_SUCCEEDED;
    case 'F':
        return OB_JOB_FAILED;
    default:
        return -1;
    }
}

static void every_pair_of_state_and_event_moves_as_written(void **state)
{
    for (int s = 0; s < OB_JOB_STATE_COUNT; s++) {
        assert_int_equal(strlen(moves[s]), OB_JOB_EVENT_COUNT);
        for (int e = 0; e < OB_JOB_EVENT_COUNT; e++)
            if (ob_job_next((ob_job_state)s, (ob_job_event)e) != state_of(moves[s][e]))
                fail_msg("%s, event %d", ob_job_state_name((ob_job_state)s), e);
    }
}

static void final_states_accept_no_event(void **state)
{
    for (int s = 0; s < OB_JOB_STATE_COUNT; s++) {
        bool any = false;
        for (int e = 0; e < OB_JOB_EVENT_COUNT; e++)
            any |= ob_job_next((ob_job_state)s, (ob_job_event)e) >= 0;
        assert_int_equal(any, !ob_job_is_final((ob_job_state)s));
    }
}

static void every_state_can_be_stopped_until_it_is_final(void **state)
{
    for (int s = 0; s < OB_JOB_STATE_COUNT; s++)
        assert_int_equal(ob_job_next((ob_job_state)s, OB_EV_STOP),
                         ob_job_is_final((ob_job_state)s) ? -1 : OB_JOB_FAILED);
}

static void what_is_outside_the_table_is_no_move(void **state)
{
    assert_int_equal(ob_job_next((ob_job_state)OB_JOB_STATE_COUNT, OB_EV_STOP), -1);
    assert_int_equal(ob_job_next((ob_job_state)-1, OB_EV_STOP), -1);
    assert_int_equal(ob_job_next(OB_JOB_RUNNING, (ob_job_event)OB_JOB_EVENT_COUNT), -1);
    assert_int_equal(ob_job_next(OB_JOB_RUNNING, (ob_job_event)-1), -1);
}

static void names_go_round(void **state)
{
    for (int s = 0; s < OB_JOB_STATE_COUNT; s++)
        assert_int_equal(ob_job_state_parse(ob_job_state_name((ob_job_state)s)), s);
    assert_int_equal(ob_job_state_parse("runnable"), -1);
    assert_int_equal(ob_job_state_parse(""), -1);
    assert_int_equal(ob_job_state_parse(NULL), -1);
    assert_string_equal(ob_job_state_name((ob_job_state)99), "UNKNOWN");
    assert_string_equal(ob_instance_state_name(OB_INSTANCE_TERMINATED), "TERMINATED");
    assert_string_equal(ob_instance_state_name((ob_instance_state)99), "UNKNOWN");
}

static void resources_fit_only_in_every_dimension(void **state)
{
    ob_resources room = { 4000, 8192, 1 };
    assert_true(ob_resources_fit(&(ob_resources){ 4000, 8192, 1 }, &room));
    assert_false(ob_resources_fit(&(ob_resources){ 4001, 1, 0 }, &room));
    assert_false(ob_resources_fit(&(ob_resources){ 1, 8193, 0 }, &room));
    assert_false(ob_resources_fit(&(ob_resources){ 1, 1, 2 }, &room));
    ob_resources need = { 1500, 100, 1 };
    ob_resources_sub(&room, &need);
    assert_memory_equal(&room, (&(ob_resources){ 2500, 8092, 0 }), sizeof(room));
    ob_resources_add(&room, &need);
    assert_memory_equal(&room, (&(ob_resources){ 4000, 8192, 1 }), sizeof(room));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_of_state_and_event_moves_as_written),
        cmocka_unit_test(final_states_accept_no_event),
        cmocka_unit_test(every_state_can_be_stopped_until_it_is_final),
        cmocka_unit_test(what_is_outside_the_table_is_no_move),
        cmocka_unit_test(names_go_round),
        cmocka_unit_test(resources_fit_only_in_every_dimension),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
