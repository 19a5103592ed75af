/* See oci_world.h. */
#include "oci_world.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATIENCE_MS 60000

extern const char *fake_image_config;

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

void run_until(world *w, bool (*is_over)(const world *w))
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

bool all_over(const world *w)
{
    for (int i = 0; i < w->n; i++)
        if (!w->seen[i].ended || (w->seen[i].started && !w->seen[i].output_over))
            return false;
    return true;
}

bool all_removed(const world *w)
{
    for (int i = 0; i < w->n; i++)
        if (!w->seen[i].removed)
            return false;
    return true;
}

bool first_speaks(const world *w)
{
    return w->seen[0].count > 0;
}

bool is_listed(const world *w)
{
    return w->listed;
}

bool is_purged(const world *w)
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

void begin_process(world *w)
{
    assert_int_equal(loop_new(&w->loop, NULL), 0);
    assert_int_equal(spool_open(w->dir, 0, &w->spool, NULL), 0);
    open_runtime(w);
}

void begin_again(world *w)
{
    memset(w->seen, 0, sizeof(w->seen));
    w->n = 0;
    begin_process(w);
    run_until(w, is_listed);
}

void end_process(world *w)
{
    w->rt->ops->free(w->rt);
    spool_free(w->spool);
    loop_free(w->loop);
}

void put(const char *dir, const char *name, const char *text)
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

int setup(void **state)
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

int teardown(void **state)
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

/* ---- runs ---- */

const char *run_name(int n)
{
    static char name[OB_RUN_TEXT];
    (void)snprintf(name, sizeof(name), "018f0000-0000-7000-8000-%012d/1", n);
    return name;
}

run_seen *start(world *w, const char *members, const char *const *command)
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
