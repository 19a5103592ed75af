/* See docker_world.h. */
#include "docker_world.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ob/clock.h"
#include "ob/message.h"

#define PATIENCE_MS 20000

/* ---- what the runtime reports ---- */

static void on_running(const char *run, int64_t started_at_ms, void *arg)
{
    ((world *)arg)->running = true;
}

static void on_exited(const char *run, const runtime_end *end, void *arg)
{
    world *w = arg;
    assert_false(w->ended);
    w->ended = true;
    w->started = end->started;
    w->exit_code = end->exit_code;
    (void)snprintf(w->reason, sizeof(w->reason), "%s", end->reason ? end->reason : "");
}

static void on_output_begin(const char *run, void *arg)
{
}

static runtime_more
on_line(const char *run, int64_t at_ns, const char *text, size_t len, size_t span, void *arg)
{
    world *w = arg;
    (void)snprintf(w->last_line, sizeof(w->last_line), "%.*s", (int)len, text);
    w->last_len = len;
    w->last_span = span;
    return RUNTIME_GO_ON;
}

static void on_output_end(const char *run, void *arg)
{
    ((world *)arg)->output_over = true;
}

static void on_found(const char *run, void *arg)
{
    world *w = arg;
    w->found++;
    w->rt->ops->adopt(w->rt, run, false, 0);
}

static void on_listed(void *arg)
{
    ((world *)arg)->has_listed = true;
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

/* ---- what the engine does ---- */

static bool disk_has_intent(world *w)
{
    char path[64], text[4096] = "";
    (void)snprintf(path, sizeof(path), "%s/spool", w->dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(read(fd, text, sizeof(text) - 1) > 0);
    (void)close(fd);
    return strstr(text, RUN) && strstr(text, "\"intent\"");
}

void show_time(char out[48], int64_t at_ms)
{
    char text[32];
    time_t s = at_ms / 1000;
    (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", gmtime(&s));
    (void)snprintf(out, 48, "%s.%03dZ", text, (int)(at_ms % 1000));
}

void inspect_says(world *w, const char *status, int code, int64_t finished_ms)
{
    char began[48], ended[48];
    show_time(began, w->began_ms ? w->began_ms : ob_wall_ms() - 10000);
    show_time(ended, finished_ms);
    (void)snprintf(w->inspected, sizeof(w->inspected),
                   "{\"Id\": \"" CONTAINER_ID
                   "\", \"Config\": {\"Image\": \"x\"}, \"State\": {\"Status\": "
                   "\"%s\", \"Running\": %s, \"ExitCode\": %d, \"StartedAt\": \"%s\", "
                   "\"FinishedAt\": \"%s\"}}",
                   status, strcmp(status, "running") == 0 ? "true" : "false", code, began, ended);
}

static engine_answer on_probe(world *w, const char *method, const char *path)
{
    if (strcmp(method, "DELETE") == 0) {
        w->probe_removals++;
        return (engine_answer){ .status = 204 };
    }
    if (!strstr(path, "/start"))
        return (engine_answer){ .status = w->probe_is_made ? w->create_status : 201,
                                .body = "{\"Id\": \"p\"}" };
    w->probes++;
    return w->probe_start;
}

static engine_answer on_request(const char *method, const char *path, void *arg)
{
    world *w = arg;
    if (strncmp(path, "/version", 8) == 0)
        return (engine_answer){ .status = 200, .body = "{\"ApiVersion\": \"1.41\"}" };
    if (strncmp(path, "/events", 7) == 0)
        return (engine_answer){ .status = 200, .body = "\n", .open = true };
    if (strncmp(path, "/containers/json", 16) == 0 && w->ends_unseen)
        inspect_says(w, "exited", w->end_code, ob_wall_ms());
    if (strncmp(path, "/containers/json", 16) == 0)
        return (engine_answer){ .status = 200, .body = w->listed };
    if (strstr(path, "openbatch-probe"))
        return on_probe(w, method, path);
    if (strncmp(path, "/containers/create", 18) == 0)
        return (engine_answer){ .status = w->create_status,
                                .body = w->create_status == 201 ? "{\"Id\": \"" CONTAINER_ID "\"}"
                                                                : "{\"message\": \"broken\"}" };
    if (strstr(path, "/start")) {
        w->starts++;
        w->intent_on_disk = disk_has_intent(w);
        return w->start;
    }
    if (strstr(path, "/stop?t="))
        w->has_stopped = true;
    if (strstr(path, "/kill?signal=SIGURG")) { /* the engine looks, and finds nobody */
        w->nudges++;
        inspect_says(w, "exited", w->end_code, ob_wall_ms());
        if (!w->nudge_status)
            w->listed = LISTED("exited");
        return (engine_answer){ .status = w->nudge_status ? w->nudge_status : 500,
                                .body = "{\"message\": \"gone\"}" };
    }
    if (strstr(path, "/logs") && w->outputs[0].body) {
        w->is_read_again = w->is_read;
        w->is_read = true;
        return w->outputs[w->is_read_again];
    }
    if (strstr(path, "/logs"))
        return (engine_answer){ .status = 200 };
    if (strstr(path, "/json")) {
        if (w->event_after && strstr(w->inspected, "exited"))
            say_died(w, 0);
        return (engine_answer){ .status = 200, .body = w->inspected };
    }
    return (engine_answer){ .status = 204 };
}

static void on_turn(void *arg)
{
    world *w = arg;
    w->rt->ops->flush(w->rt);
}

static void on_limit(void *arg)
{
    fail_msg("it takes too long");
}

/* ---- the loop ---- */

static bool (*is_over)(const world *w);
static const bool *awaited;
static loop_timer step;

static void on_step(void *arg)
{
    world *w = arg;
    if (is_over(w))
        loop_stop(w->loop);
    else
        loop_timer_set(w->loop, &step, 20);
}

void run_until_done(world *w, bool (*is_done)(const world *w))
{
    is_over = is_done;
    step = (loop_timer){ .fn = on_step, .arg = w };
    loop_timer_set(w->loop, &step, 0);
    loop_timer_set(w->loop, &w->limit, PATIENCE_MS);
    assert_int_equal(loop_run(w->loop, NULL), 0);
    loop_timer_stop(w->loop, &step);
    loop_timer_stop(w->loop, &w->limit);
}

static bool is_flag_set(const world *w)
{
    return *awaited;
}

void run_until(world *w, const bool *flag)
{
    awaited = flag;
    run_until_done(w, is_flag_set);
}

/* ---- beginning and end ---- */

int world_init(void **state)
{
    world *w = ob_calloc(1, sizeof(*w));
    assert_int_equal(loop_new(&w->loop, NULL), 0);
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/ob-spool-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    assert_int_equal(spool_open(w->dir, 0, &w->spool, NULL), 0);
    w->limit = (loop_timer){ .fn = on_limit, .arg = w };
    w->engine = engine_new(w->loop, on_request, w);
    w->create_status = 201;
    w->start = (engine_answer){ .status = 204 };
    w->listed = "[]";
    *state = w;
    return 0;
}

void open_runtime(world *w)
{
    w->settings = (docker_settings){ .copy = (char *)"" };
    runtime_config config = { .loop = w->loop,
                              .spool = w->spool,
                              .home = w->dir,
                              .instance = "i-1",
                              .ce = "own",
                              .engine = engine_host(w->engine),
                              .secrets_dir = "",
                              .credentials = "/nonexistent",
                              .pull_stall_ms = 1000,
                              .on = { .running = on_running,
                                      .exited = on_exited,
                                      .output_begin = on_output_begin,
                                      .line = on_line,
                                      .output_end = on_output_end,
                                      .found = on_found,
                                      .listed = on_listed,
                                      .engine = on_engine,
                                      .unwell = on_unwell,
                                      .arg = w } };
    assert_int_equal(runtime_docker.make(&config, &w->settings, &w->rt, NULL), 0);
    loop_on_turn(w->loop, on_turn, w);
    w->rt->ops->open(w->rt);
    run_until(w, &w->has_listed);
}

int world_done(void **state)
{
    world *w = *state;
    if (w->rt)
        w->rt->ops->free(w->rt);
    engine_free(w->engine);
    loop_free(w->loop);
    spool_free(w->spool);
    ob_cleanup(ob_freep) char *remove_dir = ob_strf("rm -r %s", w->dir);
    assert_int_equal(system(remove_dir), 0);
    free(w);
    return 0;
}

int start_run(world *w, const char *run)
{
    ob_run_ref ref;
    json_auto_t *spec = json_pack("{s:s, s:{s:s, s:i, s:i}}", "queue", "q", "container", "image",
                                  "x", "vcpus", 1, "memory", 128);
    assert_true(ob_run_ref_parse(run, &ref));
    spool_set(w->spool, run, "begins", json_integer(1), true);
    return w->rt->ops->start(w->rt, &ref, 1, spec, true, NULL);
}

void run_one(world *w)
{
    open_runtime(w);
    assert_int_equal(start_run(w, RUN), 0);
    run_until(w, &w->running);
}

void say_died(world *w, int64_t ms)
{
    ob_cleanup(ob_freep) char *event = ob_strf(
        "{\"Action\": \"die\", \"timeNano\": %lld, \"Actor\": {\"ID\": \"" CONTAINER_ID "\", "
        "\"Attributes\": {\"openbatch.run\": \"" RUN "\", \"exitCode\": \"0\"}}}\n",
        (long long)ms * 1000000);
    engine_say(w->engine, "/events", event);
}

/* ---- assertions ---- */

void assert_may_have_run(const world *w)
{
    assert_true(w->started);
    assert_int_equal(w->exit_code, -1);
    assert_non_null(strstr(w->reason, "CannotStartContainerError: "));
    assert_non_null(strstr(w->reason, "it may have run"));
}

void assert_given_back(const world *w)
{
    assert_false(w->started);
    assert_int_equal(w->exit_code, -1);
    assert_string_equal(w->reason, "");
}

void assert_unknown(const world *w)
{
    assert_true(w->started);
    assert_int_equal(w->exit_code, -1);
    assert_non_null(strstr(w->reason, "does not know its exit code"));
}

/* ---- processes ---- */

/* This process, which has the engine's socket, is dockerd. */
int dockerd_init(void **state)
{
    assert_int_equal(prctl(PR_SET_NAME, "dockerd"), 0);
    return world_init(state);
}

int dockerd_done(void **state)
{
    assert_int_equal(prctl(PR_SET_NAME, "test"), 0);
    return world_done(state);
}

/* A child that is called so until it is ended. */
pid_t begin_process(const char *name)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_NAME, name);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)!write(ready[1], "x", 1);
        for (;;)
            (void)pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    (void)close(ready[1]);
    return pid;
}

void end_process(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}
