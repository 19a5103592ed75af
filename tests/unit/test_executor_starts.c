/* The Docker runtime starts nothing twice, also what an executor before it made, and nothing that
 * may not be asked for. */
#include "docker_world.h"

#include <unistd.h>

#include "ob/message.h"

/* ---- nothing is started twice ---- */

static void the_intent_is_on_the_disk_before_the_start_is_sent(void **state)
{
    world *w = *state;
    run_one(w);
    assert_int_equal(w->starts, 1);
    assert_true(w->intent_on_disk);
}

static void a_start_that_got_no_answer_is_not_sent_again(void **state)
{
    world *w = *state;
    inspect_says(w, "created", 0, 0);
    w->start = (engine_answer){ .hang_up = true };
    open_runtime(w);
    assert_int_equal(start_run(w, RUN), 0);
    run_until(w, &w->ended);
    assert_int_equal(w->starts, 1);
    assert_may_have_run(w);
}

static void what_was_made_and_not_intended_is_started_by_the_next_executor(void **state)
{
    world *w = *state;
    inspect_says(w, "created", 0, 0);
    w->listed = LISTED("created");
    spool_set(w->spool, RUN, "begins", json_integer(1), true);
    open_runtime(w);
    run_until(w, &w->running);
    assert_int_equal(w->starts, 1);
    assert_true(w->intent_on_disk);
}

static void what_was_intended_is_not_started_by_the_next_executor(void **state)
{
    world *w = *state;
    inspect_says(w, "created", 0, 0);
    w->listed = LISTED("created");
    spool_set(w->spool, RUN, "begins", json_integer(1), true);
    spool_set(w->spool, RUN, "intent", json_string("another boot"), true);
    open_runtime(w);
    run_until(w, &w->ended);
    assert_int_equal(w->starts, 0);
    assert_may_have_run(w);
    assert_non_null(strstr(w->reason, "the host restarted"));
}

static void what_an_executor_without_intents_made_is_not_started(void **state)
{
    world *w = *state;
    inspect_says(w, "created", 0, 0);
    w->listed = LISTED("created");
    spool_set(w->spool, RUN, "log", json_null(), true);
    open_runtime(w);
    run_until(w, &w->ended);
    assert_int_equal(w->starts, 0);
    assert_may_have_run(w);
}

static void what_somebody_else_made_is_not_started(void **state)
{
    world *w = *state;
    inspect_says(w, "created", 0, 0);
    w->create_status = 409;
    open_runtime(w);
    assert_int_equal(start_run(w, RUN), 0);
    run_until(w, &w->ended);
    assert_int_equal(w->starts, 0);
    assert_may_have_run(w);
}

static void a_container_with_another_name_is_not_ours_whatever_its_labels(void **state)
{
    world *w = *state;
    w->listed = "[{\"Names\": [\"/forged\"], \"State\": \"exited\", "
                "\"Labels\": {\"openbatch.run\": \"" RUN "\"}}]";
    open_runtime(w);
    assert_int_equal(w->found, 0);
    assert_int_equal(start_run(w, RUN), 0);
    run_until(w, &w->running);
}

/* ---- what may not be asked for ---- */

/* Whatever an api of a version before, or a link that was laid since, has let through. */
static void a_folder_of_this_service_is_refused_where_its_link_leads(void **state)
{
    world *w = *state;
    char outside[] = "/tmp/ob-outside-XXXXXX";
    assert_non_null(mkdtemp(outside));
    ob_cleanup(ob_freep) char *link = ob_strf("%s/link", outside);
    assert_int_equal(symlink(w->dir, link), 0);
    const char *const paths[] = { link, outside };
    open_runtime(w);
    for (size_t i = 0; i < 2; i++) {
        ob_run_ref ref;
        ob_error err = { 0 };
        json_auto_t *spec =
            json_pack("{s:{s:s, s:i, s:i, s:[{s:s, s:{s:s}}]}}", "container", "image", "x", "vcpus",
                      1, "memory", 128, "volumes", "name", "v", "host", "sourcePath", paths[i]);
        assert_true(ob_run_ref_parse(i == 0 ? RUN : OTHER_RUN, &ref));
        int r = w->rt->ops->start(w->rt, &ref, 1, spec, true, &err);
        assert_int_equal(r, i == 0 ? -EPERM : 0);
        assert_true(!r == !strstr(err.text, "CannotCreateContainerError: sourcePath "));
    }
    assert_int_equal(unlink(link), 0);
    assert_int_equal(rmdir(outside), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(the_intent_is_on_the_disk_before_the_start_is_sent),
        IN_WORLD(a_start_that_got_no_answer_is_not_sent_again),
        IN_WORLD(what_was_made_and_not_intended_is_started_by_the_next_executor),
        IN_WORLD(what_was_intended_is_not_started_by_the_next_executor),
        IN_WORLD(what_an_executor_without_intents_made_is_not_started),
        IN_WORLD(what_somebody_else_made_is_not_started),
        IN_WORLD(a_container_with_another_name_is_not_ours_whatever_its_labels),
        IN_WORLD(a_folder_of_this_service_is_refused_where_its_link_leads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
