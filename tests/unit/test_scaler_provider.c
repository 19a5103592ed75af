/* The local provider: real runsv processes around an executor that is a shell script. */
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob/clock.h"
#include "ob/log.h"
#include "providers/instance_dir.h"
#include "providers/local/provider_local.h"

#define WAIT_MS 20000

static char home[64], executor[128];
static provider *local;

/* Notes its environment and its number, and goes when it is told to. */
static const char script[] = "#!/bin/sh\n"
                             "if [ \"$1\" = --purge ]; then\n"
                             "    echo \"$OPENBATCH_INSTANCE_ID\" >>\"$OPENBATCH_HOME/purged\"\n"
                             "    test ! -e \"$OPENBATCH_HOME/broken\"\n"
                             "    exit\n"
                             "fi\n"
                             "trap 'exit 0' TERM\n"
                             "trap 'touch \"$OPENBATCH_HOME/noticed\"' USR1\n"
                             "env >\"$OPENBATCH_HOME/seen\"\n"
                             "echo $$ >\"$OPENBATCH_HOME/pid.new\"\n"
                             "mv \"$OPENBATCH_HOME/pid.new\" \"$OPENBATCH_HOME/pid\"\n"
                             "while :; do sleep 0.1; done\n";

static char *slurp(const char *name)
{
    static char text[16384];
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", home, name);
    int fd = open(path, O_RDONLY);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
    if (fd >= 0)
        (void)close(fd);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static bool there(const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", home, name);
    return access(path, F_OK) == 0;
}

static pid_t executor_pid(void)
{
    return (pid_t)atoi(slurp("pid"));
}

/* The state letter of /proc/<pid>/stat and the parent; false when there is no such process. */
static bool look_at(pid_t pid, char *ret_state, pid_t *ret_parent)
{
    char path[64], line[512] = "";
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    bool good = fgets(line, sizeof(line), file) && strrchr(line, ')') &&
                sscanf(strrchr(line, ')'), ") %c %d", ret_state, ret_parent) == 2;
    (void)fclose(file);
    return good;
}

/* A process that nobody has reaped yet is dead. */
static bool alive(pid_t pid)
{
    char what = 'Z';
    pid_t parent;
    return look_at(pid, &what, &parent) && what != 'Z' && what != 'X';
}

#define eventually(condition)                                                                      \
    do {                                                                                           \
        int64_t until_ms = ob_mono_ms() + WAIT_MS;                                                 \
        while (!(condition)) {                                                                     \
            if (ob_mono_ms() > until_ms)                                                           \
                fail_msg("not in time: %s", #condition);                                           \
            (void)local->ops->tick(local);                                                         \
            (void)usleep(20000);                                                                   \
        }                                                                                          \
    } while (0)

static provider *make_provider(void)
{
    provider *p = NULL;
    ob_error err = { 0 };
    const local_settings settings = { .size = { .vcpus = 4, .memory_mib = 16384 },
                                      .executor = executor };
    const provider_context context = { .home = home, .run_dir = home };
    if (provider_local.make(&settings, &context, &p, &err) < 0)
        fail_msg("%s", err.text);
    return p;
}

static int launch(const char *id, const char *type, const char *token, ob_error *err)
{
    const ob_instance_type *known = ob_catalog_find(type);
    provider_launch_spec spec = { .id = id,
                                  .token = token,
                                  .ce_name = "it's mine",
                                  .type = type,
                                  .arch = known->arch,
                                  .size = ob_catalog_nominal(known) };
    return local->ops->launch(local, &spec, err);
}

static void start(const char *id)
{
    char pid_file[160];
    ob_error err = { 0 };
    (void)snprintf(pid_file, sizeof(pid_file), "%s/pid", home);
    (void)unlink(pid_file);
    if (launch(id, "m5.large", "secret", &err) < 0)
        fail_msg("%s", err.text);
    eventually(there("pid"));
}

static void end(const char *id)
{
    char note[64], env[64];
    (void)snprintf(note, sizeof(note), "instances/%s/type", id);
    (void)snprintf(env, sizeof(env), "instances/%s/env", id);
    local->ops->terminate(local, id, false);
    eventually(!there(env) && !local->ops->busy(local));
    assert_true(there(note));
}

static char listed[OB_INSTANCE_TEXT];
static int n_listed;
static void note_listed(const char *id, void *arg)
{
    (void)snprintf(listed, sizeof(listed), "%s", id);
    n_listed++;
}

static void an_executor_gets_what_it_needs_and_no_more(void **state)
{
    start("i-00000000000000001");
    const char *seen = slurp("seen");
    assert_non_null(strstr(seen, "OPENBATCH_INSTANCE_ID=i-00000000000000001\n"));
    assert_non_null(strstr(seen, "OPENBATCH_INSTANCE_TYPE=m5.large\n"));
    assert_non_null(strstr(seen, "OPENBATCH_CE_NAME=it's mine\n"));
    assert_non_null(strstr(seen, "OPENBATCH_KAFKA=broker:1\n"));
    assert_null(strstr(seen, "OPENBATCH_PG="));
    assert_null(strstr(seen, "OPENBATCH_REDIS="));
    assert_null(strstr(seen, "OPENBATCH_KAFKA_USER=scaler"));
    assert_null(strstr(seen, "MASTER_KEY"));
    assert_null(strstr(seen, "secret"));
    assert_string_equal(slurp("instances/i-00000000000000001/token"), "secret");
    struct stat st;
    char path[160];
    (void)snprintf(path, sizeof(path), "%s/instances/i-00000000000000001/token", home);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 077, 0);
    end("i-00000000000000001");
    assert_string_equal(slurp("instances/i-00000000000000001/type"), "m5.large 2000 8192\n");
    assert_string_equal(slurp("purged"), "i-00000000000000001\n");
}

static void a_repeated_launch_changes_nothing(void **state)
{
    ob_error err = { 0 };
    provider_room room;
    start("i-00000000000000002");
    pid_t pid = executor_pid();
    assert_int_equal(launch("i-00000000000000002", "m5.large", NULL, &err), 0);
    (void)usleep(200000);
    assert_int_equal(executor_pid(), pid);
    assert_true(alive(pid));
    assert_string_equal(slurp("instances/i-00000000000000002/token"), "secret");
    local->ops->room(local, &room);
    assert_int_equal(room.mcpu_left, 2000);
    end("i-00000000000000002");
}

static void capacity_has_an_end(void **state)
{
    ob_error err = { 0 };
    provider_room room;
    char text[300];
    start("i-00000000000000003");
    assert_int_equal(launch("i-00000000000000004", "m5.xlarge", "t", &err), -ENOSPC);
    assert_non_null(strstr(err.text, "InsufficientInstanceCapacity"));
    assert_false(there("instances/i-00000000000000004"));
    const ob_resources size = { .mcpu = 4000, .mem_mib = 8192 };
    local->ops->lacking(local, "c5.xlarge", &size, text, sizeof(text));
    assert_string_equal(text, "InsufficientInstanceCapacity: c5.xlarge needs 4 vCPUs and 8192 MiB; "
                              "the local provider has 2 of 4 vCPUs and 8192 of 16384 MiB left: not "
                              "enough vCPUs");
    assert_int_equal(launch("i-00000000000000004", "r5.large", "t", &err), -ENOSPC); /* memory */
    end("i-00000000000000003");
    local->ops->room(local, &room);
    assert_int_equal(room.mcpu_left, 4000);
    assert_int_equal(room.mem_left, 16384);
}

static void another_process_finds_what_runs(void **state)
{
    start("i-00000000000000005");
    pid_t pid = executor_pid();
    provider_room room;
    local->ops->free(local);
    local = make_provider();
    n_listed = 0;
    local->on.found = note_listed;
    local->ops->list(local);
    assert_int_equal(n_listed, 1);
    assert_string_equal(listed, "i-00000000000000005");
    assert_true(local->ops->has(local, "i-00000000000000005"));
    local->ops->room(local, &room);
    assert_int_equal(room.mcpu_left, 2000);
    assert_true(alive(pid));
    end("i-00000000000000005");
    assert_false(alive(pid));
}

static void an_interruption_reaches_the_executor(void **state)
{
    ob_error err = { 0 };
    assert_int_equal(local->ops->interrupt(local, "i-00000000000000009", &err), -ENOENT);
    start("i-00000000000000009");
    assert_int_equal(local->ops->interrupt(local, "i-00000000000000009", &err), 0);
    eventually(there("noticed"));
    assert_true(alive(executor_pid()));
    end("i-00000000000000009");
}

static void another_architecture_is_refused(void **state)
{
    ob_error err = { 0 };
    bool arm = !local->ops->refuses(local, OB_ARCH_ARM64);
    assert_int_equal(launch("i-0000000000000000a", arm ? "m5.large" : "m6g.large", "t", &err),
                     -EINVAL);
    assert_non_null(strstr(err.text, arm ? "this host is arm64" : "this host is x86_64"));
    assert_false(there("instances/i-0000000000000000a"));
}

/* A standby that takes over was there before the instance was. */
static void an_older_process_finds_what_was_launched_since(void **state)
{
    provider_room room;
    provider *standby = make_provider();
    start("i-00000000000000008");
    assert_false(standby->ops->has(standby, "i-00000000000000008"));
    for (int i = 0; i < 2; i++) { /* looking again adds nothing */
        n_listed = 0;
        standby->on.found = note_listed;
        standby->ops->list(standby);
        assert_int_equal(n_listed, 1);
        assert_string_equal(listed, "i-00000000000000008");
    }
    assert_true(standby->ops->has(standby, "i-00000000000000008"));
    standby->ops->room(standby, &room);
    assert_int_equal(room.mcpu_left, 2000);
    standby->ops->free(standby);
    end("i-00000000000000008");
}

/* After 2 s and 4 s more. */
static void a_purge_that_fails_is_tried_more_and_more_rarely(void **state)
{
    char broken[96], purges[96];
    (void)snprintf(broken, sizeof(broken), "%s/broken", home);
    (void)snprintf(purges, sizeof(purges), "%s/purged", home);
    start("i-0000000000000000b");
    (void)unlink(purges);
    int64_t begun_ms = ob_mono_ms();
    (void)close(open(broken, O_WRONLY | O_CREAT, 0600));
    local->ops->terminate(local, "i-0000000000000000b", false);
    const char *twice = "i-0000000000000000b\ni-0000000000000000b\n";
    eventually(!strcmp(slurp("purged"), twice));
    (void)unlink(broken);
    eventually(!local->ops->busy(local));
    assert_string_equal(slurp("purged"), "i-0000000000000000b\ni-0000000000000000b\n"
                                         "i-0000000000000000b\n");
    assert_true(ob_mono_ms() - begun_ms >= 6000);
}

/* An executor's runsv. */
static pid_t parent_of(pid_t pid)
{
    char what;
    pid_t parent = 0;
    assert_true(look_at(pid, &what, &parent));
    assert_true(parent > 1);
    return parent;
}

static void dead_executors_and_supervisors_come_back(void **state)
{
    start("i-00000000000000006");
    pid_t first = executor_pid();
    (void)kill(first, SIGKILL);
    eventually(executor_pid() != first && alive(executor_pid()));

    pid_t second = executor_pid(), runsv = parent_of(second);
    (void)kill(runsv, SIGKILL);
    eventually(executor_pid() != second && alive(executor_pid()) && !alive(second));
    end("i-00000000000000006");
}

/* ---- logs of ended instances: in a home of their own, without those of the tests above ---- */

static const char *ended_home(void)
{
    static char path[128];
    (void)snprintf(path, sizeof(path), "%.60s/ended", home);
    return path;
}

static const char *log_of(int n)
{
    static char path[256];
    (void)snprintf(path, sizeof(path), "%s/log/executor-i-%017x", ended_home(), (unsigned)n);
    return path;
}

/* It was written last so long ago. */
static void age_log(int n, int64_t age_s)
{
    struct timespec at[2] = { { .tv_sec = ob_wall_ms() / 1000 - age_s } };
    at[1] = at[0];
    assert_int_equal(utimensat(AT_FDCWD, log_of(n), at, 0), 0);
}

static void make_log(int n, int64_t age_s)
{
    assert_int_equal(mkdir(log_of(n), 0700), 0);
    age_log(n, age_s);
}

static bool log_is_there(int n)
{
    return access(log_of(n), F_OK) == 0;
}

static void logs_of_ended_instances_go_by_number_and_by_age(void **state)
{
    const int64_t hour_s = 3600, day_s = 24 * hour_s;
    char folder[160];
    (void)snprintf(folder, sizeof(folder), "%s/log", ended_home());
    assert_int_equal(mkdir(ended_home(), 0700), 0);
    assert_int_equal(mkdir(folder, 0700), 0);
    for (int n = 0; n < 240; n++)
        make_log(n, hour_s + n);
    instance_dir_prune(ended_home());
    for (int n = 0; n < 240; n++)
        assert_int_equal(log_is_there(n), n < 200); /* of today */
    for (int n = 0; n < 200; n++)
        age_log(n, (n < 20 ? 2 : 40) * day_s + n);
    instance_dir_prune(ended_home());
    for (int n = 0; n < 200; n++)
        assert_int_equal(log_is_there(n), n < 20); /* of the 50 newest, those of this month */
}

/* Neither a stopped executor nor its stopped supervisor keeps an instance alive. */
static void what_is_frozen_is_killed(void **state)
{
    start("i-00000000000000007");
    pid_t pid = executor_pid();
    (void)kill(parent_of(pid), SIGSTOP);
    (void)kill(pid, SIGSTOP);
    end("i-00000000000000007");
    assert_false(alive(pid));
}

static int set_up(void **state)
{
    ob_log_init("test", OB_LOG_ERROR);
    (void)snprintf(home, sizeof(home), "/tmp/ob-provider-XXXXXX");
    if (!mkdtemp(home))
        return -1;
    (void)snprintf(executor, sizeof(executor), "%s/openbatch-executor", home);
    int fd = open(executor, O_WRONLY | O_CREAT, 0755);
    if (fd < 0 || write(fd, script, sizeof(script) - 1) < 0 || close(fd) < 0)
        return -1;
    (void)setenv("OPENBATCH_PG", "host=nowhere", 1);
    (void)setenv("OPENBATCH_REDIS", "/nowhere", 1);
    (void)setenv("OPENBATCH_MASTER_KEY_FILE", "/nowhere", 1);
    (void)setenv("OPENBATCH_KAFKA", "broker:1", 1);
    (void)setenv("OPENBATCH_KAFKA_USER", "scaler", 1);
    local = make_provider();
    return 0;
}

static int tear_down(void **state)
{
    char command[128];
    local->ops->free(local);
    (void)snprintf(command, sizeof(command), "rm -rf '%.60s'", home);
    return system(command);
}

int main(void)
{
    if (system("command -v runsv >/dev/null") != 0) {
        print_message("runsv is not installed\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_executor_gets_what_it_needs_and_no_more),
        cmocka_unit_test(a_repeated_launch_changes_nothing),
        cmocka_unit_test(capacity_has_an_end),
        cmocka_unit_test(another_process_finds_what_runs),
        cmocka_unit_test(an_older_process_finds_what_was_launched_since),
        cmocka_unit_test(a_purge_that_fails_is_tried_more_and_more_rarely),
        cmocka_unit_test(dead_executors_and_supervisors_come_back),
        cmocka_unit_test(what_is_frozen_is_killed),
        cmocka_unit_test(logs_of_ended_instances_go_by_number_and_by_age),
        cmocka_unit_test(an_interruption_reaches_the_executor),
        cmocka_unit_test(another_architecture_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
