/* The OCI runtime with real containers: crun (or runc), overlay mounts and control groups. They
 * need root, and a kernel that allows them; the image's only program is oci_job.c. */
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ob/clock.h"
#include "ob/json.h"
#include "ob/message.h"
#include "runtimes/oci/oci_settings.h"
#include "runtimes/oci/oci_words.h"
#include "runtimes/oci/runtime_oci.h"

#define PATIENCE_MS 60000
#define RUNS_MAX 64

extern const char *fake_image_config;

typedef struct run_seen {
    char run[OB_RUN_TEXT];
    bool running, ended, started, oom, output_over, removed, found;
    int code;
    char reason[512];
    runtime_end end;  /* its numbers */
    char lines[4096]; /* each with its end, as far as they fit */
    size_t longest, bytes, count;
} run_seen;

typedef struct world {
    char dir[64];
    loop *loop;
    spool *spool;
    oci_settings settings;
    char *images, *home;
    runtime *rt;
    loop_timer limit, step;
    run_seen seen[RUNS_MAX];
    int n;
    bool listed, purged, adopts;
    bool (*is_over)(const struct world *w);
} world;

/* ---- what is reported ---- */

static run_seen *see(world *w, const char *run)
{
    for (int i = 0; i < w->n; i++)
        if (strcmp(w->seen[i].run, run) == 0)
            return &w->seen[i];
    assert_true(w->n < RUNS_MAX);
    (void)snprintf(w->seen[w->n].run, OB_RUN_TEXT, "%s", run);
    return &w->seen[w->n++];
}

static void on_running(const char *run, int64_t started_at_ms, void *arg)
{
    see(arg, run)->running = true;
}

static void on_exited(const char *run, const runtime_end *end, void *arg)
{
    run_seen *s = see(arg, run);
    s->ended = true;
    s->started = end->started;
    s->oom = end->oom;
    s->code = end->exit_code;
    s->end = *end;
    (void)snprintf(s->reason, sizeof(s->reason), "%s", end->reason ? end->reason : "");
}

static void on_output_begin(const char *run, void *arg)
{
}

static runtime_more
on_line(const char *run, int64_t at_ns, const char *text, size_t len, size_t span, void *arg)
{
    run_seen *s = see(arg, run);
    size_t have = strlen(s->lines);
    s->longest = len > s->longest ? len : s->longest;
    s->bytes += len;
    s->count++;
    if (have + len + 2 < sizeof(s->lines))
        (void)snprintf(s->lines + have, sizeof(s->lines) - have, "%.*s\n", (int)len, text);
    return RUNTIME_GO_ON;
}

static void on_output_end(const char *run, void *arg)
{
    see(arg, run)->output_over = true;
}

static void on_removed(const char *run, void *arg)
{
    see(arg, run)->removed = true;
}

static void on_found(const char *run, void *arg)
{
    world *w = arg;
    see(w, run)->found = true;
    if (w->adopts)
        w->rt->ops->adopt(w->rt, run, true, 0);
}

static void on_listed(void *arg)
{
    ((world *)arg)->listed = true;
}

static void on_engine(bool up, const char *text, void *arg)
{
}

static void on_unwell(const char *why, void *arg)
{
}

static void on_purged(void *arg)
{
    ((world *)arg)->purged = true;
}

/* ---- the loop ---- */

static void on_turn(void *arg)
{
    world *w = arg;
    assert_int_equal(spool_sync(w->spool, NULL), 0);
    w->rt->ops->flush(w->rt);
    assert_int_equal(spool_sync(w->spool, NULL), 0);
}

static void on_limit(void *arg)
{
    fail_msg("it takes too long");
}

static void on_step(void *arg)
{
    world *w = arg;
    if (w->is_over(w))
        loop_stop(w->loop);
    else
        loop_timer_set(w->loop, &w->step, 2);
}

static void run_until(world *w, bool (*is_over)(const world *w))
{
    w->is_over = is_over;
    w->step = (loop_timer){ .fn = on_step, .arg = w };
    w->limit = (loop_timer){ .fn = on_limit, .arg = w };
    loop_timer_set(w->loop, &w->step, 0);
    loop_timer_set(w->loop, &w->limit, PATIENCE_MS);
    assert_int_equal(loop_run(w->loop, NULL), 0);
    loop_timer_stop(w->loop, &w->step);
    loop_timer_stop(w->loop, &w->limit);
}

static bool all_over(const world *w)
{
    for (int i = 0; i < w->n; i++)
        if (!w->seen[i].ended || (w->seen[i].started && !w->seen[i].output_over))
            return false;
    return true;
}

static bool all_removed(const world *w)
{
    for (int i = 0; i < w->n; i++)
        if (!w->seen[i].removed)
            return false;
    return true;
}

static bool first_speaks(const world *w)
{
    return w->seen[0].count > 0;
}

static bool is_listed(const world *w)
{
    return w->listed;
}

static bool is_purged(const world *w)
{
    return w->purged;
}

/* ---- beginning and end ---- */

static void open_runtime(world *w)
{
    runtime_config config = { .loop = w->loop,
                              .spool = w->spool,
                              .home = "/nonexistent",
                              .run_dir = "/nonexistent",
                              .instance = own_instance(),
                              .ce = "own",
                              .engine = "",
                              .secrets_dir = "",
                              .credentials = "",
                              .pull_stall_ms = 1000,
                              .on = { .running = on_running,
                                      .exited = on_exited,
                                      .output_begin = on_output_begin,
                                      .line = on_line,
                                      .output_end = on_output_end,
                                      .removed = on_removed,
                                      .found = on_found,
                                      .listed = on_listed,
                                      .engine = on_engine,
                                      .unwell = on_unwell,
                                      .purged = on_purged,
                                      .arg = w } };
    ob_error err = { 0 };
    w->listed = false;
    if (runtime_oci.make(&config, &w->settings, &w->rt, &err) < 0)
        fail_msg("%s", err.text);
    loop_on_turn(w->loop, on_turn, w);
    w->rt->ops->open(w->rt);
}

static void begin_process(world *w)
{
    assert_int_equal(loop_new(&w->loop, NULL), 0);
    assert_int_equal(spool_open(w->dir, 0, &w->spool, NULL), 0);
    open_runtime(w);
}

/* After end_process: a new process, which knows nothing, until it has listed what it found. */
static void begin_again(world *w)
{
    memset(w->seen, 0, sizeof(w->seen));
    w->n = 0;
    begin_process(w);
    run_until(w, is_listed);
}

static void end_process(world *w)
{
    w->rt->ops->free(w->rt);
    spool_free(w->spool);
    loop_free(w->loop);
}

static void put(const char *dir, const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void make_image(world *w)
{
    char command[1024];
    (void)snprintf(command, sizeof(command),
                   "mkdir -p %s/root/bin %s/root/etc %s/root/data && cp " OCI_JOB
                   " %s/root/bin/job && echo there >%s/root/data/file && chmod 1777 %s/root/data",
                   w->images, w->images, w->images, w->images, w->images, w->images);
    assert_int_equal(system(command), 0);
    ob_cleanup(ob_freep) char *etc = ob_strf("%s/root/etc", w->images);
    put(etc, "passwd", "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1001::/home/ann:/bin/sh\n");
    put(etc, "group", "root:x:0:\nann:x:1001:\ndisk:x:6:ann\n");
}

static int setup(void **state)
{
    if (geteuid() != 0) {
        (void)fprintf(stderr, "these tests need root\n");
        return -1;
    }
    world *w = ob_calloc(1, sizeof(*w));
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/ob-oci-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->images = ob_strf("%s/images", w->dir);
    w->home = ob_strf("%s/oci", w->dir);
    make_image(w);
    const char *program = getenv("OPENBATCH_OCI_RUNTIME");
    w->settings = (oci_settings){ .runtime = (char *)(program ? program : "crun"),
                                  .keeper = (char *)OCI_KEEPER,
                                  .home = w->home,
                                  .images = w->images,
                                  .output_bytes = 64 << 20 };
    w->adopts = true;
    fake_image_config = "{}";
    begin_process(w);
    run_until(w, is_listed);
    *state = w;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    return remove(path);
}

static int teardown(void **state)
{
    world *w = *state;
    w->rt->ops->purge(w->rt);
    run_until(w, is_purged);
    static const char *const hierarchies[] = { "memory/", "" }; /* version 1 and 2 */
    for (size_t i = 0; i < ARRAY_SIZE(hierarchies); i++) {
        ob_cleanup(ob_freep) char *group =
            ob_strf("/sys/fs/cgroup/%sopenbatch/%s", hierarchies[i], own_instance());
        assert_int_equal(access(group, F_OK), -1);
    }
    ob_cleanup(ob_freep) char *runs = ob_strf("%s/%s", w->home, own_instance());
    assert_int_equal(access(runs, F_OK), -1);
    end_process(w);
    (void)nftw(w->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(w->images);
    free(w->home);
    free(w);
    return 0;
}

#define IN_WORLD(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* ---- runs ---- */

static const char *run_name(int n)
{
    static char name[OB_RUN_TEXT];
    (void)snprintf(name, sizeof(name), "018f0000-0000-7000-8000-%012d/1", n);
    return name;
}

/* members: JSON that is added to the job's properties; NULL: none. */
static run_seen *start(world *w, const char *members, const char *const *command)
{
    ob_error err = { 0 };
    ob_run_ref ref;
    const char *run = run_name(w->n);
    assert_true(ob_run_ref_parse(run, &ref));
    json_t *list = json_array();
    for (; *command; command++)
        (void)json_array_append_new(list, json_string(*command));
    json_auto_t *spec =
        json_pack("{s:s, s:s, s:{s:s, s:o, s:[{s:s, s:s}, {s:s, s:s}]}}", "ce", "own", "queue", "q",
                  "container", "image", "busybox", "command", list, "resourceRequirements", "type",
                  "MEMORY", "value", "64", "type", "VCPU", "value", "1");
    json_auto_t *more = members ? json_loads(members, 0, NULL) : json_object();
    assert_non_null(more);
    (void)json_object_update(json_object_get(spec, "container"), more);
    run_seen *s = see(w, run);
    if (w->rt->ops->start(w->rt, &ref, 1, spec, true, &err) < 0)
        fail_msg("%s", err.text);
    return s;
}

#define START(w, members, ...)                                                                     \
    start(w, members, (const char *const[]){ "/bin/job", __VA_ARGS__, NULL })

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
        IN_WORLD(a_container_runs_and_leaves_nothing),
        IN_WORLD(its_phases_and_what_it_has_used_are_told),
        IN_WORLD(lines_are_whole_and_complete),
        IN_WORLD(a_lack_of_memory_is_told_apart),
        IN_WORLD(a_missing_command_has_not_begun),
        IN_WORLD(a_missing_image_has_not_begun),
        IN_WORLD(a_stop_is_a_signal_and_then_the_end),
        IN_WORLD(a_stop_before_the_start_is_no_start),
        IN_WORLD(a_container_outlives_the_executor),
        IN_WORLD(an_end_without_an_executor_is_kept),
        IN_WORLD(writers_elsewhere_do_not_delay_the_end),
        IN_WORLD(without_its_keeper_nobody_knows_the_code),
        IN_WORLD(a_keeper_that_dies_without_an_executor_is_noticed),
        IN_WORLD(what_no_keeper_was_started_for_has_not_begun),
        IN_WORLD(what_a_keeper_had_not_opened_has_not_begun),
        IN_WORLD(what_was_about_to_begin_may_have_run),
        IN_WORLD(after_a_restart_of_the_host_the_intent_counts),
        IN_WORLD(properties_are_as_with_docker),
        IN_WORLD(calls_are_refused),
        IN_WORLD(the_root_may_be_read_only),
        IN_WORLD(many_containers_leave_nothing),
        IN_WORLD(a_purge_ends_what_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
