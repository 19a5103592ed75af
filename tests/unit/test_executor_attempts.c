/* Runs from placement to confirmation, the spool, the digest, and a restarted executor. */
#include "executor_world.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adopt.h"
#include "heartbeat.h"
#include "ob/message.h"

static void a_run_goes_from_placement_to_its_tombstone(void **state)
{
    world *w = *state;
    place(w, RUN, false);
    place(w, RUN, false); /* said again */
    assert_string_equal(asked, "start " RUN "; ");
    attempts_running(&w->a, RUN, 1000);
    assert_int_equal(state_of(w, RUN), ATTEMPT_RUNNING);
    attempts_exited(&w->a, RUN, &exit_3);
    attempts_confirm(&w->a, RUN);
    attempts_removed(&w->a, RUN);
    assert_null(attempts_find(&w->a, RUN));
    place(w, RUN, false);
    attempts_stop(&w->a, RUN, 1);
    assert_null(attempts_find(&w->a, RUN));
    assert_string_equal(asked, "start " RUN "; remove " RUN "; ");
}

static void an_end_never_changes(void **state)
{
    world *w = *state;
    place(w, RUN, false);
    attempts_exited(&w->a, RUN, &exit_3);
    attempts_exited(&w->a, RUN, &(runtime_end){ .started = true, .exit_code = 0 });
    attempts_running(&w->a, RUN, 5000);
    attempt *at = attempts_find(&w->a, RUN);
    assert_int_equal(at->exit_code, 3);
    assert_int_equal(at->state, ATTEMPT_EXITED);
    json_auto_t *said = told_state(at);
    assert_int_equal(ob_json_int(said, "exitCode", -1), 3);
    assert_int_equal(ob_json_int(said, "startedAt", 0), 1000);
    assert_int_equal(ob_json_int(said, "stoppedAt", 0), 2000);
    assert_true(ob_json_bool(said, "started", false));
}

/* As when an engine forgets that it has started a container: its run would begin again. */
static void what_was_said_to_run_is_never_given_back(void **state)
{
    world *w = *state;
    place(w, RUN, false);
    attempts_running(&w->a, RUN, 1000);
    attempts_exited(&w->a, RUN, &(runtime_end){ .exit_code = -1 });
    json_auto_t *said = told_state(attempts_find(&w->a, RUN));
    assert_true(ob_json_bool(said, "started", false));
    assert_null(json_object_get(said, "exitCode"));
}

/* Nothing is said of what is unknown, and schedulers of an earlier version read the rest. */
static void the_phases_of_a_run_and_what_it_has_used_are_said_also_after_a_restart(void **state)
{
    world *w = *state;
    place(w, RUN, false);
    attempts_running(&w->a, RUN, 1000);
    attempts_exited(&w->a, RUN,
                    &(runtime_end){ .started = true,
                                    .pulled_at_ms = 700,
                                    .created_at_ms = 800,
                                    .cpu_ms = 1500,
                                    .peak_bytes = 40960 });
    place(w, JOB ":1/1", false);
    attempts_exited(&w->a, JOB ":1/1", &exit_3);
    for (int i = 0; i < 2; i++) {
        json_auto_t *said = told_state(attempts_find(&w->a, RUN));
        json_auto_t *nothing = told_state(attempts_find(&w->a, JOB ":1/1"));
        assert_int_equal(ob_json_int(said, "cpuMs", 0), 1500);
        assert_int_equal(ob_json_int(said, "peakBytes", 0), 40960);
        assert_int_equal(ob_json_int(said, "pulledAt", 0), 700);
        assert_int_equal(ob_json_int(said, "createdAt", 0), 800);
        assert_null(json_object_get(nothing, "pulledAt"));
        assert_null(json_object_get(nothing, "createdAt"));
        assert_null(json_object_get(nothing, "cpuMs"));
        assert_null(json_object_get(nothing, "peakBytes"));
        restart(w);
    }
}

static void a_stop_of_an_unknown_run_is_remembered_also_after_a_restart(void **state)
{
    world *w = *state;
    attempts_stop(&w->a, RUN, 30);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(state_of(w, RUN), ATTEMPT_EXITED);
        assert_false(attempt_has_run(attempts_find(&w->a, RUN)));
        assert_null(attempts_find(&w->a, RUN)->reason);
        place(w, RUN, false); /* the late RUN */
        assert_string_equal(asked, "");
        restart(w);
        adopt_listed(&w->a);
    }
}

static void a_spec_that_cannot_run_ends_without_a_start(void **state)
{
    world *w = *state;
    start_result = -EINVAL;
    place(w, RUN, true);
    assert_int_equal(state_of(w, RUN), ATTEMPT_EXITED);
    assert_string_equal(attempts_find(&w->a, RUN)->reason, "Bad: spec");
    attempts_confirm(&w->a, RUN);
    assert_non_null(strstr(asked, "remove " RUN));
}

static void a_reason_is_cut_between_characters(void **state)
{
    world *w = *state;
    char reason[400];
    memset(reason, 'x', 254);
    (void)snprintf(reason + 254, sizeof(reason) - 254, "\xc3\xa9 and more");
    place(w, RUN, false);
    attempts_exited(&w->a, RUN, &(runtime_end){ .started = true, .reason = reason });
    reason[254] = '\0';
    assert_string_equal(attempts_find(&w->a, RUN)->reason, reason);
}

static void starts_and_pulls_are_summed_up(void **state)
{
    world *w = *state;
    place(w, RUN, false);
    attempts_running(&w->a, RUN, 1000);
    attempts_running(&w->a, RUN, 1000); /* said again */
    assert_int_equal(w->a.sums.starts, 1);
    assert_true(w->a.sums.start_ms >= 0);
    assert_true(attempts_find(&w->a, RUN)->start_ms > 0);
    attempts_pulled(&w->a, true, 700);
    attempts_pulled(&w->a, false, 50);
    assert_int_equal(w->a.sums.pulls, 1);
    assert_int_equal(w->a.sums.failed_pulls, 1);
    assert_int_equal(w->a.sums.pull_ms, 750);
    restart(w);
    adopt_found(&w->a, RUN);
    adopt_listed(&w->a);
    attempts_exited(&w->a, RUN, &exit_3);
    assert_int_equal(attempts_find(&w->a, RUN)->start_ms, 0); /* another executor's */
}

static void a_container_stays_until_it_is_confirmed_and_its_output_is_out(void **state)
{
    world *w = *state;
    place(w, RUN, true);
    attempts_exited(&w->a, RUN, &exit_3);
    attempts_confirm(&w->a, RUN);
    assert_null(strstr(asked, "remove"));
    attempts_log_out(&w->a, RUN);
    assert_non_null(strstr(asked, "remove " RUN));
}

static void a_restart_goes_on_with_containers_and_gives_back_what_never_began(void **state)
{
    world *w = *state;
    place(w, JOB ":0/1", true);  /* runs */
    place(w, JOB ":1/1", true);  /* was created */
    place(w, JOB ":2/1", true);  /* nothing was done yet */
    place(w, JOB ":3/1", true);  /* ran; somebody removed the container */
    place(w, JOB ":4/1", true);  /* has ended, its output is not out */
    place(w, JOB ":5/1", false); /* has ended */
    attempts_running(&w->a, JOB ":0/1", 1000);
    attempts_running(&w->a, JOB ":3/1", 1000);
    attempts_exited(&w->a, JOB ":4/1", &exit_3);
    attempts_exited(&w->a, JOB ":5/1", &exit_3);
    restart(w);
    adopt_found(&w->a, JOB ":0/1");
    adopt_found(&w->a, JOB ":1/1");
    adopt_found(&w->a, JOB ":4/1");
    adopt_found(&w->a, JOB ":5/1");
    adopt_found(&w->a, JOB ":9/1"); /* nobody knows it: held, so that it can be stopped */
    adopt_listed(&w->a);
    assert_string_equal(asked, "adopt+log " JOB ":0/1; adopt+log " JOB ":1/1; adopt+log " JOB
                               ":4/1; adopt " JOB ":9/1; ");
    assert_int_equal(state_of(w, JOB ":0/1"), ATTEMPT_RUNNING);
    assert_int_equal(state_of(w, JOB ":1/1"), ATTEMPT_STARTING);
    attempt *given_back = attempts_find(&w->a, JOB ":2/1");
    assert_int_equal(given_back->state, ATTEMPT_EXITED);
    assert_false(attempt_has_run(given_back));
    assert_null(given_back->reason);
    attempt *lost = attempts_find(&w->a, JOB ":3/1");
    assert_int_equal(lost->state, ATTEMPT_EXITED);
    assert_true(attempt_has_run(lost));
    assert_non_null(strstr(lost->reason, "CannotInspectContainerError"));
    assert_int_equal(attempts_find(&w->a, JOB ":4/1")->exit_code, 3);
    assert_int_equal(state_of(w, JOB ":5/1"), ATTEMPT_EXITED);
    assert_int_equal(state_of(w, JOB ":9/1"), ATTEMPT_STARTING);
}

static void a_run_that_was_to_be_started_and_has_no_container_may_have_run(void **state)
{
    world *w = *state;
    place(w, RUN, true);
    spool_set(w->spool, RUN, "intent", json_string("an earlier boot"), true);
    restart(w);
    adopt_listed(&w->a);
    assert_int_equal(state_of(w, RUN), ATTEMPT_EXITED);
    assert_true(attempt_has_run(attempts_find(&w->a, RUN)));
    assert_int_equal(attempts_find(&w->a, RUN)->exit_code, -1);
}

static void a_restart_between_confirmation_and_removal_removes(void **state)
{
    world *w = *state;
    place(w, JOB ":0/1", false);
    place(w, JOB ":1/1", true); /* its output is not out yet */
    for (int i = 0; i < 2; i++) {
        const char *run = i ? JOB ":1/1" : JOB ":0/1";
        attempts_exited(&w->a, run, &exit_3);
        attempts_confirm(&w->a, run);
    }
    restart(w);
    assert_null(attempts_find(&w->a, JOB ":0/1"));
    adopt_found(&w->a, JOB ":0/1");
    adopt_found(&w->a, JOB ":1/1");
    assert_string_equal(asked, "remove " JOB ":0/1; adopt+log " JOB ":1/1; ");
    attempts_log_out(&w->a, JOB ":1/1");
    assert_non_null(strstr(asked, "remove " JOB ":1/1; "));
    attempts_removed(&w->a, JOB ":0/1");
    attempts_removed(&w->a, JOB ":1/1");
    restart(w);
    asked[0] = '\0';
    place(w, JOB ":0/1", false); /* still buried */
    assert_string_equal(asked, "");
}

/* Its container was created, and to adopt it would start it. */
static void what_was_confirmed_without_a_start_is_not_started_after_a_restart(void **state)
{
    world *w = *state;
    place(w, RUN, true);
    attempts_stop(&w->a, RUN, 30);
    attempts_exited(&w->a, RUN, &(runtime_end){ .exit_code = -1 });
    attempts_confirm(&w->a, RUN);
    restart(w);
    adopt_found(&w->a, RUN);
    assert_string_equal(asked, "remove " RUN "; ");
}

static void the_digest_is_the_documented_one(void **state)
{
    world *w = *state;
    char digest[17];
    int count = -1;
    heartbeat_digest(&w->a, digest, &count);
    assert_string_equal(digest, "cbf29ce484222325");
    assert_int_equal(count, 0);
    place(w, JOB ":9/1", false);
    place(w, JOB "/2", false);
    place(w, JOB ":10/1", false);
    place(w, JOB "/1", false);
    attempts_running(&w->a, JOB "/2", 1);
    attempts_exited(&w->a, JOB "/1", &exit_3);
    heartbeat_digest(&w->a, digest, &count);
    assert_string_equal(digest, "487cb64e0f75b20c");
    assert_int_equal(count, 4);
}

static void the_count_has_also_what_is_confirmed_and_still_here(void **state)
{
    world *w = *state;
    char digest[17], empty[17];
    int count = -1;
    heartbeat_digest(&w->a, empty, &count);
    place(w, RUN, true);
    attempts_exited(&w->a, RUN, &exit_3);
    attempts_confirm(&w->a, RUN); /* its output is not out yet */
    heartbeat_digest(&w->a, digest, &count);
    assert_string_equal(digest, empty);
    assert_int_equal(count, 1);
    attempts_log_out(&w->a, RUN);
    heartbeat_digest(&w->a, digest, &count);
    assert_int_equal(count, 1);
    w->a.changed = false;
    attempts_removed(&w->a, RUN);
    assert_true(w->a.changed);
    heartbeat_digest(&w->a, digest, &count);
    assert_int_equal(count, 0);
}

static void a_stop_before_the_container_is_found_is_repeated_then(void **state)
{
    world *w = *state;
    place(w, JOB ":0/1", false);
    place(w, JOB ":1/1", false);
    attempts_running(&w->a, JOB ":0/1", 1000);
    attempts_running(&w->a, JOB ":1/1", 1000);
    restart(w);
    attempts_stop(&w->a, JOB ":0/1", 30);
    attempts_stop(&w->a, JOB ":0/1", 5);
    attempts_stop(&w->a, JOB ":0/1", 60);
    assert_int_equal(attempts_find(&w->a, JOB ":0/1")->stop_grace_s, 5);
    asked[0] = '\0';
    adopt_found(&w->a, JOB ":0/1");
    adopt_found(&w->a, JOB ":1/1");
    assert_string_equal(asked, "adopt " JOB ":0/1; stop " JOB ":0/1; adopt " JOB ":1/1; ");
}

static void the_spool_survives_a_cut_line_and_keeps_only_what_lives(void **state)
{
    world *w = *state;
    char path[DIR_MAX + 16], value[64];
    for (int i = 0; i < 20000; i++) {
        (void)snprintf(value, sizeof(value), "value %d", i);
        spool_set(w->spool, "a", "n", json_string(value), i % 1000 == 0);
        if (i % 100 == 0)
            assert_int_equal(spool_sync(w->spool, NULL), 0);
    }
    spool_set(w->spool, "b", "n", json_integer(1), false);
    spool_drop(w->spool, "b");
    assert_int_equal(spool_sync(w->spool, NULL), 0);
    (void)snprintf(path, sizeof(path), "%s/spool", w->dir);
    int fd = open(path, O_WRONLY | O_APPEND);
    assert_true(fd >= 0);
    assert_true(lseek(fd, 0, SEEK_END) < 2000000);
    assert_int_equal(write(fd, "{\"k\":\"a\",\"n\":\"n\",\"v\":\"cu", 22), 22);
    (void)close(fd);
    restart(w);
    assert_string_equal(ob_json_str(spool_get(w->spool, "a"), "n", ""), "value 19999");
    assert_null(spool_get(w->spool, "b"));
}

static void one_executor_holds_the_directory(void **state)
{
    world *w = *state;
    spool *second = NULL;
    assert_int_equal(spool_open(w->dir, 120, &second, NULL), -EBUSY);
}

/* ---- an instance that goes ---- */

static const char *said_of(world *w, const char *run, const char *member)
{
    static char text[128];
    json_auto_t *said = told_state(attempts_find(&w->a, run));
    (void)snprintf(text, sizeof(text), "%s", ob_json_str(said, member, "-"));
    return text;
}

#define HOST "Host EC2 (instance i) terminated."
#define OTHER JOB "/2"
#define THIRD JOB "/3"

static void what_ends_with_the_instance_says_so_also_after_a_restart(void **state)
{
    world *w = *state;
    place(w, RUN, false);
    place(w, OTHER, false);
    place(w, THIRD, false);
    attempts_running(&w->a, RUN, 1000);
    attempts_running(&w->a, OTHER, 1000);
    attempts_exited(&w->a, THIRD, &exit_3);
    asked[0] = '\0';
    attempts_close(&w->a, 1);
    assert_string_equal(asked, "stop " RUN "; stop " OTHER "; ");
    restart(w);
    (void)snprintf(w->a.host_reason, sizeof(w->a.host_reason), HOST);
    attempts_exited(&w->a, RUN, &exit_3);
    attempts_exited(&w->a, OTHER, &(runtime_end){ .started = true, .exit_code = 0 });
    assert_string_equal(said_of(w, RUN, "statusReason"), HOST);
    assert_string_equal(said_of(w, OTHER, "statusReason"), "-"); /* it has done its work */
    assert_string_equal(said_of(w, THIRD, "statusReason"), "-"); /* before the end */
}

static void nothing_begins_on_an_instance_that_goes(void **state)
{
    world *w = *state;
    attempts_close(&w->a, 1);
    place(w, RUN, false);
    assert_string_equal(asked, "");
    assert_int_equal(state_of(w, RUN), ATTEMPT_EXITED);
    assert_false(attempt_has_run(attempts_find(&w->a, RUN)));
    assert_string_equal(said_of(w, RUN, "reason"), "-"); /* given back: no attempt is used up */
    assert_string_equal(said_of(w, RUN, "statusReason"), "-");
}

#define BYSTANDER "018f0000-0000-7000-8000-000000000002/1"

/* An executor takes two runs on, and ends in the middle of the second. */
static void crash(world *w)
{
    pid_t pid = fork();
    if (pid == 0) {
        place(w, BYSTANDER, false);
        start_crashes = true;
        place(w, RUN, false);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 1);
    restart(w);
}

static void a_run_that_has_ended_its_executor_twice_is_not_taken_on_again(void **state)
{
    world *w = *state;
    crash(w);
    assert_null(attempts_find(&w->a, RUN)); /* it comes again */
    assert_int_equal(state_of(w, BYSTANDER), ATTEMPT_STARTING);
    crash(w);
    place(w, RUN, false);
    assert_null(strstr(asked, "start " RUN));
    attempt *at = attempts_find(&w->a, RUN);
    assert_int_equal(at->state, ATTEMPT_EXITED);
    assert_false(attempt_has_run(at));
    assert_non_null(strstr(at->reason, "executor ended twice"));
    adopt_listed(&w->a); /* the bystander has no container: it is given back */
    assert_null(attempts_find(&w->a, BYSTANDER)->reason);
}

static void what_is_known_of_a_pod_is_told_and_survives_a_restart(void **state)
{
    world *w = *state;
    json_auto_t *pod = json_pack("{s:s, s:s, s:[{s:s, s:i}], s:s}", "name", "aws-batch.1", "node",
                                 "n", "containers", "name", "default", "exitCode", 3, "more", "x");
    json_auto_t *shown = json_pack("{s:s, s:s, s:[{s:s, s:i}]}", "name", "aws-batch.1", "node", "n",
                                   "containers", "name", "default", "exitCode", 3);
    json_auto_t *other = json_pack("{s:s}", "name", "other");
    place(w, RUN, true);
    attempts_running(&w->a, RUN, 1000);
    attempts_find(&w->a, RUN)->dirty = false;
    attempts_pod(&w->a, RUN, pod);
    assert_true(attempts_find(&w->a, RUN)->dirty);
    attempts_find(&w->a, RUN)->dirty = false;
    attempts_pod(&w->a, RUN, pod); /* nothing new */
    assert_false(attempts_find(&w->a, RUN)->dirty);
    attempts_exited(&w->a, RUN, &exit_3);
    attempts_pod(&w->a, RUN, other); /* an end does not change */
    for (int i = 0; i < 2; i++) {
        json_auto_t *said = told_state(attempts_find(&w->a, RUN));
        assert_true(json_equal(json_object_get(said, "pod"), shown));
        restart(w);
    }
}

static void an_end_by_the_host_is_told_as_such(void **state)
{
    world *w = *state;
    (void)snprintf(w->a.host_reason, sizeof(w->a.host_reason), "the host ended");
    place(w, RUN, true);
    attempts_running(&w->a, RUN, 1000);
    attempts_exited(
        &w->a, RUN,
        &(runtime_end){ .started = true, .exit_code = -1, .host_ended = true, .reason = "why" });
    for (int i = 0; i < 2; i++) {
        json_auto_t *said = told_state(attempts_find(&w->a, RUN));
        assert_string_equal(ob_json_str(said, "statusReason", ""), "the host ended");
        assert_string_equal(ob_json_str(said, "reason", ""), "why");
        restart(w);
        (void)snprintf(w->a.host_reason, sizeof(w->a.host_reason), "the host ended");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(a_run_goes_from_placement_to_its_tombstone),
        IN_WORLD(an_end_never_changes),
        IN_WORLD(what_was_said_to_run_is_never_given_back),
        IN_WORLD(the_phases_of_a_run_and_what_it_has_used_are_said_also_after_a_restart),
        IN_WORLD(a_stop_of_an_unknown_run_is_remembered_also_after_a_restart),
        IN_WORLD(a_spec_that_cannot_run_ends_without_a_start),
        IN_WORLD(a_reason_is_cut_between_characters),
        IN_WORLD(starts_and_pulls_are_summed_up),
        IN_WORLD(a_container_stays_until_it_is_confirmed_and_its_output_is_out),
        IN_WORLD(a_restart_goes_on_with_containers_and_gives_back_what_never_began),
        IN_WORLD(a_run_that_was_to_be_started_and_has_no_container_may_have_run),
        IN_WORLD(a_restart_between_confirmation_and_removal_removes),
        IN_WORLD(what_was_confirmed_without_a_start_is_not_started_after_a_restart),
        IN_WORLD(the_digest_is_the_documented_one),
        IN_WORLD(the_count_has_also_what_is_confirmed_and_still_here),
        IN_WORLD(a_stop_before_the_container_is_found_is_repeated_then),
        IN_WORLD(the_spool_survives_a_cut_line_and_keeps_only_what_lives),
        IN_WORLD(one_executor_holds_the_directory),
        IN_WORLD(what_ends_with_the_instance_says_so_also_after_a_restart),
        IN_WORLD(nothing_begins_on_an_instance_that_goes),
        IN_WORLD(a_run_that_has_ended_its_executor_twice_is_not_taken_on_again),
        IN_WORLD(what_is_known_of_a_pod_is_told_and_survives_a_restart),
        IN_WORLD(an_end_by_the_host_is_told_as_such),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
