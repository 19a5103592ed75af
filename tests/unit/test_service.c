/* Signals and the health socket. */
#include "unit.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ob/service.h"

static char run_dir[] = "/tmp/ob-test-svc-XXXXXX";

static int set_up(void **state)
{
    ob_error err = { 0 };
    return mkdtemp(run_dir) && ob_service_init("tester", "error", &err) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    return rmdir(run_dir);
}

static int connect_health(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/tester.health", run_dir);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

/* What the socket says. */
static json_t *ask(void)
{
    char text[8192];
    size_t len = 0;
    int fd = connect_health();
    assert_true(fd >= 0);
    for (ssize_t n; (n = read(fd, text + len, sizeof(text) - len)) > 0;)
        len += (size_t)n;
    (void)close(fd);
    json_t *object = json_loadb(text, len, 0, NULL);
    assert_non_null(object);
    return object;
}

static bool is_true(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

static void start(void)
{
    ob_error err = { 0 };
    assert_int_equal(ob_health_start(run_dir, "tester", &err), 0);
}

static void a_service_is_not_healthy_before_it_said_anything(void **state)
{
    start();
    json_auto_t *first = ask();
    assert_string_equal(json_string_value(json_object_get(first, "service")), "tester");
    assert_false(is_true(first, "ok"));
    assert_true(is_true(first, "starting"));
    ob_health_beat();
    json_auto_t *second = ask();
    assert_true(is_true(second, "ok"));
    assert_null(json_object_get(second, "starting"));
    ob_health_stop();
}

static void only_required_dependencies_decide(void **state)
{
    start();
    ob_health_set("postgresql", true, true, "connected");
    ob_health_set("redis", false, false, "away");
    json_auto_t *good = ask();
    assert_true(is_true(good, "ok"));
    json_t *depends = json_object_get(good, "depends");
    assert_false(is_true(json_object_get(depends, "redis"), "ok"));
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(depends, "postgresql"), "text")),
        "connected");
    ob_health_set("postgresql", true, false, "\xff");
    json_auto_t *bad = ask();
    assert_false(is_true(bad, "ok"));
    ob_health_stop();
}

static void leader_and_info_are_told_when_set(void **state)
{
    start();
    json_auto_t *before = ask();
    assert_null(json_object_get(before, "leader"));
    ob_health_leader(true);
    ob_health_info("rounds", json_integer(3));
    ob_health_info("rounds", json_integer(4));
    json_auto_t *after = ask();
    assert_true(is_true(after, "leader"));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(after, "info"), "rounds")),
                     4);
    ob_health_leader(false);
    json_auto_t *last = ask();
    assert_true(json_is_false(json_object_get(last, "leader")));
    ob_health_stop();
}

static void a_stale_socket_is_replaced_and_only_the_owner_may_connect(void **state)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/tester.health", run_dir);
    int stale = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(stale, (struct sockaddr *)&address, sizeof(address)), 0);
    (void)close(stale);
    start();
    struct stat st = { 0 };
    assert_int_equal(stat(address.sun_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    json_auto_t *object = ask();
    assert_non_null(object);
    ob_health_stop();
    assert_int_equal(connect_health(), -1);
    assert_int_equal(access(address.sun_path, F_OK), -1);
}

static void a_client_that_does_not_read_stops_nobody(void **state)
{
    start();
    int silent = connect_health();
    int gone = connect_health();
    (void)close(gone);
    json_auto_t *object = ask();
    assert_non_null(object);
    (void)close(silent);
    ob_health_stop();
}

static void too_long_a_directory_is_refused(void **state)
{
    char longer[200];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[0] = '/';
    longer[sizeof(longer) - 1] = '\0';
    ob_error err = { 0 };
    assert_int_equal(ob_health_start(longer, "tester", &err), -ENAMETOOLONG);
}

static void sigterm_sets_the_flag_and_wakes_the_loop(void **state)
{
    struct pollfd fd = { .fd = ob_service_stop_fd(), .events = POLLIN };
    assert_int_equal(poll(&fd, 1, 0), 0);
    assert_false(atomic_load(&ob_service_stopping));
    assert_int_equal(raise(SIGPIPE), 0); /* ignored */
    assert_int_equal(raise(SIGTERM), 0);
    assert_true(atomic_load(&ob_service_stopping));
    assert_int_equal(poll(&fd, 1, 0), 1);
}

/* The status of a process that gets these signals, as a service that begins anew does. */
static int status_after(bool again, int then, int last)
{
    int status = -1;
    uint64_t word;
    pid_t pid = fork();
    if (pid == 0) {
        if (raise(SIGHUP) != 0 || !ob_service_again() || (then && raise(then) != 0) ||
            raise(SIGHUP) != 0 || ob_service_again() != again || ob_service_exec() != again)
            _exit(1);
        (void)(last && raise(last));
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(read(ob_service_stop_fd(), &word, sizeof(word)), sizeof(word)); /* shared */
    return status;
}

static void a_signal_to_end_is_not_lost_when_the_service_begins_anew(void **state)
{
    static const int ends[] = { SIGTERM, SIGINT };
    assert_int_equal(status_after(true, 0, 0), 0);
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        assert_int_equal(status_after(false, ends[i], 0), 0);
        int status = status_after(true, 0, ends[i]);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == ends[i]);
    }
}

static void an_environment_for_an_exec_has_each_name_once(void **state)
{
    assert_int_equal(setenv("OB_TEST_ONE", "old", 1), 0);
    assert_int_equal(setenv("OB_TEST_ONE_MORE", "kept", 1), 0);
    char **with = ob_service_environment("OB_TEST_ONE=new", "OB_TEST_TWO=2");
    size_t found = 0, had = 0, n = 0;
    for (; with[n]; n++) {
        assert_string_not_equal(with[n], "OB_TEST_ONE=old");
        found += strcmp(with[n], "OB_TEST_ONE=new") == 0 || strcmp(with[n], "OB_TEST_TWO=2") == 0 ||
                 strcmp(with[n], "OB_TEST_ONE_MORE=kept") == 0;
    }
    while (environ[had])
        had++;
    assert_int_equal(found, 3);
    assert_int_equal(n, had + 1);
    assert_string_equal(getenv("OB_TEST_ONE"), "old");
    free(with);
}

static void a_wrong_log_level_is_refused(void **state)
{
    ob_error err = { 0 };
    assert_int_equal(ob_service_init("tester", "loud", &err), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service_is_not_healthy_before_it_said_anything),
        cmocka_unit_test(only_required_dependencies_decide),
        cmocka_unit_test(leader_and_info_are_told_when_set),
        cmocka_unit_test(a_stale_socket_is_replaced_and_only_the_owner_may_connect),
        cmocka_unit_test(a_client_that_does_not_read_stops_nobody),
        cmocka_unit_test(too_long_a_directory_is_refused),
        cmocka_unit_test(a_signal_to_end_is_not_lost_when_the_service_begins_anew),
        cmocka_unit_test(sigterm_sets_the_flag_and_wakes_the_loop),
        cmocka_unit_test(an_environment_for_an_exec_has_each_name_once),
        cmocka_unit_test(a_wrong_log_level_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
