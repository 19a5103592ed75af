/* The Docker runtime with an engine that does not do what it is asked. */
#include "unit.h"

#include "container_engine.h"
#include "ob/clock.h"
#include "ob/message.h"
#include "runtimes/docker/runtime_docker.h"

#define JOB "018f0000-0000-7000-8000-00000000000"
#define RUNS 4
#define STALL_MS 600
#define PATIENCE_MS 20000

typedef struct run_seen {
    char run[OB_RUN_TEXT];
    bool running, ended;
    int64_t ended_at_ms;
    char reason[512];
} run_seen;

typedef struct world {
    loop *loop;
    char dir[32];
    spool *spool;
    container_engine *engine;
    docker_settings settings;
    runtime *rt;
    bool listed;
    run_seen runs[RUNS];
    loop_timer step, limit;
    bool (*is_done)(struct world *w);
    /* What the engine does. */
    bool has_image;
    int pulls, lines, stops;
    int stop_refusals; /* so many stops are answered 500 */
    int64_t said_at_ms, stopped_at_ms;
} world;

static run_seen *seen(world *w, const char *run)
{
    for (size_t i = 0; i < RUNS; i++)
        if (strcmp(w->runs[i].run, run) == 0)
            return &w->runs[i];
    fail_msg("%s was not started", run);
    return NULL;
}

static void on_running(const char *run, int64_t started_at_ms, void *arg)
{
    seen(arg, run)->running = true;
}

static void on_exited(const char *run, const runtime_end *end, void *arg)
{
    run_seen *s = seen(arg, run);
    s->ended = true;
    s->ended_at_ms = ob_boot_ms();
    (void)snprintf(s->reason, sizeof(s->reason), "%s", end->reason ? end->reason : "");
}

static void on_listed(void *arg)
{
    ((world *)arg)->listed = true;
}

static void on_engine(bool up, const char *text, void *arg)
{
}

static engine_answer on_request(const char *method, const char *path, void *arg)
{
    world *w = arg;
    if (strncmp(path, "/version", 8) == 0)
        return (engine_answer){ .status = 200, .body = "{\"ApiVersion\": \"1.41\"}" };
    if (strncmp(path, "/events", 7) == 0)
        return (engine_answer){ .status = 200, .body = "\n", .open = true };
    if (strncmp(path, "/containers/json", 16) == 0)
        return (engine_answer){ .status = 200, .body = "[]" };
    if (strncmp(path, "/containers/create", 18) == 0 && !w->has_image)
        return (engine_answer){ .status = 404, .body = "{\"message\": \"No such image: x\"}" };
    if (strncmp(path, "/containers/create", 18) == 0)
        return (engine_answer){ .status = 201, .body = "{\"Id\": \"1234\"}" };
    if (strncmp(path, "/images/create", 14) == 0) {
        w->pulls++;
        if (strstr(path, "mute"))
            return (engine_answer){ 0 };
        return (
            engine_answer){ .status = 200, .body = "{\"status\": \"Waiting\"}\n", .open = true };
    }
    if (strstr(path, "/stop")) {
        w->stops++;
        w->stopped_at_ms = ob_boot_ms();
        if (w->stops <= w->stop_refusals)
            return (engine_answer){ .status = 500, .body = "{\"message\": \"not now\"}" };
    }
    return (engine_answer){ .status = 204 };
}

static void on_turn(void *arg)
{
    world *w = arg;
    w->rt->ops->flush(w->rt);
}

static void on_step(void *arg)
{
    world *w = arg;
    if (w->is_done(w))
        loop_stop(w->loop);
    else
        loop_timer_set(w->loop, &w->step, 80);
}

static void on_limit(void *arg)
{
    fail_msg("it takes too long");
}

/* Runs the loop; is_done is asked every 80 ms. */
static void run_until(world *w, bool (*is_done)(world *w))
{
    w->is_done = is_done;
    loop_timer_set(w->loop, &w->step, 0);
    loop_timer_set(w->loop, &w->limit, PATIENCE_MS);
    assert_int_equal(loop_run(w->loop, NULL), 0);
    loop_timer_stop(w->loop, &w->step);
    loop_timer_stop(w->loop, &w->limit);
}

static bool is_listed(world *w)
{
    return w->listed;
}

static int world_init(void **state)
{
    world *w = ob_calloc(1, sizeof(*w));
    assert_int_equal(loop_new(&w->loop, NULL), 0);
    w->step = (loop_timer){ .fn = on_step, .arg = w };
    w->limit = (loop_timer){ .fn = on_limit, .arg = w };
    w->engine = engine_new(w->loop, on_request, w);
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/ob-spool-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    assert_int_equal(spool_open(w->dir, 0, &w->spool, NULL), 0);
    w->settings = (docker_settings){ .copy = (char *)"" };
    runtime_config config = { .loop = w->loop,
                              .spool = w->spool,
                              .home = "/tmp",
                              .instance = "i-1",
                              .ce = "own",
                              .engine = engine_host(w->engine),
                              .secrets_dir = "",
                              .credentials = "/nonexistent",
                              .pull_stall_ms = STALL_MS,
                              .on = { .running = on_running,
                                      .exited = on_exited,
                                      .listed = on_listed,
                                      .engine = on_engine,
                                      .arg = w } };
    assert_int_equal(runtime_docker.make(&config, &w->settings, &w->rt, NULL), 0);
    loop_on_turn(w->loop, on_turn, w);
    w->rt->ops->open(w->rt);
    run_until(w, is_listed);
    *state = w;
    return 0;
}

static int world_done(void **state)
{
    world *w = *state;
    w->rt->ops->free(w->rt);
    engine_free(w->engine);
    loop_free(w->loop);
    spool_free(w->spool);
    ob_cleanup(ob_freep) char *remove_dir = ob_strf("rm -r %s", w->dir);
    assert_int_equal(system(remove_dir), 0);
    free(w);
    return 0;
}

static void start(world *w, int n, const char *image)
{
    ob_error err = { 0 };
    ob_run_ref ref;
    json_auto_t *spec =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:{s:s, s:[{s:s, s:s}, {s:s, s:s}]}}", "name",
                  "n", "definition", "d:1", "queue", "q", "ce", "c", "account", "1", "region", "r",
                  "container", "image", image, "resourceRequirements", "type", "VCPU", "value", "1",
                  "type", "MEMORY", "value", "128");
    (void)snprintf(w->runs[n].run, sizeof(w->runs[n].run), "%s%d/1", JOB, n);
    assert_true(ob_run_ref_parse(w->runs[n].run, &ref));
    if (w->rt->ops->start(w->rt, &ref, 1, spec, false, &err) < 0)
        fail_msg("%s", err.text);
}

/* ---- pulls ---- */

/* Some lines, for longer than a pull may be silent; then none. */
static bool say_lines_until_all_ended(world *w)
{
    if (w->pulls == 3 && w->lines < 10) {
        w->lines++;
        w->said_at_ms = ob_boot_ms();
        engine_say(w->engine, "/images/create?fromImage=slow", "{\"status\": \"Downloading\"}\n");
    }
    return w->runs[0].ended && w->runs[1].ended && w->runs[2].ended;
}

static bool nobody_pulls(world *w)
{
    return engine_waiting(w->engine, "/images/create") == 0;
}

static bool is_pulled_again(world *w)
{
    return w->pulls == 4;
}

static void a_pull_without_progress_is_given_up(void **state)
{
    world *w = *state;
    int64_t begin_ms = ob_boot_ms();
    start(w, 0, "mute");  /* no answer at all */
    start(w, 1, "slow");  /* stands still in the middle */
    start(w, 2, "queue"); /* waits for its turn behind that */
    run_until(w, say_lines_until_all_ended);
    for (int i = 0; i < 3; i++) {
        const char *reason = w->runs[i].reason;
        assert_true(strncmp(reason, "CannotPullContainerError: ", 26) == 0);
        assert_non_null(strstr(reason, "inactivity time exceeded timeout while pulling image"));
        assert_non_null(strstr(reason, "600 ms"));
    }
    assert_int_equal(w->lines, 10);
    assert_true(w->runs[0].ended_at_ms - begin_ms >= STALL_MS);
    assert_true(w->runs[0].ended_at_ms < w->said_at_ms);
    assert_true(w->runs[1].ended_at_ms - w->said_at_ms >= STALL_MS - 1);
    assert_true(w->runs[2].ended_at_ms - w->said_at_ms >= STALL_MS - 1);
    run_until(w, nobody_pulls); /* the engine's client is gone, so it can give up, too */

    start(w, 3, "mute"); /* nothing remembers it */
    run_until(w, is_pulled_again);
}

/* ---- stops ---- */

static bool runs(world *w)
{
    return w->runs[0].running;
}

static bool stops_are_over(world *w)
{
    return w->stops > w->stop_refusals && ob_boot_ms() - w->stopped_at_ms > 700;
}

static void a_stop_that_the_engine_refuses_is_asked_for_again_after_a_pause(void **state)
{
    world *w = *state;
    w->has_image = true;
    w->stop_refusals = 2;
    start(w, 0, "x");
    run_until(w, runs);
    int64_t begin_ms = ob_boot_ms();
    w->rt->ops->stop(w->rt, w->runs[0].run, 30);
    run_until(w, stops_are_over);
    assert_int_equal(w->stops, 3);
    assert_true(w->stopped_at_ms - begin_ms >= 990);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_pull_without_progress_is_given_up, world_init,
                                        world_done),
        cmocka_unit_test_setup_teardown(
            a_stop_that_the_engine_refuses_is_asked_for_again_after_a_pause, world_init,
            world_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
