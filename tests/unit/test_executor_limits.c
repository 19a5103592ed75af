/* Time limits of runs, things that their instance does not permit, and the reasons of their
 * ends. */
#include "executor_world.h"

#include "adopt.h"
#include "ob/clock.h"
#include "ob/message.h"

/* ---- time limits ---- */

static void place_limited(world *w, const char *run, int limit_s)
{
    json_auto_t *spec =
        json_pack("{s:s, s:i, s:{s:s, s:{s:s}}}", "definition", "d", "timeout", limit_s,
                  "container", "image", "i", "logConfiguration", "logDriver", "syslog");
    attempts_run(&w->a, run, 1, spec);
}

static void leave_loop(void *arg)
{
    loop_stop(arg);
}

static void turn_for(world *w, int64_t ms)
{
    loop_timer timer = { .fn = leave_loop, .arg = w->loop };
    loop_timer_set(w->loop, &timer, ms);
    assert_int_equal(loop_run(w->loop, NULL), 0);
    loop_timer_stop(w->loop, &timer);
}

static void assert_says_timeout(const attempt *at, bool expected)
{
    json_auto_t *said = told_state(at);
    assert_int_equal(ob_json_bool(said, "timedOut", false), expected);
    if (expected)
        assert_string_equal(ob_json_str(said, "statusReason", ""),
                            "Job attempt duration exceeded timeout");
    else
        assert_null(json_object_get(said, "statusReason"));
}

static void a_run_is_stopped_when_its_time_is_over(void **state)
{
    world *w = *state;
    place_limited(w, RUN, 1);
    turn_for(w, 1100); /* waiting for its start costs nothing of it */
    assert_string_equal(asked, "start " RUN "; ");
    int64_t now_ms = ob_wall_ms();
    attempts_running(&w->a, RUN, now_ms);
    turn_for(w, 900);
    assert_null(strstr(asked, "stop"));
    turn_for(w, 300);
    assert_non_null(strstr(asked, "stop " RUN));
    assert_int_equal(attempts_find(&w->a, RUN)->stop_grace_s, 30);
    attempts_exited(&w->a, RUN,
                    &(runtime_end){ .started = true,
                                    .exit_code = 143,
                                    .started_at_ms = now_ms,
                                    .stopped_at_ms = now_ms + 1200 });
    assert_says_timeout(attempts_find(&w->a, RUN), true);
    restart(w);
    assert_says_timeout(attempts_find(&w->a, RUN), true);
}

static void time_goes_on_while_no_executor_is_there(void **state)
{
    world *w = *state;
    place_limited(w, RUN, 1);
    attempts_running(&w->a, RUN, ob_wall_ms());
    restart(w);
    adopt_found(&w->a, RUN);
    attempts_running(&w->a, RUN, ob_wall_ms());
    turn_for(w, 700);
    assert_null(strstr(asked, "stop"));
    restart(w);
    turn_for(w, 600);
    assert_null(strstr(asked, "adopt")); /* the engine has not been listed yet */
    adopt_found(&w->a, RUN);
    assert_non_null(strstr(asked, "adopt " RUN "; stop " RUN));
    restart(w); /* after the limit, before the end */
    adopt_found(&w->a, RUN);
    assert_non_null(strstr(asked, "adopt " RUN "; stop " RUN));
}

static void a_start_that_no_executor_saw_counts_from_the_engine_s_time(void **state)
{
    world *w = *state;
    place_limited(w, RUN, 60);
    attempts_running(&w->a, RUN, ob_wall_ms() - 61000);
    turn_for(w, 20);
    assert_non_null(strstr(asked, "stop " RUN));
}

static void what_ended_in_time_unseen_has_not_timed_out(void **state)
{
    world *w = *state;
    place_limited(w, RUN, 60);
    int64_t began_ms = ob_wall_ms() - 61000;
    attempts_running(&w->a, RUN, began_ms);
    turn_for(w, 20);
    attempts_exited(&w->a, RUN,
                    &(runtime_end){ .started = true,
                                    .exit_code = 0,
                                    .started_at_ms = began_ms,
                                    .stopped_at_ms = began_ms + 59000 });
    assert_says_timeout(attempts_find(&w->a, RUN), false);
}

static void without_a_limit_nothing_is_stopped(void **state)
{
    world *w = *state;
    place(w, RUN, false);
    attempts_running(&w->a, RUN, 1000);
    turn_for(w, 50);
    assert_null(strstr(asked, "stop"));
}

/* ---- reasons ---- */

static void place_privileged(world *w, const char *run)
{
    json_auto_t *spec = json_pack("{s:s, s:{s:s, s:b}}", "definition", "d", "container", "image",
                                  "i", "privileged", 1);
    attempts_run(&w->a, run, 1, spec);
}

static void what_was_left_out_is_said_at_the_end(void **state)
{
    world *w = *state;
    w->permits.privileged = w->a.permits.privileged = OB_PERMIT_DROP;
    place_privileged(w, RUN);
    restart(w);
    adopt_found(&w->a, RUN);
    attempts_running(&w->a, RUN, 1000);
    attempts_exited(&w->a, RUN,
                    &(runtime_end){ .started = true,
                                    .exit_code = 137,
                                    .started_at_ms = 1000,
                                    .stopped_at_ms = 2000,
                                    .reason = "OutOfMemoryError: x" });
    assert_string_equal(attempts_find(&w->a, RUN)->reason,
                        "OutOfMemoryError: x; Ran without privileged mode "
                        "(OPENBATCH_PRIVILEGED=drop)");
}

static void a_run_that_did_not_begin_says_nothing_of_it(void **state)
{
    world *w = *state;
    w->a.permits.privileged = OB_PERMIT_DROP;
    place_privileged(w, RUN);
    attempts_exited(&w->a, RUN, &(runtime_end){ .exit_code = -1 });
    assert_null(attempts_find(&w->a, RUN)->reason);
}

static void what_is_refused_does_not_begin(void **state)
{
    world *w = *state;
    w->a.permits.privileged = OB_PERMIT_REFUSE;
    place_privileged(w, RUN);
    assert_string_equal(asked, "");
    const attempt *at = attempts_find(&w->a, RUN);
    assert_false(attempt_has_run(at));
    assert_non_null(strstr(at->reason, "CannotCreateContainerError: "));
    assert_non_null(strstr(at->reason, "OPENBATCH_PRIVILEGED"));
}

/* It runs whole or not at all. */
static void a_pod_that_would_lack_a_part_does_not_begin(void **state)
{
    world *w = *state;
    static const ob_permit permits[] = { OB_PERMIT_DROP, OB_PERMIT_REFUSE };
    json_auto_t *spec =
        json_pack("{s:s, s:{s:[{s:s}], s:[{s:s, s:{s:s}}]}}", "definition", "d", "eks",
                  "containers", "image", "i", "volumes", "name", "v", "hostPath", "path", "/data");
    for (size_t i = 0; i < ARRAY_SIZE(permits); i++) {
        char run[OB_RUN_TEXT];
        (void)snprintf(run, sizeof(run), JOB "/%zu", i + 1);
        w->a.permits.host_mounts = permits[i];
        attempts_run(&w->a, run, 1, spec);
        assert_string_equal(asked, "");
        assert_non_null(strstr(attempts_find(&w->a, run)->reason, "OPENBATCH_HOST_MOUNTS"));
    }
}

static void a_run_that_does_not_fit_now_is_given_back(void **state)
{
    world *w = *state;
    start_result = -EBUSY;
    place(w, RUN, false);
    assert_int_equal(state_of(w, RUN), ATTEMPT_EXITED);
    assert_null(attempts_find(&w->a, RUN)->reason);
}

static void long_reasons_are_cut_between_characters(void **state)
{
    world *w = *state;
    char text[400] = "";
    for (int i = 0; i < 130; i++)
        strcat(text, "\xc3\xa4");
    place(w, RUN, false);
    attempts_exited(&w->a, RUN, &(runtime_end){ .exit_code = -1, .reason = text });
    assert_int_equal(strlen(attempts_find(&w->a, RUN)->reason), 254);
}

static void trouble_with_secrets_is_the_attempt_s_reason_too(void **state)
{
    world *w = *state;
    static const char text[] = "ResourceInitializationError: no secret";
    place(w, RUN, false);
    attempts_exited(&w->a, RUN, &(runtime_end){ .exit_code = -1, .reason = text });
    json_auto_t *said = told_state(attempts_find(&w->a, RUN));
    assert_string_equal(ob_json_str(said, "statusReason", ""), text);
    assert_string_equal(ob_json_str(said, "reason", ""), text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(a_run_is_stopped_when_its_time_is_over),
        IN_WORLD(time_goes_on_while_no_executor_is_there),
        IN_WORLD(a_start_that_no_executor_saw_counts_from_the_engine_s_time),
        IN_WORLD(what_ended_in_time_unseen_has_not_timed_out),
        IN_WORLD(without_a_limit_nothing_is_stopped),
        IN_WORLD(what_was_left_out_is_said_at_the_end),
        IN_WORLD(a_run_that_did_not_begin_says_nothing_of_it),
        IN_WORLD(what_is_refused_does_not_begin),
        IN_WORLD(a_pod_that_would_lack_a_part_does_not_begin),
        IN_WORLD(a_run_that_does_not_fit_now_is_given_back),
        IN_WORLD(long_reasons_are_cut_between_characters),
        IN_WORLD(trouble_with_secrets_is_the_attempt_s_reason_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
