/* See executor_world.h. */
#include "executor_world.h"

#include <unistd.h>

#include "adopt.h"
#include "heartbeat.h"
#include "ob/json.h"

/* ---- the fake runtime ---- */

char asked[ASKED_MAX];
int start_result;
bool start_crashes;
const char *start_text = "Bad: spec";

static void note(const char *what, const char *run)
{
    size_t len = strlen(asked);
    (void)snprintf(asked + len, sizeof(asked) - len, "%s %s; ", what, run);
}

static int fake_start(runtime *rt,
                      const ob_run_ref *ref,
                      int attempt_no,
                      const json_t *spec,
                      bool follow,
                      ob_error *err)
{
    char run[OB_RUN_TEXT];
    ob_run_ref_format(ref, run);
    note("start", run);
    if (start_crashes)
        _exit(1);
    return start_result < 0 ? ob_fail(err, -start_result, "%s", start_text) : 0;
}

static void fake_adopt(runtime *rt, const char *run, bool follow, int64_t since_ns)
{
    note(follow ? "adopt+log" : "adopt", run);
}

static void fake_stop(runtime *rt, const char *run, int grace_s)
{
    note("stop", run);
}

static void fake_remove(runtime *rt, const char *run)
{
    note("remove", run);
}

static const runtime_ops fake_ops = { .name = "fake",
                                      .start = fake_start,
                                      .adopt = fake_adopt,
                                      .stop = fake_stop,
                                      .remove = fake_remove };

/* ---- an executor without its loop ---- */

static void on_out(const char *run, void *arg)
{
    attempts_log_out(&((world *)arg)->a, run);
}

static void on_advance(placement_position last, void *arg)
{
}

static void begin(world *w)
{
    assert_int_equal(loop_new(&w->loop, NULL), 0);
    assert_int_equal(spool_open(w->dir, 0, &w->spool, NULL), 0);
    w->runtime.ops = &fake_ops;
    w->logs =
        logs_new(&(logs_config){ .loop = w->loop, .seal = &w->seal, .out = on_out, .arg = w });
    w->placement =
        placement_new("i", (placement_position){ 1, 1 }, (placement_sink){ .advance = on_advance });
    w->a = (attempts){ .loop = w->loop,
                       .permits = w->permits,
                       .spool = w->spool,
                       .runtime = &w->runtime,
                       .logs = w->logs,
                       .placement = w->placement };
    asked[0] = '\0';
    start_result = 0;
    start_crashes = false;
    start_text = "Bad: spec";
    adopt_load(&w->a);
}

static void end(world *w)
{
    attempts_done(&w->a);
    placement_free(w->placement);
    logs_free(w->logs);
    spool_free(w->spool);
    loop_free(w->loop);
}

void restart(world *w)
{
    assert_int_equal(spool_sync(w->spool, NULL), 0);
    end(w);
    begin(w);
}

int setup(void **state)
{
    world *w = ob_calloc(1, sizeof(*w));
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/ob-executor-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    begin(w);
    *state = w;
    return 0;
}

int teardown(void **state)
{
    world *w = *state;
    end(w);
    char path[DIR_MAX + 16];
    static const char *const names[] = { "spool", "lock" };
    for (int i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", w->dir, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(w->dir);
    free(w);
    return 0;
}

void place(world *w, const char *run, bool logged)
{
    json_auto_t *spec =
        json_pack("{s:s, s:{s:s, s:{s:s}}}", "definition", "d", "container", "image", "i",
                  "logConfiguration", "logDriver", logged ? "awslogs" : "syslog");
    attempts_run(&w->a, run, 1, spec);
}

const runtime_end exit_3 = {
    .started = true, .exit_code = 3, .started_at_ms = 1000, .stopped_at_ms = 2000
};

attempt_state state_of(world *w, const char *run)
{
    attempt *at = attempts_find(&w->a, run);
    assert_non_null(at);
    return at->state;
}

json_t *told_state(const attempt *at)
{
    ob_cleanup(ob_buf_done) ob_buf t = { 0 };
    heartbeat_run_state(&t, at);
    json_t *state = ob_json_read(t.at, t.len);
    assert_non_null(state);
    return state;
}
