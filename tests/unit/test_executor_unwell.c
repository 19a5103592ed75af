/* An engine that can start nothing is nobody's fault: the Docker runtime gives runs back until a
 * probe works. */
#include "docker_world.h"

#include "runtimes/docker/docker_unwell.h"

#define REFUSED                                                                                    \
    "{\"message\": \"connection error: desc = \\\"transport: Error while dialing dial unix "       \
    "/run/containerd.sock: connect: connection refused\\\": unavailable\"}"
#define NO_COMMAND                                                                                 \
    "{\"message\": \"failed to create shim task: OCI runtime create failed: runc create failed: "  \
    "unable to start container process: exec: \\\"/.openbatch-probe\\\": no such file\"}"

static void refusals_are_told_apart(void **state)
{
    static const struct {
        const char *text;
        docker_refusal refusal;
    } cases[] = {
        { "connection error: desc = \"transport: Error while dialing dial unix /run/c.sock: "
          "connect: connection refused\": unavailable",
          REFUSAL_NOT_BEGUN },
        { "connection closed: unavailable", REFUSAL_NOT_BEGUN },
        { "failed to create shim task: ttrpc: closed: unknown", REFUSAL_NOT_BEGUN },
        /* A job's own words in it are nobody's sign. */
        { "unable to find user connection error: desc: no matching entries in passwd file",
          REFUSAL_OF_THE_JOB },
        { "unable to find group EOF: no matching entries in group file", REFUSAL_OF_THE_JOB },
        { "error gathering device information while adding custom device \"/dev/EOF\": no such "
          "file",
          REFUSAL_OF_THE_JOB },
        { "failed to start shim: start failed: : exit status 1: unknown", REFUSAL_NOT_BEGUN },
        { "transport is closing: unavailable", REFUSAL_UNCLEAR },
        { "error reading from server: EOF: unavailable", REFUSAL_UNCLEAR },
        { "ttrpc: closed: unknown", REFUSAL_UNCLEAR },
        { "task 12 already exists: unknown", REFUSAL_UNCLEAR },
        { "failed to create shim task: OCI runtime create failed: runc create failed: unable to "
          "start container process: exec: \"x\": executable file not found in $PATH: unknown",
          REFUSAL_OF_THE_JOB },
        { "OCI runtime create failed: container_linux.go:380: EOF: unknown", REFUSAL_OF_THE_JOB },
        { "error while creating mount source path '/proc/x': mkdir /proc/x: no such file",
          REFUSAL_OF_THE_JOB },
        { "could not select device driver \"nvidia\" with capabilities: [[gpu]]",
          REFUSAL_OF_THE_JOB },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (docker_refusal_of(cases[i].text) != cases[i].refusal)
            fail_msg("%s", cases[i].text);
}

static bool is_well_again(const world *w)
{
    return w->unwell_told > 1 && !*w->unwell;
}

static void an_engine_that_starts_nothing_gets_nothing_until_a_probe_works(void **state)
{
    world *w = *state;
    w->start = w->probe_start = (engine_answer){ .status = 500, .body = REFUSED };
    open_runtime(w);
    assert_int_equal(start_run(w, RUN), 0);
    run_until(w, &w->ended);
    assert_given_back(w);
    assert_int_equal(w->unwell_told, 1);
    assert_non_null(strstr(w->unwell, "containerd does not answer"));
    assert_true(strlen(w->unwell) <= 200);
    assert_int_equal(start_run(w, OTHER_RUN), -EBUSY); /* is given back, too */

    w->probe_start = (engine_answer){ .status = 400, .body = NO_COMMAND };
    run_until_done(w, is_well_again);
    assert_int_equal(w->probe_removals, w->probes);
    w->start = (engine_answer){ .status = 204 };
    assert_int_equal(start_run(w, OTHER_RUN), 0);
    run_until(w, &w->running);
    assert_int_equal(w->starts, 2);
}

static void a_creation_that_fails_is_the_job_s_fault_if_a_probe_works(void **state)
{
    world *w = *state;
    w->create_status = 500;
    w->probe_start = (engine_answer){ .status = 400, .body = NO_COMMAND };
    open_runtime(w);
    assert_int_equal(start_run(w, RUN), 0);
    run_until(w, &w->ended);
    assert_false(w->started);
    assert_string_equal(w->reason, "CannotCreateContainerError: broken");
    assert_int_equal(w->unwell_told, 0);
}

static void a_creation_that_fails_is_the_engine_s_fault_if_a_probe_fails(void **state)
{
    world *w = *state;
    w->create_status = 500;
    w->probe_is_made = true;
    open_runtime(w);
    assert_int_equal(start_run(w, RUN), 0);
    run_until(w, &w->ended);
    assert_given_back(w);
    assert_int_equal(w->unwell_told, 1);
    assert_non_null(strstr(w->unwell, "broken"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals_are_told_apart),
        IN_WORLD(an_engine_that_starts_nothing_gets_nothing_until_a_probe_works),
        IN_WORLD(a_creation_that_fails_is_the_job_s_fault_if_a_probe_works),
        IN_WORLD(a_creation_that_fails_is_the_engine_s_fault_if_a_probe_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
