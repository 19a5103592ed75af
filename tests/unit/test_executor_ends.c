/* The ends of containers: the Docker runtime believes no exit code that the engine may have made
 * up, and finds ends of which the engine has not heard. */
#include "docker_world.h"

#include <unistd.h>

#include "ob/clock.h"

/* ---- exit codes ---- */

static void the_exit_code_is_the_inspection_s_whatever_labels_say(void **state)
{
    world *w = *state;
    run_one(w);
    inspect_says(w, "exited", 5, ob_wall_ms());
    say_died(w, 0);
    run_until(w, &w->ended);
    assert_int_equal(w->exit_code, 5);
}

/* The engine goes and comes back, and says then that the container ended with this code. */
static void end_while_away(world *w, int code, int64_t finished_ms)
{
    run_one(w);
    w->listed = LISTED("exited");
    w->ends_unseen = finished_ms == 0;
    w->end_code = code;
    if (!w->event_before)
        inspect_says(w, "exited", code, finished_ms);
    else
        say_died(w, 0);
    engine_hang_up(w->engine, "/events");
    run_until(w, &w->ended);
}

static void a_failure_that_the_engine_may_have_made_up_is_unknown(void **state)
{
    end_while_away(*state, 255, 0);
    assert_unknown(*state);
}

static void a_success_that_the_engine_may_have_made_up_is_unknown(void **state)
{
    end_while_away(*state, 0, 0);
    assert_unknown(*state);
}

/* The event comes after the first inspection. */
static void a_success_that_the_new_engine_saw_is_believed(void **state)
{
    world *w = *state;
    w->event_after = true;
    end_while_away(w, 0, 0);
    assert_int_equal(w->exit_code, 0);
}

static void a_success_that_the_engine_before_saw_is_unknown(void **state)
{
    world *w = *state;
    w->event_before = true;
    end_while_away(w, 0, 0);
    assert_unknown(w);
}

static void a_failure_that_the_engine_may_have_made_up_is_unknown_in_spite_of_an_event(void **state)
{
    world *w = *state;
    w->event_after = true;
    end_while_away(w, 255, 0);
    assert_unknown(w);
}

static void a_code_that_engines_do_not_make_up_is_believed(void **state)
{
    end_while_away(*state, 3, 0);
    assert_int_equal(((world *)*state)->exit_code, 3);
}

static void an_end_from_before_the_engine_went_is_believed(void **state)
{
    end_while_away(*state, 255, ob_wall_ms() - 5000);
    assert_int_equal(((world *)*state)->exit_code, 255);
}

/* ---- an engine whose processes can be seen ---- */

/* An executor that begins finds a container that ended while nobody was here. */
static void find_ended_at(world *w, int code, int64_t began_ms, int64_t ended_ms)
{
    char began[48], ended[48];
    show_time(began, began_ms);
    (void)usleep(20000); /* times are told in milliseconds */
    show_time(ended, ended_ms ? ended_ms : ob_wall_ms());
    (void)snprintf(w->inspected, sizeof(w->inspected),
                   "{\"Id\": \"" CONTAINER_ID
                   "\", \"State\": {\"Status\": \"exited\", \"ExitCode\": %d, "
                   "\"StartedAt\": \"%s\", \"FinishedAt\": \"%s\"}}",
                   code, began, ended);
    w->listed = LISTED("exited");
    open_runtime(w);
    run_until(w, &w->ended);
}

static void find_ended(world *w, int code, int64_t began_ms)
{
    find_ended_at(w, code, began_ms, 0);
}

/* Before this process began, and after the host did. */
static int64_t a_minute_ago(void)
{
    return ob_wall_ms() - 60000;
}

static void
an_end_at_dockerd_s_beginning_is_unknown_also_to_an_executor_that_was_not_here(void **state)
{
    find_ended(*state, 255, a_minute_ago());
    assert_unknown(*state);
}

static void a_success_at_dockerd_s_beginning_is_unknown_too(void **state)
{
    find_ended(*state, 0, a_minute_ago());
    assert_unknown(*state);
}

/* Another dockerd may have started then, and ended. */
static void a_failure_while_no_executor_was_here_is_unknown(void **state)
{
    find_ended_at(*state, 255, a_minute_ago(), ob_wall_ms() - 30000);
    assert_unknown(*state);
}

static void a_success_from_before_dockerd_s_beginning_is_believed(void **state)
{
    find_ended_at(*state, 0, a_minute_ago(), ob_wall_ms() - 30000);
    assert_int_equal(((world *)*state)->exit_code, 0);
}

static void what_this_dockerd_has_started_is_believed(void **state)
{
    find_ended(*state, 0, ob_wall_ms());
    assert_int_equal(((world *)*state)->exit_code, 0);
}

static void a_kill_at_containerd_s_beginning_is_unknown(void **state)
{
    pid_t containerd = begin_process("containerd");
    find_ended(*state, 137, a_minute_ago());
    end_process(containerd);
    assert_unknown(*state);
}

static void a_kill_of_what_this_containerd_has_started_is_believed(void **state)
{
    pid_t containerd = begin_process("containerd");
    find_ended(*state, 137, ob_wall_ms());
    end_process(containerd);
    assert_int_equal(((world *)*state)->exit_code, 137);
}

/* Nothing is seen of the engine's processes. */
static void a_usual_end_of_what_ran_before_the_host_restarted_is_unknown(void **state)
{
    find_ended(*state, 255, ob_wall_ms() - ob_boot_ms() - 3600000);
    assert_unknown(*state);
}

static void another_end_of_what_ran_before_the_host_restarted_is_believed(void **state)
{
    find_ended(*state, 3, ob_wall_ms() - ob_boot_ms() - 3600000);
    assert_int_equal(((world *)*state)->exit_code, 3);
}

static void list_again(world *w)
{
    w->has_listed = false;
    engine_hang_up(w->engine, "/events");
    run_until(w, &w->has_listed);
}

/* The engine goes on saying that it runs; its process has been gone for some listings. */
static void end_unheard_as(world *w, int code, const char *status)
{
    run_one(w);
    static char listed[256];
    (void)snprintf(listed, sizeof(listed),
                   "[{\"Names\": [\"/" NAME "\"], \"State\": \"%s\", "
                   "\"Labels\": {\"openbatch.run\": \"" RUN "\"}}]",
                   status);
    w->listed = listed;
    w->end_code = code;
    w->began_ms = ob_wall_ms(); /* with this dockerd */
    (void)snprintf(w->inspected, sizeof(w->inspected),
                   "{\"Id\": \"" CONTAINER_ID
                   "\", \"State\": {\"Status\": \"%s\", \"Running\": true, "
                   "\"Pid\": 2147483647}}",
                   status);
    for (int i = 0; i < 8 && w->nudges == 0; i++)
        list_again(w);
    assert_int_equal(w->nudges, 1);
    list_again(w);
    run_until(w, &w->ended);
}

static void end_unheard(world *w, int code)
{
    end_unheard_as(w, code, "running");
}

static void an_end_of_what_was_just_starting_is_found(void **state)
{
    end_unheard_as(*state, 3, "created");
    assert_int_equal(((world *)*state)->exit_code, 3);
}

static void an_end_that_the_engine_never_heard_of_is_found(void **state)
{
    end_unheard(*state, 3);
    assert_int_equal(((world *)*state)->exit_code, 3);
}

static void what_the_engine_says_when_nobody_knows_such_an_end_is_unknown(void **state)
{
    end_unheard(*state, 255);
    assert_unknown(*state);
}

/* As dockerd has it that was killed within the start, and found the container running when it
 * began: no time of the start is known, and it says "created". */
static void end_of_what_was_just_starting(world *w, int code)
{
    run_one(w);
    (void)snprintf(w->inspected, sizeof(w->inspected),
                   "{\"Id\": \"" CONTAINER_ID
                   "\", \"State\": {\"Status\": \"created\", \"Running\": true, "
                   "\"Pid\": 2147483647, \"StartedAt\": \"0001-01-01T00:00:00Z\", "
                   "\"FinishedAt\": \"0001-01-01T00:00:00Z\"}}");
    w->listed = "[{\"Names\": [\"/" NAME "\"], \"State\": \"created\", "
                "\"Labels\": {\"openbatch.run\": \"" RUN "\"}}]";
    list_again(w);
    assert_false(w->ended);
    char ended[48];
    show_time(ended, ob_wall_ms());
    (void)snprintf(w->inspected, sizeof(w->inspected),
                   "{\"Id\": \"" CONTAINER_ID
                   "\", \"State\": {\"Status\": \"created\", \"Running\": false, "
                   "\"Pid\": 0, \"ExitCode\": %d, \"StartedAt\": \"0001-01-01T00:00:00Z\", "
                   "\"FinishedAt\": \"%s\"}}",
                   code, ended);
    list_again(w);
    run_until(w, &w->ended);
}

static void an_end_without_a_start_is_an_end(void **state)
{
    world *w = *state;
    end_of_what_was_just_starting(w, 3);
    assert_int_equal(w->exit_code, 3);
    assert_true(w->started);
}

static void a_success_without_a_start_is_one(void **state)
{
    world *w = *state;
    end_of_what_was_just_starting(w, 0);
    assert_int_equal(w->exit_code, 0);
}

static void what_the_engine_says_not_to_run_is_looked_at(void **state)
{
    world *w = *state;
    w->nudge_status = 409;
    end_unheard(w, 3);
    assert_int_equal(w->exit_code, 3);
}

/* ---- a container that is asked to stop ---- */

static void end_after_stop(world *w, int code, int64_t later_ms)
{
    run_one(w);
    w->rt->ops->stop(w->rt, RUN, 30);
    run_until(w, &w->has_stopped);
    inspect_says(w, "exited", code, ob_wall_ms() + later_ms);
    say_died(w, 0);
    run_until(w, &w->ended);
}

/* Its end was missed, and the signal found nobody. */
static void what_the_engine_says_after_it_waited_for_a_signalled_end_is_unknown(void **state)
{
    end_after_stop(*state, 255, 10000);
    assert_unknown(*state);
}

static void another_code_after_that_time_is_believed(void **state)
{
    end_after_stop(*state, 137, 30000);
    assert_int_equal(((world *)*state)->exit_code, 137);
}

static void a_failure_soon_after_a_signal_is_the_job_s(void **state)
{
    end_after_stop(*state, 255, 100);
    assert_int_equal(((world *)*state)->exit_code, 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(the_exit_code_is_the_inspection_s_whatever_labels_say),
        IN_WORLD(a_failure_that_the_engine_may_have_made_up_is_unknown),
        IN_WORLD(a_success_that_the_engine_may_have_made_up_is_unknown),
        IN_WORLD(a_success_that_the_new_engine_saw_is_believed),
        IN_WORLD(a_success_that_the_engine_before_saw_is_unknown),
        IN_WORLD(a_failure_that_the_engine_may_have_made_up_is_unknown_in_spite_of_an_event),
        IN_WORLD(a_code_that_engines_do_not_make_up_is_believed),
        IN_WORLD(an_end_from_before_the_engine_went_is_believed),
        SEEN(an_end_at_dockerd_s_beginning_is_unknown_also_to_an_executor_that_was_not_here),
        SEEN(a_success_at_dockerd_s_beginning_is_unknown_too),
        SEEN(a_failure_while_no_executor_was_here_is_unknown),
        SEEN(a_success_from_before_dockerd_s_beginning_is_believed),
        SEEN(what_this_dockerd_has_started_is_believed),
        SEEN(a_kill_at_containerd_s_beginning_is_unknown),
        SEEN(a_kill_of_what_this_containerd_has_started_is_believed),
        IN_WORLD(a_usual_end_of_what_ran_before_the_host_restarted_is_unknown),
        IN_WORLD(another_end_of_what_ran_before_the_host_restarted_is_believed),
        SEEN(an_end_of_what_was_just_starting_is_found),
        SEEN(an_end_that_the_engine_never_heard_of_is_found),
        SEEN(what_the_engine_says_when_nobody_knows_such_an_end_is_unknown),
        SEEN(an_end_without_a_start_is_an_end),
        SEEN(a_success_without_a_start_is_one),
        SEEN(what_the_engine_says_not_to_run_is_looked_at),
        IN_WORLD(what_the_engine_says_after_it_waited_for_a_signalled_end_is_unknown),
        IN_WORLD(another_code_after_that_time_is_believed),
        IN_WORLD(a_failure_soon_after_a_signal_is_the_job_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
