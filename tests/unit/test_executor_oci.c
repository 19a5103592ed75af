/* Containers of the OCI runtime: how they begin and end, and what their programs find. */
#include "oci_world.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ob/clock.h"

static void a_container_runs_and_leaves_nothing(void **state)
{
    world *w = *state;
    run_seen *s = START(w, NULL, "say", "one", "err", "two", "part", "three", "exit", "3");
    run_until(w, all_over);
    assert_true(s->running);
    assert_true(s->started);
    assert_false(s->oom);
    assert_int_equal(s->code, 3);
    assert_int_equal(s->count, 3);
    assert_non_null(strstr(s->lines, "one\n"));
    assert_non_null(strstr(s->lines, "two\n"));
    assert_non_null(strstr(s->lines, "three\n"));
    w->rt->ops->remove(w->rt, s->run);
    run_until(w, all_removed);
}

static void its_phases_and_what_it_has_used_are_told(void **state)
{
    world *w = *state;
    int64_t begun_ms = ob_wall_ms();
    run_seen *small = START(w, NULL, "exit", "0"), *large = START(w, NULL, "eat", "20");
    run_until(w, all_over);
    for (int i = 0; i < w->n; i++) {
        const runtime_end *end = &w->seen[i].end;
        assert_true(begun_ms <= end->pulled_at_ms && end->pulled_at_ms <= end->created_at_ms);
        assert_true(end->created_at_ms <= end->stopped_at_ms);
        assert_in_range(end->cpu_ms, 1, 20000);
    }
    assert_in_range(small->end.peak_bytes, 1, (20 << 20) - 1);
    assert_in_range(large->end.peak_bytes, 20 << 20, 64 << 20);
    run_seen *none = START(w, NULL, "sleep", "60000");
    w->rt->ops->stop(w->rt, none->run, 0); /* before it has begun */
    run_until(w, all_over);
    assert_int_equal(none->end.cpu_ms, 0);
    assert_int_equal(none->end.created_at_ms, 0);
}

static void lines_are_whole_and_complete(void **state)
{
    world *w = *state;
    run_seen *s = START(w, NULL, "line", "65536", "line", "1000000", "say", "end");
    run_until(w, all_over);
    assert_int_equal(s->code, 0);
    assert_int_equal(s->longest, 262144);
    assert_int_equal(s->bytes, 65536 + 1000000 + 3);
    assert_int_equal(s->count, 1 + 4 + 1);
}

static void a_lack_of_memory_is_told_apart(void **state)
{
    world *w = *state;
    run_seen *s = START(w, NULL, "eat", "200");
    run_until(w, all_over);
    assert_true(s->oom);
    assert_int_equal(s->code, 137);
    assert_string_equal(s->reason, "OutOfMemoryError: Container killed due to memory usage");
}

static void a_missing_command_has_not_begun(void **state)
{
    world *w = *state;
    run_seen *s = start(w, NULL, (const char *const[]){ "/bin/nope", NULL });
    run_seen *f = start(w, NULL, (const char *const[]){ "/data", NULL });
    run_until(w, all_over);
    assert_false(s->started);
    assert_int_equal(s->code, 127);
    assert_non_null(strstr(s->reason, "CannotStartContainerError: "));
    assert_false(f->started);
    assert_int_equal(f->code, 126);
}

static void a_missing_image_has_not_begun(void **state)
{
    world *w = *state;
    run_seen *s = START(w, "{\"image\": \"missing\"}", "exit", "0");
    run_until(w, all_over);
    assert_false(s->started);
    assert_string_equal(s->reason, "CannotPullContainerError: there is no such image");
}

static void a_stop_is_a_signal_and_then_the_end(void **state)
{
    world *w = *state;
    run_seen *polite = START(w, NULL, "term", "7", "say", "up", "sleep", "60000");
    run_seen *deaf = START(w, NULL, "ignore", "15", "say", "up", "sleep", "60000");
    run_until(w, first_speaks);
    w->rt->ops->stop(w->rt, polite->run, 30);
    run_until(w, first_speaks);
    while (deaf->count == 0)
        run_until(w, first_speaks);
    int64_t at_ms = ob_boot_ms();
    w->rt->ops->stop(w->rt, deaf->run, 1);
    run_until(w, all_over);
    assert_true(ob_boot_ms() - at_ms >= 900);
    assert_int_equal(polite->code, 7);
    assert_int_equal(deaf->code, 137);
    assert_false(deaf->oom);
}

static void a_stop_before_the_start_is_no_start(void **state)
{
    world *w = *state;
    run_seen *s = START(w, NULL, "sleep", "60000");
    w->rt->ops->stop(w->rt, s->run, 30);
    run_until(w, all_over);
    assert_false(s->started);
    assert_string_equal(s->reason, "");
}

static bool has(const run_seen *s, const char *line)
{
    if (strstr(s->lines, line))
        return true;
    (void)fprintf(stderr, "%s: not in:\n%s\n%s\n", line, s->lines, s->reason);
    return false;
}

static void properties_are_as_with_docker(void **state)
{
    world *w = *state;
    run_seen *s =
        START(w,
              "{\"user\": \"ann\", \"environment\": [{\"name\": \"A\", \"value\": \"b c\"}],"
              " \"ulimits\": [{\"name\": \"nofile\", \"softLimit\": 77, \"hardLimit\": 88}],"
              " \"volumes\": [{\"name\": \"v\"}, {\"name\": \"h\", \"host\": {\"sourcePath\": "
              "\"/tmp/ob-oci-host/x\"}}],"
              " \"mountPoints\": [{\"sourceVolume\": \"v\", \"containerPath\": \"/data\"},"
              " {\"sourceVolume\": \"h\", \"containerPath\": \"/host\", \"readOnly\": true}],"
              " \"linuxParameters\": {\"sharedMemorySize\": 8, \"initProcessEnabled\": true,"
              " \"tmpfs\": [{\"containerPath\": \"/scratch\", \"size\": 4, \"mountOptions\": "
              "[\"mode=1777\"]}]}}",
              "show", "ids", "env", "A", "env", "HOME", "env", "AWS_BATCH_JOB_ATTEMPT", "show",
              "files", "cat", "/data/file", "write", "/data/new", "write", "/host/new", "write",
              "/scratch/new", "size", "/dev/shm", "size", "/scratch", "show", "pid", "show", "cwd",
              "mode", "/data", "write", "/bin/new");
    run_until(w, all_over);
    assert_true(has(s, "ids 1000 1001 6\n"));
    assert_true(has(s, "env A=b c\n"));
    assert_true(has(s, "env HOME=/home/ann\n"));
    assert_true(has(s, "env AWS_BATCH_JOB_ATTEMPT=1\n"));
    assert_true(has(s, "files 77 88\n"));
    assert_true(has(s, "there\n"));
    assert_true(has(s, "write /data/new: yes\n"));
    assert_true(has(s, "write /host/new: no\n"));
    assert_true(has(s, "write /scratch/new: yes\n"));
    assert_true(has(s, "write /bin/new: no\n"));
    assert_true(has(s, "size /dev/shm 8\n"));
    assert_true(has(s, "size /scratch 4\n"));
    assert_false(strstr(s->lines, "pid 1\n")); /* that is its init process */
    assert_true(has(s, "cwd /\n"));
    assert_true(has(s, "mode /data 1777 0\n"));
    (void)rmdir("/tmp/ob-oci-host/x");
    (void)rmdir("/tmp/ob-oci-host");
}

static void calls_are_refused(void **state)
{
    world *w = *state;
    run_seen *s = START(w, NULL, "call", "inet", "call", "inet32", "call", "alg", "call", "vsock",
                        "call", "linux32", "call", "personality", "call", "syslog");
    run_until(w, all_over);
    assert_true(has(s, "call inet yes\n"));
    assert_true(has(s, "call linux32 yes\n"));
    assert_true(has(s, "call alg refused\n"));
    assert_true(has(s, "call vsock refused\n"));
    assert_true(has(s, "call personality refused\n"));
    assert_true(has(s, "call syslog refused\n"));
    assert_null(strstr(s->lines, "call inet32 refused\n")); /* the kernel may not have it */
}

static void the_root_may_be_read_only(void **state)
{
    world *w = *state;
    run_seen *s = START(w, "{\"readonlyRootFilesystem\": true}", "write", "/new", "write",
                        "/dev/shm/new", "cat", "/etc/hostname");
    run_seen *open = START(w, NULL, "write", "/new", "mode", "/new");
    run_until(w, all_over);
    assert_true(has(s, "write /new: no\n"));
    assert_true(has(s, "write /dev/shm/new: yes\n"));
    assert_true(has(open, "write /new: yes\n"));
    ob_cleanup(ob_freep) char *path = ob_strf("%s/root/new", w->images);
    assert_int_equal(access(path, F_OK), -1); /* the image has not changed */
}

static void many_containers_leave_nothing(void **state)
{
    world *w = *state;
    run_seen *all[50];
    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        all[i] = START(w, NULL, "say", "hello", "exit", "1");
    int64_t at_ms = ob_mono_ms();
    run_until(w, all_over);
    (void)printf("%zu containers in %lld ms\n", ARRAY_SIZE(all), (long long)(ob_mono_ms() - at_ms));
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        assert_int_equal(all[i]->code, 1);
        assert_string_equal(all[i]->lines, "hello\n");
        w->rt->ops->remove(w->rt, all[i]->run);
    }
    run_until(w, all_removed);
    /* Only the folder for trials is left. */
    ob_cleanup(ob_freep) char *runs = ob_strf("%s/%s", w->home, own_instance());
    DIR *dir = opendir(runs);
    const struct dirent *entry;
    assert_non_null(dir);
    while ((entry = readdir(dir)))
        assert_true(entry->d_name[0] == '.');
    (void)closedir(dir);
}

/* Each container takes two descriptors of this process. Its own limit is that of before. */
static void more_run_than_the_limit_of_files_is(void **state)
{
    enum { CONTAINERS = 30, FILES = 48 };
    world *w = *state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    end_process(w);
    const struct rlimit low = { .rlim_cur = FILES, .rlim_max = before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    begin_process(w);
    for (int i = 0; i < CONTAINERS; i++)
        (void)START(w, NULL, "show", "files", "sleep", "3000", "exit", "3");
    run_until(w, all_over);
    for (int i = 0; i < CONTAINERS; i++) {
        assert_int_equal(w->seen[i].code, 3);
        assert_non_null(strstr(w->seen[i].lines, "files 48 "));
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(a_container_runs_and_leaves_nothing),
        IN_WORLD(its_phases_and_what_it_has_used_are_told),
        IN_WORLD(lines_are_whole_and_complete),
        IN_WORLD(a_lack_of_memory_is_told_apart),
        IN_WORLD(a_missing_command_has_not_begun),
        IN_WORLD(a_missing_image_has_not_begun),
        IN_WORLD(a_stop_is_a_signal_and_then_the_end),
        IN_WORLD(a_stop_before_the_start_is_no_start),
        IN_WORLD(properties_are_as_with_docker),
        IN_WORLD(calls_are_refused),
        IN_WORLD(the_root_may_be_read_only),
        IN_WORLD(many_containers_leave_nothing),
        IN_WORLD(more_run_than_the_limit_of_files_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
