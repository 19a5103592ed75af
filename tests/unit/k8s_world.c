/* See k8s_world.h: the time, what the runtime reports, and the life of a process. */
#include "k8s_world.h"

#include <utlist.h>

#include "k8s_world_cluster.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/message.h"

typedef struct armed {
    loop_timer *timer;
    struct armed *prev, *next;
} armed;

world *the_world;
static armed *timers;
static int64_t now_ms = 1000000;

/* ---- the loop, and its time ---- */

__typeof__(ob_boot_ms) __wrap_ob_boot_ms;
__typeof__(loop_timer_set) __wrap_loop_timer_set;
__typeof__(loop_timer_stop) __wrap_loop_timer_stop;
__typeof__(loop_watch) __wrap_loop_watch;
__typeof__(loop_unwatch) __wrap_loop_unwatch;

int64_t __wrap_ob_boot_ms(void)
{
    return now_ms;
}

void __wrap_loop_timer_stop(loop *l, loop_timer *timer)
{
    armed *a, *next;
    DL_FOREACH_SAFE(timers, a, next)
    {
        if (a->timer != timer)
            continue;
        DL_DELETE(timers, a);
        free(a);
    }
    timer->armed = false;
}

void __wrap_loop_timer_set(loop *l, loop_timer *timer, int64_t delay_ms)
{
    __wrap_loop_timer_stop(l, timer);
    armed *a = ob_calloc(1, sizeof(*a));
    a->timer = timer;
    timer->at_ms = now_ms + delay_ms;
    timer->armed = true;
    DL_APPEND(timers, a);
}

int __wrap_loop_watch(loop *l, int fd, uint32_t events, loop_on_fd fn, void *arg, ob_error *err)
{
    return 0;
}

void __wrap_loop_unwatch(loop *l, int fd)
{
}

static bool fire_timers(world *w)
{
    armed *a, *next;
    DL_FOREACH_SAFE(timers, a, next)
    {
        loop_timer *timer = a->timer;
        if (timer->at_ms > now_ms)
            continue;
        __wrap_loop_timer_stop(w->loop, timer);
        timer->fn(timer->arg);
        return true;
    }
    return false;
}

void turn(world *w)
{
    for (int i = 0; i < 10000; i++) {
        w->rt->ops->flush(w->rt);
        if (!answer_one(w) && !fire_timers(w))
            return;
    }
    fail_msg("it does not come to rest");
}

void pass_ms(world *w, int64_t ms)
{
    turn(w);
    for (int64_t end_ms = now_ms + ms; now_ms < end_ms;) {
        int64_t next_ms = end_ms;
        armed *a;
        DL_FOREACH(timers, a)
        if (a->timer->at_ms < next_ms)
            next_ms = a->timer->at_ms;
        now_ms = next_ms > now_ms ? next_ms : now_ms;
        turn(w);
        if (now_ms == next_ms && next_ms < end_ms)
            now_ms++;
    }
}

/* ---- what is reported ---- */

static void on_running(const char *run, int64_t started_at_ms, void *arg)
{
    world *w = arg;
    w->running++;
    w->started_at_ms = started_at_ms;
}

static void on_exited(const char *run, const runtime_end *end, void *arg)
{
    world *w = arg;
    w->ends++;
    w->end = *end;
    (void)snprintf(w->reason, sizeof(w->reason), "%s", end->reason ? end->reason : "");
}

static void on_pod(const char *run, const json_t *pod, void *arg)
{
    world *w = arg;
    json_decref(w->pod);
    w->pod = json_deep_copy(pod);
}

static void on_output_begin(const char *run, void *arg)
{
    world *w = arg;
    ob_buf_clear(&w->output);
    w->output_at = 0;
    w->output_over = false;
}

static runtime_more
on_line(const char *run, int64_t at_ns, const char *text, size_t len, size_t span, void *arg)
{
    world *w = arg;
    ob_buf_str(&w->output, "[");
    ob_buf_add(&w->output, text, len);
    ob_buf_str(&w->output, "]");
    return w->more;
}

static void on_output_at(const char *run, int64_t offset, void *arg)
{
    ((world *)arg)->output_at = offset;
}

static void on_output_end(const char *run, void *arg)
{
    ((world *)arg)->output_over = true;
}

static void on_removed(const char *run, void *arg)
{
    ((world *)arg)->removed++;
}

static void on_found(const char *run, void *arg)
{
    world *w = arg;
    w->found++;
    if (w->adopt)
        w->rt->ops->adopt(w->rt, run, true, 0);
}

static void on_listed(void *arg)
{
    ((world *)arg)->listed++;
}

static void on_engine(bool up, const char *text, void *arg)
{
}

static void on_unwell(const char *why, void *arg)
{
    world *w = arg;
    w->unwell_told++;
    (void)snprintf(w->unwell, sizeof(w->unwell), "%s", why ? why : "");
}

static void on_purged(void *arg)
{
    ((world *)arg)->is_purged = true;
}

/* ---- the world ---- */

static void begin(world *w)
{
    assert_int_equal(loop_new(&w->loop, NULL), 0);
    assert_int_equal(spool_open(w->dir, 0, &w->spool, NULL), 0);
    runtime_config config = { .loop = w->loop,
                              .spool = w->spool,
                              .instance = INSTANCE,
                              .ce = "own",
                              .pull_stall_ms = 300000,
                              .on = { .running = on_running,
                                      .exited = on_exited,
                                      .pod = on_pod,
                                      .output_begin = on_output_begin,
                                      .output_at = on_output_at,
                                      .line = on_line,
                                      .output_end = on_output_end,
                                      .removed = on_removed,
                                      .found = on_found,
                                      .listed = on_listed,
                                      .engine = on_engine,
                                      .unwell = on_unwell,
                                      .purged = on_purged,
                                      .arg = w } };
    assert_int_equal(runtime_kubernetes.make(&config, &w->settings, &w->rt, NULL), 0);
}

static void end(world *w)
{
    w->rt->ops->free(w->rt);
    assert_null(timers);
    spool_free(w->spool);
    loop_free(w->loop);
}

int world_init(void **state)
{
    world *w = ob_calloc(1, sizeof(*w));
    the_world = w;
    w->settings = (k8s_settings){ .dir = "/x",
                                  .cluster = "arn",
                                  .name_space = "jobs",
                                  .node = "node-1",
                                  .node_uid = "node-uid-1",
                                  .ce_uuid = "ce-1",
                                  .create_ms = 120000 };
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/ob-k8s-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->pods = json_object();
    w->adopt = true;
    begin(w);
    w->rt->ops->open(w->rt);
    relist(w);
    *state = w;
    return 0;
}

void restart(world *w)
{
    assert_int_equal(spool_sync(w->spool, NULL), 0);
    end(w);
    w->ends = w->running = w->found = w->listed = 0;
    begin(w);
    w->rt->ops->open(w->rt);
    relist(w);
}

void purge(world *w)
{
    assert_int_equal(spool_sync(w->spool, NULL), 0);
    end(w);
    begin(w);
    w->rt->ops->purge(w->rt);
    relist(w);
}

int world_done(void **state)
{
    world *w = *state;
    char path[64];
    end(w);
    static const char *const names[] = { "spool", "lock" };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", w->dir, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(w->dir);
    json_decref(w->pods);
    json_decref(w->pod);
    ob_buf_done(&w->output);
    free(w);
    return 0;
}

int start_run(world *w, const char *run)
{
    ob_run_ref ref;
    assert_true(ob_run_ref_parse(run, &ref));
    json_auto_t *spec =
        json_pack("{s:s, s:{s:[{s:s}]}}", "queue", "q", "eks", "containers", "image", "busybox");
    return w->rt->ops->start(w->rt, &ref, 1, spec, true, NULL);
}

void ends_with(world *w, const char *run, int code)
{
    ob_cleanup(ob_freep) char *text =
        ob_strf("{'phase':'%s','containerStatuses':[{'name':'default','containerID':'c','state':"
                "{'terminated':{'exitCode':%d,'reason':'%s','startedAt':'2026-12-02T10:00:05Z',"
                "'finishedAt':'2026-12-02T10:00:09Z'}}}]}",
                code ? "Failed" : "Succeeded", code, code ? "Error" : "Completed");
    set_status(w, run, text);
}

void say_log(world *w, const char *text, bool ends)
{
    w->log = text;
    w->log_open = !ends;
    turn(w);
}

void refuse(world *w, const char *method, int status)
{
    w->change_refused = status;
    w->change_method = method;
}

void run_one(world *w)
{
    assert_int_equal(start_run(w, RUN), 0);
    turn(w);
    set_status(w, RUN,
               "{'phase':'Running','containerStatuses':[{'name':'default','containerID':'c',"
               "'state':{'running':{'startedAt':'2026-12-02T10:00:05Z'}}}]}");
    assert_int_equal(w->running, 1);
}

void remove_run(world *w)
{
    w->rt->ops->remove(w->rt, RUN);
    turn(w);
}

void assert_end(const world *w, bool started, int code, const char *reason)
{
    assert_int_equal(w->ends, 1);
    assert_int_equal(w->end.started, started);
    assert_int_equal(w->end.exit_code, code);
    assert_string_equal(w->reason, reason);
}

void assert_output(const world *w, const char *text)
{
    assert_string_equal(w->output.len > 0 ? w->output.at : "", text);
}
