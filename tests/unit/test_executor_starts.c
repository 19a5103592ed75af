/* The Docker runtime and the beginning and end of containers: nothing is started twice, an engine
 * that can start nothing is nobody's fault, no exit code is believed that may be made up. */
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "container_engine.h"
#include "ob/clock.h"
#include "ob/message.h"
#include "runtimes/docker/docker_internal.h"
#include "runtimes/docker/docker_leftover.h"
#include "runtimes/docker/docker_unwell.h"

#define JOB "018f0000-0000-7000-8000-000000000001"
#define RUN JOB "/1"
#define NAME "ob-" JOB "-1"
#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER_RUN "018f0000-0000-7000-8000-000000000002/1"
#define PATIENCE_MS 20000
#define REFUSED                                                                                    \
    "{\"message\": \"connection error: desc = \\\"transport: Error while dialing dial unix "       \
    "/run/containerd.sock: connect: connection refused\\\": unavailable\"}"
#define NO_COMMAND                                                                                 \
    "{\"message\": \"failed to create shim task: OCI runtime create failed: runc create failed: "  \
    "unable to start container process: exec: \\\"/.openbatch-probe\\\": no such file\"}"
#define DIED                                                                                       \
    "{\"Action\": \"die\", \"Actor\": {\"ID\": \"1234\", \"Attributes\": "                         \
    "{\"openbatch.run\": \"" RUN "\", \"exitCode\": \"0\"}}}\n"

typedef struct world {
    loop *loop;
    char dir[32];
    spool *spool;
    container_engine *engine;
    docker_settings settings;
    runtime *rt;
    loop_timer limit;
    /* What the engine does. */
    int create_status;
    engine_answer start, probe_start;
    bool probe_is_made; /* its creation is answered as the others' */
    const char *listed;
    bool ends_unseen;  /* it ends between the engine's going and its listing */
    bool event_before; /* the engine that goes has published its end */
    bool event_after;  /* the engine that came publishes its end, after the first inspection */
    int end_code;
    int64_t began_ms; /* 0: ten seconds ago */
    char inspected[512];
    engine_answer outputs[2]; /* of the first reading, and of all others */
    /* What happened. */
    int starts, probes, probe_removals, found, nudges, nudge_status;
    bool has_listed, intent_on_disk;
    bool running, ended;
    bool started;
    int exit_code;
    char reason[512];
    char last_line[256];
    size_t last_len, last_span;
    bool is_read, is_read_again, output_over;
    char unwell[512];
    int unwell_told;
} world;

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

static bool disk_has_intent(world *w)
{
    char path[64], text[4096] = "";
    (void)snprintf(path, sizeof(path), "%s/spool", w->dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(read(fd, text, sizeof(text) - 1) > 0);
    (void)close(fd);
    return strstr(text, RUN) && strstr(text, "\"intent\"");
}

static void show_time(char out[48], int64_t at_ms)
{
    char text[32];
    time_t s = at_ms / 1000;
    (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", gmtime(&s));
    (void)snprintf(out, 48, "%s.%03dZ", text, (int)(at_ms % 1000));
}

static void inspect_says(world *w, const char *status, int code, int64_t finished_ms)
{
    char began[48], ended[48];
    show_time(began, w->began_ms ? w->began_ms : ob_wall_ms() - 10000);
    show_time(ended, finished_ms);
    (void)snprintf(w->inspected, sizeof(w->inspected),
                   "{\"Id\": \"1234\", \"Config\": {\"Image\": \"x\"}, \"State\": {\"Status\": "
                   "\"%s\", \"Running\": %s, \"ExitCode\": %d, \"StartedAt\": \"%s\", "
                   "\"FinishedAt\": \"%s\"}}",
                   status, strcmp(status, "running") == 0 ? "true" : "false", code, began, ended);
}

static const char ended_listing[] = "[{\"Names\": [\"/" NAME "\"], \"State\": \"exited\", "
                                    "\"Labels\": {\"openbatch.run\": \"" RUN "\"}}]";

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
                                .body = w->create_status == 201 ? "{\"Id\": \"1234\"}"
                                                                : "{\"message\": \"broken\"}" };
    if (strstr(path, "/start")) {
        w->starts++;
        w->intent_on_disk = disk_has_intent(w);
        return w->start;
    }
    if (strstr(path, "/kill?signal=SIGURG")) { /* the engine looks, and finds nobody */
        w->nudges++;
        inspect_says(w, "exited", w->end_code, ob_wall_ms());
        if (!w->nudge_status)
            w->listed = ended_listing;
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
            engine_say(w->engine, "/events", DIED);
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

/* Runs the loop until *flag. */
static bool *awaited;
static loop_timer step;

static void on_step(void *arg)
{
    world *w = arg;
    if (*awaited)
        loop_stop(w->loop);
    else
        loop_timer_set(w->loop, &step, 20);
}

static void run_until(world *w, bool *flag)
{
    awaited = flag;
    step = (loop_timer){ .fn = on_step, .arg = w };
    loop_timer_set(w->loop, &step, 0);
    loop_timer_set(w->loop, &w->limit, PATIENCE_MS);
    assert_int_equal(loop_run(w->loop, NULL), 0);
    loop_timer_stop(w->loop, &step);
    loop_timer_stop(w->loop, &w->limit);
}

static int world_init(void **state)
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

static void open_runtime(world *w)
{
    w->settings = (docker_settings){ .engine = (char *)engine_host(w->engine),
                                     .copy = (char *)"",
                                     .secrets_dir = (char *)"",
                                     .credentials = (char *)"/nonexistent",
                                     .pull_stall_ms = 1000 };
    runtime_config config = { .loop = w->loop,
                              .spool = w->spool,
                              .home = w->dir,
                              .instance = "i-1",
                              .ce = "own",
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

static int world_done(void **state)
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

static int start_run(world *w, const char *run)
{
    ob_run_ref ref;
    json_auto_t *spec = json_pack("{s:s, s:{s:s, s:i, s:i}}", "queue", "q", "container", "image",
                                  "x", "vcpus", 1, "memory", 128);
    assert_true(ob_run_ref_parse(run, &ref));
    spool_set(w->spool, run, "begins", json_integer(1), true);
    return w->rt->ops->start(w->rt, &ref, 1, spec, true, NULL);
}

static void assert_may_have_run(const world *w)
{
    assert_true(w->started);
    assert_int_equal(w->exit_code, -1);
    assert_non_null(strstr(w->reason, "CannotStartContainerError: "));
    assert_non_null(strstr(w->reason, "it may have run"));
}

static void assert_given_back(const world *w)
{
    assert_false(w->started);
    assert_int_equal(w->exit_code, -1);
    assert_string_equal(w->reason, "");
}

/* ---- nothing is started twice ---- */

static void the_intent_is_on_the_disk_before_the_start_is_sent(void **state)
{
    world *w = *state;
    open_runtime(w);
    assert_int_equal(start_run(w, RUN), 0);
    run_until(w, &w->running);
    assert_int_equal(w->starts, 1);
    assert_true(w->intent_on_disk);
}

static void a_start_that_got_no_answer_is_not_sent_again(void **state)
{
    world *w = *state;
    inspect_says(w, "created", 0, 0);
    w->start = (engine_answer){ .hang_up = true };
    open_runtime(w);
    assert_int_equal(start_run(w, RUN), 0);
    run_until(w, &w->ended);
    assert_int_equal(w->starts, 1);
    assert_may_have_run(w);
}

static const char a_listing[] = "[{\"Names\": [\"/" NAME "\"], \"State\": \"created\", "
                                "\"Labels\": {\"openbatch.run\": \"" RUN "\"}}]";

static void what_was_made_and_not_intended_is_started_by_the_next_executor(void **state)
{
    world *w = *state;
    inspect_says(w, "created", 0, 0);
    w->listed = a_listing;
    spool_set(w->spool, RUN, "begins", json_integer(1), true);
    open_runtime(w);
    run_until(w, &w->running);
    assert_int_equal(w->starts, 1);
    assert_true(w->intent_on_disk);
}

static void what_was_intended_is_not_started_by_the_next_executor(void **state)
{
    world *w = *state;
    inspect_says(w, "created", 0, 0);
    w->listed = a_listing;
    spool_set(w->spool, RUN, "begins", json_integer(1), true);
    spool_set(w->spool, RUN, "intent", json_string("another boot"), true);
    open_runtime(w);
    run_until(w, &w->ended);
    assert_int_equal(w->starts, 0);
    assert_may_have_run(w);
    assert_non_null(strstr(w->reason, "the host restarted"));
}

static void what_an_executor_without_intents_made_is_not_started(void **state)
{
    world *w = *state;
    inspect_says(w, "created", 0, 0);
    w->listed = a_listing;
    spool_set(w->spool, RUN, "log", json_null(), true);
    open_runtime(w);
    run_until(w, &w->ended);
    assert_int_equal(w->starts, 0);
    assert_may_have_run(w);
}

static void what_somebody_else_made_is_not_started(void **state)
{
    world *w = *state;
    inspect_says(w, "created", 0, 0);
    w->create_status = 409;
    open_runtime(w);
    assert_int_equal(start_run(w, RUN), 0);
    run_until(w, &w->ended);
    assert_int_equal(w->starts, 0);
    assert_may_have_run(w);
}

static void a_container_with_another_name_is_not_ours_whatever_its_labels(void **state)
{
    world *w = *state;
    w->listed = "[{\"Names\": [\"/forged\"], \"State\": \"exited\", "
                "\"Labels\": {\"openbatch.run\": \"" RUN "\"}}]";
    open_runtime(w);
    assert_int_equal(w->found, 0);
    assert_int_equal(start_run(w, RUN), 0);
    run_until(w, &w->running);
}

/* ---- what may not be asked for ---- */

/* Whatever an api of a version before, or a link that was laid since, has let through. */
static void a_folder_of_this_service_is_refused_where_its_link_leads(void **state)
{
    world *w = *state;
    char outside[] = "/tmp/ob-outside-XXXXXX";
    assert_non_null(mkdtemp(outside));
    ob_cleanup(ob_freep) char *link = ob_strf("%s/link", outside);
    assert_int_equal(symlink(w->dir, link), 0);
    const char *const paths[] = { link, outside };
    open_runtime(w);
    for (size_t i = 0; i < 2; i++) {
        ob_run_ref ref;
        ob_error err = { 0 };
        json_auto_t *spec =
            json_pack("{s:{s:s, s:i, s:i, s:[{s:s, s:{s:s}}]}}", "container", "image", "x", "vcpus",
                      1, "memory", 128, "volumes", "name", "v", "host", "sourcePath", paths[i]);
        assert_true(ob_run_ref_parse(i == 0 ? RUN : OTHER_RUN, &ref));
        int r = w->rt->ops->start(w->rt, &ref, 1, spec, true, &err);
        assert_int_equal(r, i == 0 ? -EPERM : 0);
        assert_true(!r == !strstr(err.text, "CannotCreateContainerError: sourcePath "));
    }
    assert_int_equal(unlink(link), 0);
    assert_int_equal(rmdir(outside), 0);
}

/* ---- an engine that can start nothing ---- */

static void refusals_are_told_apart(void **state)
{
    static const struct {
        const char *text;
        docker_refusal refusal;
    } cases[] = {
        { "connection error: desc = \"transport: Error while dialing dial unix /run/c.sock: "
          "connect: connection refused\": unavailable",
          REFUSAL_NOT_BEGUN },
        { "connection closed: unavailable", REFUSAL_NOT_BEGUN },
        { "failed to create shim task: ttrpc: closed: unknown", REFUSAL_NOT_BEGUN },
        /* A job's own words in it are nobody's sign. */
        { "unable to find user connection error: desc: no matching entries in passwd file",
          REFUSAL_OF_THE_JOB },
        { "unable to find group EOF: no matching entries in group file", REFUSAL_OF_THE_JOB },
        { "error gathering device information while adding custom device \"/dev/EOF\": no such "
          "file",
          REFUSAL_OF_THE_JOB },
        { "failed to start shim: start failed: : exit status 1: unknown", REFUSAL_NOT_BEGUN },
        { "transport is closing: unavailable", REFUSAL_UNCLEAR },
        { "error reading from server: EOF: unavailable", REFUSAL_UNCLEAR },
        { "ttrpc: closed: unknown", REFUSAL_UNCLEAR },
        { "task 12 already exists: unknown", REFUSAL_UNCLEAR },
        { "failed to create shim task: OCI runtime create failed: runc create failed: unable to "
          "start container process: exec: \"x\": executable file not found in $PATH: unknown",
          REFUSAL_OF_THE_JOB },
        { "OCI runtime create failed: container_linux.go:380: EOF: unknown", REFUSAL_OF_THE_JOB },
        { "error while creating mount source path '/proc/x': mkdir /proc/x: no such file",
          REFUSAL_OF_THE_JOB },
        { "could not select device driver \"nvidia\" with capabilities: [[gpu]]",
          REFUSAL_OF_THE_JOB },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (docker_refusal_of(cases[i].text) != cases[i].refusal)
            fail_msg("%s", cases[i].text);
}

static bool is_well_again(const world *w)
{
    return w->unwell_told > 1 && !*w->unwell;
}

static void on_well_step(void *arg)
{
    world *w = arg;
    if (is_well_again(w))
        loop_stop(w->loop);
    else
        loop_timer_set(w->loop, &step, 20);
}

static void run_until_well(world *w)
{
    step = (loop_timer){ .fn = on_well_step, .arg = w };
    loop_timer_set(w->loop, &step, 0);
    loop_timer_set(w->loop, &w->limit, PATIENCE_MS);
    assert_int_equal(loop_run(w->loop, NULL), 0);
    loop_timer_stop(w->loop, &step);
    loop_timer_stop(w->loop, &w->limit);
}

static void an_engine_that_starts_nothing_gets_nothing_until_a_probe_works(void **state)
{
    world *w = *state;
    w->start = w->probe_start = (engine_answer){ .status = 500, .body = REFUSED };
    open_runtime(w);
    assert_int_equal(start_run(w, RUN), 0);
    run_until(w, &w->ended);
    assert_given_back(w);
    assert_int_equal(w->unwell_told, 1);
    assert_non_null(strstr(w->unwell, "containerd does not answer"));
    assert_true(strlen(w->unwell) <= 200);
    assert_int_equal(start_run(w, OTHER_RUN), -EBUSY); /* is given back, too */

    w->probe_start = (engine_answer){ .status = 400, .body = NO_COMMAND };
    run_until_well(w);
    assert_int_equal(w->probe_removals, w->probes);
    w->start = (engine_answer){ .status = 204 };
    assert_int_equal(start_run(w, OTHER_RUN), 0);
    run_until(w, &w->running);
    assert_int_equal(w->starts, 2);
}

static void a_creation_that_fails_is_the_job_s_fault_if_a_probe_works(void **state)
{
    world *w = *state;
    w->create_status = 500;
    w->probe_start = (engine_answer){ .status = 400, .body = NO_COMMAND };
    open_runtime(w);
    assert_int_equal(start_run(w, RUN), 0);
    run_until(w, &w->ended);
    assert_false(w->started);
    assert_string_equal(w->reason, "CannotCreateContainerError: broken");
    assert_int_equal(w->unwell_told, 0);
}

static void a_creation_that_fails_is_the_engine_s_fault_if_a_probe_fails(void **state)
{
    world *w = *state;
    w->create_status = 500;
    w->probe_is_made = true;
    open_runtime(w);
    assert_int_equal(start_run(w, RUN), 0);
    run_until(w, &w->ended);
    assert_given_back(w);
    assert_int_equal(w->unwell_told, 1);
    assert_non_null(strstr(w->unwell, "broken"));
}

/* ---- exit codes ---- */

static void the_exit_code_is_the_inspection_s_whatever_labels_say(void **state)
{
    world *w = *state;
    open_runtime(w);
    assert_int_equal(start_run(w, RUN), 0);
    run_until(w, &w->running);
    inspect_says(w, "exited", 5, ob_wall_ms());
    engine_say(w->engine, "/events", DIED);
    run_until(w, &w->ended);
    assert_int_equal(w->exit_code, 5);
}

/* The engine goes and comes back, and says then that the container ended with this code. */
static void end_while_away(world *w, int code, int64_t finished_ms)
{
    open_runtime(w);
    assert_int_equal(start_run(w, RUN), 0);
    run_until(w, &w->running);
    w->listed = ended_listing;
    w->ends_unseen = finished_ms == 0;
    w->end_code = code;
    if (!w->event_before)
        inspect_says(w, "exited", code, finished_ms);
    else
        engine_say(w->engine, "/events", DIED);
    engine_hang_up(w->engine, "/events");
    run_until(w, &w->ended);
}

static void assert_unknown(const world *w)
{
    assert_true(w->started);
    assert_int_equal(w->exit_code, -1);
    assert_non_null(strstr(w->reason, "does not know the container's exit code"));
}

static void a_failure_that_the_engine_may_have_made_up_is_unknown(void **state)
{
    end_while_away(*state, 255, 0);
    assert_unknown(*state);
}

static void a_success_that_the_engine_may_have_made_up_is_unknown(void **state)
{
    end_while_away(*state, 0, 0);
    assert_unknown(*state);
}

/* The event comes after the first inspection. */
static void a_success_that_the_new_engine_saw_is_believed(void **state)
{
    world *w = *state;
    w->event_after = true;
    end_while_away(w, 0, 0);
    assert_int_equal(w->exit_code, 0);
}

static void a_success_that_the_engine_before_saw_is_unknown(void **state)
{
    world *w = *state;
    w->event_before = true;
    end_while_away(w, 0, 0);
    assert_unknown(w);
}

static void a_failure_that_the_engine_may_have_made_up_is_unknown_in_spite_of_an_event(void **state)
{
    world *w = *state;
    w->event_after = true;
    end_while_away(w, 255, 0);
    assert_unknown(w);
}

static void a_code_that_engines_do_not_make_up_is_believed(void **state)
{
    end_while_away(*state, 3, 0);
    assert_int_equal(((world *)*state)->exit_code, 3);
}

static void an_end_from_before_the_engine_went_is_believed(void **state)
{
    end_while_away(*state, 255, ob_wall_ms() - 5000);
    assert_int_equal(((world *)*state)->exit_code, 255);
}

/* The engine tells of an end that was so long ago. */
static void end_told_late(world *w, int64_t late_ms)
{
    open_runtime(w);
    assert_int_equal(start_run(w, RUN), 0);
    run_until(w, &w->running);
    int64_t ended_ms = ob_wall_ms();
    inspect_says(w, "exited", 0, ended_ms);
    ob_cleanup(ob_freep) char *event =
        ob_strf("{\"Action\": \"die\", \"timeNano\": %lld000000, \"Actor\": {\"ID\": \"1234\", "
                "\"Attributes\": {\"openbatch.run\": \"" RUN "\"}}}\n",
                (long long)(ended_ms + late_ms));
    engine_say(w->engine, "/events", event);
    run_until(w, &w->output_over);
}

static void output_that_the_engine_may_have_dropped_ends_with_a_marked_line(void **state)
{
    end_told_late(*state, 11000);
    assert_non_null(
        strstr(((world *)*state)->last_line, "[OpenBatch: the container engine was too slow"));
}

static void output_that_was_taken_in_at_once_has_no_marked_line(void **state)
{
    end_told_late(*state, 2000);
    assert_string_equal(((world *)*state)->last_line, "");
}

static size_t add_frame(char *out, const char *text, size_t len)
{
    static const char at[] = "1970-01-01T00:00:00.000000007Z ";
    size_t n = sizeof(at) - 1 + len;
    memset(out, 0, 8);
    out[0] = 1;
    out[6] = (char)(n >> 8);
    out[7] = (char)n;
    memcpy(out + 8, at, sizeof(at) - 1);
    memcpy(out + 8 + sizeof(at) - 1, text, len);
    return 8 + n;
}

/* The engine keeps it in two parts, and the first reading ends between them. */
static void a_line_that_is_read_anew_has_each_part_once(void **state)
{
    enum { PART = 16384 };
    static char part[PART], data[2 * PART];
    world *w = *state;
    memset(part, 'x', PART);
    size_t first = add_frame(data, part, PART), all = first + add_frame(data + first, "yz\n", 3);
    w->outputs[0] = (engine_answer){ .status = 200, .body = data, .len = first };
    w->outputs[1] = (engine_answer){ .status = 200, .body = data, .len = all };
    open_runtime(w);
    assert_int_equal(start_run(w, RUN), 0);
    run_until(w, &w->is_read_again);
    inspect_says(w, "exited", 0, ob_wall_ms());
    engine_say(w->engine, "/events",
               "{\"Action\": \"die\", \"Actor\": {\"ID\": \"1234\", \"Attributes\": "
               "{\"openbatch.run\": \"" RUN "\"}}}\n");
    run_until(w, &w->output_over);
    assert_int_equal(w->last_len, PART + 2);
    assert_int_equal(w->last_span, PART + 1 + 3);
}

/* ---- an engine whose processes can be seen ---- */

/* An executor that begins finds a container that ended while nobody was here. */
static void find_ended(world *w, int code, int64_t began_ms)
{
    char began[48], ended[48];
    show_time(began, began_ms);
    (void)usleep(20000); /* times are told in milliseconds */
    show_time(ended, ob_wall_ms());
    (void)snprintf(w->inspected, sizeof(w->inspected),
                   "{\"Id\": \"1234\", \"State\": {\"Status\": \"exited\", \"ExitCode\": %d, "
                   "\"StartedAt\": \"%s\", \"FinishedAt\": \"%s\"}}",
                   code, began, ended);
    w->listed = ended_listing;
    open_runtime(w);
    run_until(w, &w->ended);
}

/* This process, which has the engine's socket, is dockerd. */
static int dockerd_init(void **state)
{
    assert_int_equal(prctl(PR_SET_NAME, "dockerd"), 0);
    return world_init(state);
}

static int dockerd_done(void **state)
{
    assert_int_equal(prctl(PR_SET_NAME, "test"), 0);
    return world_done(state);
}

/* Before this process began, and after the host did. */
static int64_t a_minute_ago(void)
{
    return ob_wall_ms() - 60000;
}

/* A child that is called so until it is ended. */
static pid_t begin_process(const char *name)
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

static void end_process(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
an_end_at_dockerd_s_beginning_is_unknown_also_to_an_executor_that_was_not_here(void **state)
{
    find_ended(*state, 255, a_minute_ago());
    assert_unknown(*state);
}

static void a_success_at_dockerd_s_beginning_is_unknown_too(void **state)
{
    find_ended(*state, 0, a_minute_ago());
    assert_unknown(*state);
}

static void what_this_dockerd_has_started_is_believed(void **state)
{
    find_ended(*state, 0, ob_wall_ms());
    assert_int_equal(((world *)*state)->exit_code, 0);
}

static void a_kill_at_containerd_s_beginning_is_unknown(void **state)
{
    pid_t containerd = begin_process("containerd");
    find_ended(*state, 137, a_minute_ago());
    end_process(containerd);
    assert_unknown(*state);
}

static void a_kill_of_what_this_containerd_has_started_is_believed(void **state)
{
    pid_t containerd = begin_process("containerd");
    find_ended(*state, 137, ob_wall_ms());
    end_process(containerd);
    assert_int_equal(((world *)*state)->exit_code, 137);
}

/* Nothing is seen of the engine's processes. */
static void a_usual_end_of_what_ran_before_the_host_restarted_is_unknown(void **state)
{
    find_ended(*state, 255, ob_wall_ms() - ob_boot_ms() - 3600000);
    assert_unknown(*state);
}

static void another_end_of_what_ran_before_the_host_restarted_is_believed(void **state)
{
    find_ended(*state, 3, ob_wall_ms() - ob_boot_ms() - 3600000);
    assert_int_equal(((world *)*state)->exit_code, 3);
}

static void list_again(world *w)
{
    w->has_listed = false;
    engine_hang_up(w->engine, "/events");
    run_until(w, &w->has_listed);
}

/* The engine goes on saying that it runs; its process has been gone for some listings. */
static void end_unheard_as(world *w, int code, const char *status)
{
    open_runtime(w);
    assert_int_equal(start_run(w, RUN), 0);
    run_until(w, &w->running);
    static char listed[256];
    (void)snprintf(listed, sizeof(listed),
                   "[{\"Names\": [\"/" NAME "\"], \"State\": \"%s\", "
                   "\"Labels\": {\"openbatch.run\": \"" RUN "\"}}]",
                   status);
    w->listed = listed;
    w->end_code = code;
    w->began_ms = ob_wall_ms(); /* with this dockerd */
    (void)snprintf(w->inspected, sizeof(w->inspected),
                   "{\"Id\": \"1234\", \"State\": {\"Status\": \"%s\", \"Running\": true, "
                   "\"Pid\": 2147483647}}",
                   status);
    for (int i = 0; i < 8 && w->nudges == 0; i++)
        list_again(w);
    assert_int_equal(w->nudges, 1);
    list_again(w);
    run_until(w, &w->ended);
}

static void end_unheard(world *w, int code)
{
    end_unheard_as(w, code, "running");
}

static void an_end_of_what_was_just_starting_is_found(void **state)
{
    end_unheard_as(*state, 3, "created");
    assert_int_equal(((world *)*state)->exit_code, 3);
}

static void an_end_that_the_engine_never_heard_of_is_found(void **state)
{
    end_unheard(*state, 3);
    assert_int_equal(((world *)*state)->exit_code, 3);
}

static void what_the_engine_says_when_nobody_knows_such_an_end_is_unknown(void **state)
{
    end_unheard(*state, 255);
    assert_unknown(*state);
}

/* As dockerd has it that was killed within the start, and found the container running when it
 * began: no time of the start is known, and it says "created". */
static void end_of_what_was_just_starting(world *w, int code)
{
    open_runtime(w);
    assert_int_equal(start_run(w, RUN), 0);
    run_until(w, &w->running);
    (void)snprintf(w->inspected, sizeof(w->inspected),
                   "{\"Id\": \"1234\", \"State\": {\"Status\": \"created\", \"Running\": true, "
                   "\"Pid\": 2147483647, \"StartedAt\": \"0001-01-01T00:00:00Z\", "
                   "\"FinishedAt\": \"0001-01-01T00:00:00Z\"}}");
    w->listed = "[{\"Names\": [\"/" NAME "\"], \"State\": \"created\", "
                "\"Labels\": {\"openbatch.run\": \"" RUN "\"}}]";
    list_again(w);
    assert_false(w->ended);
    char ended[48];
    show_time(ended, ob_wall_ms());
    (void)snprintf(w->inspected, sizeof(w->inspected),
                   "{\"Id\": \"1234\", \"State\": {\"Status\": \"created\", \"Running\": false, "
                   "\"Pid\": 0, \"ExitCode\": %d, \"StartedAt\": \"0001-01-01T00:00:00Z\", "
                   "\"FinishedAt\": \"%s\"}}",
                   code, ended);
    list_again(w);
    run_until(w, &w->ended);
}

static void an_end_without_a_start_is_an_end(void **state)
{
    world *w = *state;
    end_of_what_was_just_starting(w, 3);
    assert_int_equal(w->exit_code, 3);
    assert_true(w->started);
}

static void a_success_without_a_start_is_one(void **state)
{
    world *w = *state;
    end_of_what_was_just_starting(w, 0);
    assert_int_equal(w->exit_code, 0);
}

static void what_the_engine_says_not_to_run_is_looked_at(void **state)
{
    world *w = *state;
    w->nudge_status = 409;
    end_unheard(w, 3);
    assert_int_equal(w->exit_code, 3);
}

/* ---- what a start has left behind ---- */

static void nothing_left_proves_nothing(void **state)
{
    world *w = *state;
    assert_int_equal(docker_leftover_end(ID, NULL), LEFTOVER_MAY_HAVE_BEGUN);
    /* A containerd that lives may have thrown it away. */
    pid_t containerd = begin_process("containerd");
    leftover left = docker_leftover_end(ID, engine_host(w->engine));
    end_process(containerd);
    assert_int_equal(left, LEFTOVER_MAY_HAVE_BEGUN);
}

/* A shell that is called as containerd's keeper of the container, in a bundle like its. */
static pid_t begin_keeper(const world *w, bool prepared)
{
    ob_cleanup(ob_freep) char *shell = ob_strf("%s/containerd-shim-runc-v2", w->dir);
    ob_cleanup(ob_freep) char *config = ob_strf("%s/config.json", w->dir);
    ob_cleanup(ob_freep) char *init = ob_strf("%s/init.pid", w->dir);
    int ready[2];
    char byte;
    if (symlink("/bin/sh", shell) < 0)
        assert_int_equal(errno, EEXIST);
    FILE *file = fopen(config, "we");
    assert_true(file && fputs("{}", file) >= 0 && fclose(file) == 0);
    file = prepared ? fopen(init, "we") : NULL;
    assert_true(!prepared || (file && fputs("7", file) >= 0 && fclose(file) == 0));
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (chdir(w->dir) == 0 && dup2(ready[1], STDOUT_FILENO) >= 0)
            (void)execl(shell, shell, "-c", "echo; kill -STOP $$", "-id", ID, NULL);
        _exit(127);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    (void)close(ready[1]);
    return pid;
}

static void a_keeper_tells_by_its_bundle_and_is_ended(void **state)
{
    for (int prepared = 0; prepared < 2; prepared++) {
        int status = 0;
        pid_t pid = begin_keeper(*state, prepared);
        leftover left = docker_leftover_end(ID, NULL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(WTERMSIG(status), SIGKILL);
        assert_int_equal(left, prepared ? LEFTOVER_MAY_HAVE_BEGUN : LEFTOVER_NOT_BEGUN);
    }
}

#define IN_WORLD(f) cmocka_unit_test_setup_teardown(f, world_init, world_done)
#define SEEN(f) cmocka_unit_test_setup_teardown(f, dockerd_init, dockerd_done)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(the_intent_is_on_the_disk_before_the_start_is_sent),
        IN_WORLD(a_start_that_got_no_answer_is_not_sent_again),
        IN_WORLD(what_was_made_and_not_intended_is_started_by_the_next_executor),
        IN_WORLD(what_was_intended_is_not_started_by_the_next_executor),
        IN_WORLD(what_an_executor_without_intents_made_is_not_started),
        IN_WORLD(what_somebody_else_made_is_not_started),
        IN_WORLD(a_container_with_another_name_is_not_ours_whatever_its_labels),
        IN_WORLD(a_folder_of_this_service_is_refused_where_its_link_leads),
        cmocka_unit_test(refusals_are_told_apart),
        IN_WORLD(an_engine_that_starts_nothing_gets_nothing_until_a_probe_works),
        IN_WORLD(a_creation_that_fails_is_the_job_s_fault_if_a_probe_works),
        IN_WORLD(a_creation_that_fails_is_the_engine_s_fault_if_a_probe_fails),
        IN_WORLD(the_exit_code_is_the_inspection_s_whatever_labels_say),
        IN_WORLD(a_failure_that_the_engine_may_have_made_up_is_unknown),
        IN_WORLD(a_success_that_the_engine_may_have_made_up_is_unknown),
        IN_WORLD(a_success_that_the_new_engine_saw_is_believed),
        IN_WORLD(a_success_that_the_engine_before_saw_is_unknown),
        IN_WORLD(a_failure_that_the_engine_may_have_made_up_is_unknown_in_spite_of_an_event),
        IN_WORLD(a_code_that_engines_do_not_make_up_is_believed),
        IN_WORLD(an_end_from_before_the_engine_went_is_believed),
        IN_WORLD(output_that_the_engine_may_have_dropped_ends_with_a_marked_line),
        IN_WORLD(output_that_was_taken_in_at_once_has_no_marked_line),
        IN_WORLD(a_line_that_is_read_anew_has_each_part_once),
        SEEN(an_end_at_dockerd_s_beginning_is_unknown_also_to_an_executor_that_was_not_here),
        SEEN(a_success_at_dockerd_s_beginning_is_unknown_too),
        SEEN(what_this_dockerd_has_started_is_believed),
        SEEN(a_kill_at_containerd_s_beginning_is_unknown),
        SEEN(a_kill_of_what_this_containerd_has_started_is_believed),
        IN_WORLD(a_usual_end_of_what_ran_before_the_host_restarted_is_unknown),
        IN_WORLD(another_end_of_what_ran_before_the_host_restarted_is_believed),
        SEEN(an_end_that_the_engine_never_heard_of_is_found),
        SEEN(an_end_of_what_was_just_starting_is_found),
        SEEN(what_the_engine_says_when_nobody_knows_such_an_end_is_unknown),
        SEEN(an_end_without_a_start_is_an_end),
        SEEN(a_success_without_a_start_is_one),
        SEEN(what_the_engine_says_not_to_run_is_looked_at),
        SEEN(nothing_left_proves_nothing),
        IN_WORLD(a_keeper_tells_by_its_bundle_and_is_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
