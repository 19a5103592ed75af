/* Keepers of the OCI runtime's containers, and executors that come and go meanwhile: what is known
 * of a container's end. */
#include "oci_world.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ob/clock.h"
#include "runtimes/oci/oci_words.h"

static void a_container_outlives_the_executor(void **state)
{
    world *w = *state;
    run_seen *s = START(w, NULL, "say", "before", "sleep", "700", "say", "after", "exit", "5");
    run_until(w, first_speaks);
    end_process(w);
    begin_again(w);
    assert_int_equal(w->n, 1);
    run_until(w, all_over);
    assert_true(s->found);
    assert_true(s->running);
    assert_int_equal(s->code, 5);
    assert_string_equal(s->lines, "before\nafter\n");
}

static void an_end_without_an_executor_is_kept(void **state)
{
    world *w = *state;
    run_seen *s = START(w, NULL, "say", "before", "sleep", "100", "say", "after", "exit", "6");
    run_until(w, first_speaks);
    end_process(w);
    (void)usleep(600000);
    begin_again(w);
    run_until(w, all_over);
    assert_int_equal(s->code, 6);
    assert_string_equal(s->lines, "before\nafter\n");
}

/* The last number behind the word, in what its keeper says. */
static int number_of(const world *w, const run_seen *s, const char *word)
{
    char path[256], line[128];
    char name[OB_RUN_TEXT];
    ob_run_ref ref;
    int pid = 0;
    assert_true(ob_run_ref_parse(s->run, &ref));
    ob_run_container_name(&ref, name);
    (void)snprintf(path, sizeof(path), "%s/%s/%s/state", w->home, own_instance(), name);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file))
        if (strncmp(line, word, strlen(word)) == 0 && line[strlen(word)] == ' ')
            pid = atoi(strrchr(line, ' '));
    (void)fclose(file);
    assert_true(pid > 0);
    return pid;
}

static int keeper_of(const world *w, const run_seen *s)
{
    return number_of(w, s, OCI_SAID_KEEPER);
}

/* As a container does that was passed the pipe. Empty lines take longer to read than to write. */
static void write_for_ever(int pid, pid_t writers[], int n)
{
    static char lines[65536];
    char path[64];
    memset(lines, '\n', sizeof(lines));
    (void)snprintf(path, sizeof(path), "/proc/%d/fd/1", pid);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    (void)fcntl(fd, F_SETPIPE_SZ, 1 << 20);
    for (int i = 0; i < n; i++) {
        writers[i] = fork();
        while (writers[i] == 0 && write(fd, lines, sizeof(lines)) > 0)
            ;
        if (writers[i] == 0)
            _exit(0);
    }
    (void)close(fd);
}

static void writers_elsewhere_do_not_delay_the_end(void **state)
{
    enum { WRITERS = 8 };
    pid_t writers[WRITERS];
    world *w = *state;
    w->settings.output_bytes = 1 << 16;
    run_seen *s = START(w, NULL, "say", "up", "sleep", "300", "exit", "4");
    run_until(w, first_speaks);
    write_for_ever(number_of(w, s, OCI_SAID_RUNNING), writers, WRITERS);
    run_until(w, all_over);
    for (int i = 0; i < WRITERS; i++) {
        (void)kill(writers[i], SIGKILL);
        assert_int_equal(waitpid(writers[i], NULL, 0), writers[i]);
    }
    assert_int_equal(s->code, 4);
}

static void without_its_keeper_nobody_knows_the_code(void **state)
{
    world *w = *state;
    run_seen *s = START(w, NULL, "say", "up", "sleep", "60000");
    run_until(w, first_speaks);
    assert_int_equal(kill(keeper_of(w, s), SIGKILL), 0);
    run_until(w, all_over);
    assert_true(s->started);
    assert_int_equal(s->code, -1);
    assert_non_null(strstr(s->reason, "CannotInspectContainerError: the container's keeper"));
    assert_string_equal(s->lines, "up\n");
    w->rt->ops->remove(w->rt, s->run);
    run_until(w, all_removed);
}

/* Runs a container with another program in crun's place. */
static run_seen *start_with(world *w, const char *script)
{
    static char program[128];
    (void)snprintf(program, sizeof(program), "%s/program", w->dir);
    put(w->dir, "program", script);
    assert_int_equal(chmod(program, 0755), 0);
    end_process(w);
    w->settings.runtime = program;
    begin_process(w);
    run_seen *s = START(w, NULL, "say", "up");
    run_until(w, all_over);
    return s;
}

static void how_the_program_ended_is_said(void **state)
{
    world *w = *state;
    run_seen *s = start_with(w, "#!/bin/sh\nkill -9 $$\n");
    assert_false(s->started);
    assert_non_null(strstr(s->reason, "CannotStartContainerError: "));
    assert_non_null(strstr(s->reason, "/program was killed by signal 9"));
}

/* As with runc, which starts a container by another call. */
static void what_a_killed_start_left_may_have_run(void **state)
{
    world *w = *state;
    run_seen *s = start_with(w, "#!/bin/sh\n"
                                "case \"$*\" in *' start '*) kill -9 $$ ;; esac\n"
                                "exec crun \"$@\"\n");
    assert_true(s->started);
    assert_int_equal(s->code, -1);
    assert_non_null(strstr(s->reason, "/program was killed by signal 9; it may have run"));
}

/* It would make a container that nobody knows: with the keeper gone, what is left is removed. */
static void the_program_dies_with_its_keeper(void **state)
{
    world *w = *state;
    ob_cleanup(ob_freep) char *lived = ob_strf("%s/lived", w->dir);
    run_seen *s = start_with(w, "#!/bin/sh\nkill -9 $PPID\nsleep 0.3\ntouch \"${0%/*}/lived\"\n");
    assert_false(s->started);
    assert_string_equal(s->reason, "");
    (void)usleep(600000);
    assert_int_equal(access(lived, F_OK), -1);
}

static void a_keeper_that_dies_without_an_executor_is_noticed(void **state)
{
    world *w = *state;
    run_seen *s = START(w, NULL, "say", "up", "sleep", "60000");
    run_until(w, first_speaks);
    int pid = keeper_of(w, s);
    end_process(w);
    assert_int_equal(kill(pid, SIGKILL), 0);
    (void)usleep(100000);
    begin_again(w);
    run_until(w, all_over);
    assert_true(s->started);
    assert_int_equal(s->code, -1);
}

/* As an executor leaves it that is killed after the intent and before its keeper starts. */
static void leave_folder(world *w, const char *boot_before, const char *rest)
{
    ob_run_ref ref;
    char name[OB_RUN_TEXT], boot[OB_BOOT_ID_TEXT];
    const char *run = run_name(40);
    assert_true(ob_run_ref_parse(run, &ref));
    ob_run_container_name(&ref, name);
    ob_boot_id(boot);
    ob_cleanup(ob_freep) char *folder = ob_strf("%s/%s/%s", w->home, own_instance(), name);
    ob_cleanup(ob_freep) char *text = ob_strf("boot %s%s\n%s", boot_before, boot, rest);
    spool_set(w->spool, run, "begins", json_integer(1), true);
    spool_set(w->spool, run, "intent", json_string(boot), true);
    assert_int_equal(spool_sync(w->spool, NULL), 0);
    end_process(w);
    ob_cleanup(ob_freep) char *mark = ob_strf("%s/" OCI_ATTEMPT_MARK, folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(symlink(name, mark), 0);
    put(folder, "state", text);
    begin_process(w);
    run_until(w, is_listed);
    run_until(w, all_over);
}

static void what_no_keeper_was_started_for_has_not_begun(void **state)
{
    world *w = *state;
    leave_folder(w, "", "");
    assert_true(w->seen[0].ended);
    assert_false(w->seen[0].started);
    assert_string_equal(w->seen[0].reason, "");
}

static void what_a_keeper_had_not_opened_has_not_begun(void **state)
{
    world *w = *state;
    leave_folder(w, "", "keeper 1\nsta");
    assert_false(w->seen[0].started);
}

static void what_was_about_to_begin_may_have_run(void **state)
{
    world *w = *state;
    leave_folder(w, "", "keeper 1\nstart\n");
    assert_true(w->seen[0].started);
    assert_int_equal(w->seen[0].code, -1);
}

static void after_a_restart_of_the_host_the_intent_counts(void **state)
{
    world *w = *state;
    leave_folder(w, "another-", "");
    assert_true(w->seen[0].started);
    assert_int_equal(w->seen[0].code, -1);
    assert_non_null(strstr(w->seen[0].reason, "the host restarted"));
}

static void a_purge_ends_what_runs(void **state)
{
    world *w = *state;
    run_seen *s = START(w, NULL, "say", "up", "sleep", "60000");
    run_until(w, first_speaks);
    int pid = keeper_of(w, s);
    end_process(w);
    begin_process(w);
    w->rt->ops->purge(w->rt);
    run_until(w, is_purged);
    assert_int_equal(waitpid(pid, NULL, 0), pid); /* it was this process's child */
    end_process(w);
    begin_process(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(a_container_outlives_the_executor),
        IN_WORLD(an_end_without_an_executor_is_kept),
        IN_WORLD(writers_elsewhere_do_not_delay_the_end),
        IN_WORLD(without_its_keeper_nobody_knows_the_code),
        IN_WORLD(how_the_program_ended_is_said),
        IN_WORLD(what_a_killed_start_left_may_have_run),
        IN_WORLD(the_program_dies_with_its_keeper),
        IN_WORLD(a_keeper_that_dies_without_an_executor_is_noticed),
        IN_WORLD(what_no_keeper_was_started_for_has_not_begun),
        IN_WORLD(what_a_keeper_had_not_opened_has_not_begun),
        IN_WORLD(what_was_about_to_begin_may_have_run),
        IN_WORLD(after_a_restart_of_the_host_the_intent_counts),
        IN_WORLD(a_purge_ends_what_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
