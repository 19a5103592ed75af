/* Crash points: the table of names, and dying at one of them (ob/point.h). */
#include "ob/point.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

#define POINT OB_POINT_SCALER_STATUS
#define NAME "scaler.status"

static char dir[] = "/tmp/openbatch-point.XXXXXX";
static char file[64];

static int start(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(file, sizeof(file), "%s/crash", dir);
    return setenv("OPENBATCH_CRASH_FILE", file, 1);
}

static int end(void **state)
{
    (void)state;
    return rmdir(dir);
}

static void write_line(const char *line)
{
    FILE *f = fopen(file, "we");
    assert_non_null(f);
    assert_true(fputs(line, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* Passes POINT so often in a process of its own. Returns its number in *ret_pid, and how often it
 * had passed the point when it died; 0: it lived on. */
static int passings(int n, pid_t *ret_pid)
{
    int fds[2];
    char byte;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid_t child = *ret_pid = fork();
    if (child == 0) {
        ob_point_arm();
        for (int i = 0; i < n; i++) {
            (void)!write(fds[1], "b", 1);
            ob_point_pass(POINT, OB_POINT_BEFORE);
            (void)!write(fds[1], "a", 1);
            ob_point_pass(POINT, OB_POINT_AFTER);
        }
        _exit(0);
    }
    (void)close(fds[1]);
    int status, passed = 0;
    while (read(fds[0], &byte, 1) == 1)
        passed++;
    (void)close(fds[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status))
        return 0;
    assert_int_equal(WTERMSIG(status), SIGKILL);
    return passed;
}

/* The file has the name of the process that died. */
static void assert_taken(pid_t pid)
{
    ob_cleanup(ob_freep) char *taken = ob_strf("%s.%d", file, (int)pid);
    assert_int_equal(access(file, F_OK), -1);
    assert_int_equal(unlink(taken), 0);
}

static void the_process_dies_where_the_file_says_and_only_once(void **state)
{
    (void)state;
    pid_t pid;
    write_line(NAME ":before\n");
    assert_int_equal(passings(3, &pid), 1);
    assert_taken(pid);
    assert_int_equal(passings(3, &pid), 0);
    write_line(NAME ":after");
    assert_int_equal(passings(3, &pid), 2);
    assert_taken(pid);
    write_line(NAME ":after:3");
    assert_int_equal(passings(3, &pid), 6);
    assert_taken(pid);
}

static void it_lives_on_where_the_file_means_something_else(void **state)
{
    (void)state;
    static const char *const lines[] = { "",
                                         "scaler.statu:before",
                                         NAME ":befor",
                                         NAME ":beforehand",
                                         NAME ":before:4",
                                         "scaler.launching:before",
                                         "no.such.point:after" };
    pid_t pid;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        write_line(lines[i]);
        assert_int_equal(passings(3, &pid), 0);
        assert_int_equal(unlink(file), 0);
    }
}

static void a_process_without_the_variable_watches_nothing(void **state)
{
    (void)state;
    assert_int_equal(unsetenv("OPENBATCH_CRASH_FILE"), 0);
    ob_point_arm();
    assert_null(ob_point_watch);
    assert_int_equal(setenv("OPENBATCH_CRASH_FILE", file, 1), 0);
    ob_point_arm();
    assert_non_null(ob_point_watch);
    ob_point_watch = NULL;
}

static void each_point_has_a_name_of_its_own_that_begins_with_its_service(void **state)
{
    (void)state;
    static const char *const services[] = { "any.",    "api.",      "scheduler.",
                                            "scaler.", "executor.", "console." };
    assert_null(ob_point_name(OB_POINT_NONE));
    for (ob_point p = 1; p < OB_POINTS_END; p++) {
        const char *name = ob_point_name(p);
        bool begins = false;
        for (size_t i = 0; i < ARRAY_SIZE(services); i++)
            begins |= strncmp(name, services[i], strlen(services[i])) == 0;
        assert_true(begins);
        assert_true(*ob_point_what(p));
        for (ob_point q = 1; q < p; q++)
            assert_string_not_equal(name, ob_point_name(q));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_process_dies_where_the_file_says_and_only_once),
        cmocka_unit_test(it_lives_on_where_the_file_means_something_else),
        cmocka_unit_test(a_process_without_the_variable_watches_nothing),
        cmocka_unit_test(each_point_has_a_name_of_its_own_that_begins_with_its_service),
    };
    return cmocka_run_group_tests(tests, start, end);
}
