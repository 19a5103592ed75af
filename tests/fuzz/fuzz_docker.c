/* The Docker runtime under an engine that answers anything: replies, streams of events and output,
 * progress of pulls, silence, and time that passes in between.
 * Covers: services/executor/runtimes/docker/docker_engine.c
 * services/executor/runtimes/docker/docker_inspect.c
 * services/executor/runtimes/docker/docker_begin.c
 * services/executor/runtimes/docker/docker_output.c
 * services/executor/runtimes/docker/docker_pull.c
 * services/executor/runtimes/docker/docker_unwell.c
 * services/executor/runtimes/docker/docker_remove.c
 * services/executor/runtimes/docker/docker_error.c */
#include "fuzz.h"

#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#include "host/kernel_oom.h"
#include "http_script.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/text.h"
#include "runtimes/docker/docker_born.h"
#include "runtimes/docker/docker_leftover.h"
#include "runtimes/docker/runtime_docker.h"

#define RUNS 3
#define JOB "018f0000-0000-7000-8000-00000000000"
#define STEPS_MAX 60

/* ---- time, processes and the kernel, instead of the host's (-Wl,--wrap) ---- */

static int64_t now_ms;
static loop_timer *timers;

__typeof__(ob_boot_ms) __wrap_ob_boot_ms;
__typeof__(ob_mono_ms) __wrap_ob_mono_ms;
__typeof__(ob_wall_ms) __wrap_ob_wall_ms;
__typeof__(loop_timer_set) __wrap_loop_timer_set;
__typeof__(loop_timer_stop) __wrap_loop_timer_stop;
__typeof__(loop_watch) __wrap_loop_watch;
__typeof__(loop_unwatch) __wrap_loop_unwatch;
__typeof__(docker_born) __wrap_docker_born;
__typeof__(docker_leftover_end) __wrap_docker_leftover_end;
__typeof__(kernel_oom_killed) __wrap_kernel_oom_killed;

int64_t __wrap_ob_boot_ms(void)
{
    return now_ms;
}

int64_t __wrap_ob_mono_ms(void)
{
    return now_ms;
}

int64_t __wrap_ob_wall_ms(void)
{
    return INT64_C(1700000000000) + now_ms;
}

void __wrap_loop_timer_stop(loop *l, loop_timer *timer)
{
    (void)l;
    if (timer->armed)
        DL_DELETE(timers, timer);
    timer->armed = false;
}

void __wrap_loop_timer_set(loop *l, loop_timer *timer, int64_t delay_ms)
{
    __wrap_loop_timer_stop(l, timer);
    timer->at_ms = now_ms + delay_ms;
    timer->armed = true;
    DL_APPEND(timers, timer);
}

int __wrap_loop_watch(loop *l, int fd, uint32_t events, loop_on_fd fn, void *arg, ob_error *err)
{
    (void)l, (void)fd, (void)events, (void)fn, (void)arg, (void)err;
    return 0;
}

void __wrap_loop_unwatch(loop *l, int fd)
{
    (void)l, (void)fd;
}

docker_birth __wrap_docker_born(const char *host)
{
    (void)host;
    return (docker_birth){ 0 };
}

leftover __wrap_docker_leftover_end(const char *id, const char *stayed)
{
    (void)stayed;
    return strlen(id) % 2 ? LEFTOVER_NOT_BEGUN : LEFTOVER_MAY_HAVE_BEGUN;
}

bool __wrap_kernel_oom_killed(const char *path, const char *id)
{
    (void)path;
    return strlen(id) % 3 == 0;
}

static void pass_time(int64_t ms)
{
    now_ms += ms;
    for (int i = 0; i < 20; i++) {
        loop_timer *due = NULL, *timer;
        DL_FOREACH(timers, timer)
        if (timer->at_ms <= now_ms && (!due || timer->at_ms < due->at_ms))
            due = timer;
        if (!due)
            return;
        __wrap_loop_timer_stop(NULL, due);
        due->fn(due->arg);
    }
}

/* ---- what must hold ---- */

typedef struct run_record {
    char run[64], name[64];
    int starts, runnings, ends, removals;
    bool held; /* this runtime has started or adopted it */
} run_record;

static run_record records[RUNS];
static runtime *rt;

static run_record *record_of(const char *run)
{
    for (size_t i = 0; i < RUNS; i++)
        if (strcmp(records[i].run, run) == 0)
            return &records[i];
    return NULL;
}

/* No container is asked to start twice. */
static void on_send(const char *line)
{
    for (size_t i = 0; i < RUNS; i++) {
        ob_cleanup(ob_freep) char *path = ob_strf("/containers/%s/start", records[i].name);
        if (strncmp(line, "POST ", 5) == 0 && strstr(line, path))
            records[i].starts++;
        FUZZ_CHECK(records[i].starts <= 1);
    }
}

static void on_running(const char *run, int64_t started_at_ms, void *arg)
{
    (void)arg;
    run_record *r = record_of(run);
    FUZZ_CHECK(r && ++r->runnings == 1 && r->ends == 0 && started_at_ms >= 0);
}

static void on_exited(const char *run, const runtime_end *end, void *arg)
{
    (void)arg;
    run_record *r = record_of(run);
    FUZZ_CHECK(r && ++r->ends == 1);
    FUZZ_CHECK(!end->reason || ob_text_is_utf8(end->reason, strlen(end->reason)));
    /* What ran, or was asked to, is never given back. */
    FUZZ_CHECK(r->runnings == 0 || end->started);
}

static void on_output_begin(const char *run, void *arg)
{
    (void)arg;
    FUZZ_CHECK(record_of(run));
}

static runtime_more
on_line(const char *run, int64_t at_ns, const char *text, size_t len, size_t span, void *arg)
{
    (void)arg, (void)text;
    FUZZ_CHECK(record_of(run) && at_ns >= 0 && span >= len);
    return len % 5 == 4 ? RUNTIME_WAIT : len % 7 == 6 ? RUNTIME_ENOUGH : RUNTIME_GO_ON;
}

static void on_output_end(const char *run, void *arg)
{
    (void)arg;
    FUZZ_CHECK(record_of(run));
}

static void on_removed(const char *run, void *arg)
{
    (void)arg;
    run_record *r = record_of(run);
    if (r)
        r->removals++;
}

static void on_found(const char *run, void *arg)
{
    (void)arg;
    run_record *r = record_of(run);
    if (r && !r->held && !r->ends && !r->runnings && !r->removals) {
        r->held = true; /* the executor starts no run that it holds */
        rt->ops->adopt(rt, run, true, 0);
    } else {
        rt->ops->remove(rt, run);
    }
}

static void on_listed(void *arg)
{
    (void)arg;
}

static void on_engine(bool up, const char *text, void *arg)
{
    (void)up, (void)arg;
    FUZZ_CHECK(text);
}

static void on_unwell(const char *why, void *arg)
{
    (void)arg;
    FUZZ_CHECK(!why || (strlen(why) <= 200 && ob_text_is_utf8(why, strlen(why))));
}

/* ---- a runtime ---- */

static spool *the_spool(void)
{
    static char dir[64];
    spool *s = NULL;
    (void)snprintf(dir, sizeof(dir), "/dev/shm/ob-fuzz-%d", (int)getpid());
    ob_cleanup(ob_freep) char *file = ob_strf("%s/spool", dir);
    (void)unlink(file);
    FUZZ_CHECK(spool_open(dir, 0, &s, NULL) == 0);
    return s;
}

static void remove_spool(void)
{
    static const char *const names[] = { "/spool", "/lock", "/spool.new", "" };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        ob_cleanup(ob_freep) char *path = ob_strf("/dev/shm/ob-fuzz-%d%s", (int)getpid(), names[i]);
        (void)remove(path);
    }
}

static void make(spool *s)
{
    static docker_settings settings = { .copy = (char *)"" };
    const runtime_config config = { .spool = s,
                                    .home = "/h",
                                    .run_dir = "/r",
                                    .instance = "i-1",
                                    .ce = "ce",
                                    .engine = "unix:///e",
                                    .secrets_dir = "",
                                    .credentials = "/nonexistent",
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
                                            .unwell = on_unwell } };
    FUZZ_CHECK(runtime_docker.make(&config, &settings, &rt, NULL) == 0);
    rt->ops->open(rt);
    pass_time(0);
    rt->ops->flush(rt);
}

static void start(spool *s, run_record *r)
{
    ob_run_ref ref;
    json_auto_t *spec = ob_json_read_text("{\"queue\":\"q\",\"container\":{\"image\":\"x\","
                                          "\"vcpus\":1,\"memory\":128}}");
    FUZZ_CHECK(ob_run_ref_parse(r->run, &ref));
    if (r->held || r->ends || r->runnings)
        return;
    spool_set(s, r->run, "begins", json_integer(1), true);
    r->held = rt->ops->start(rt, &ref, 1, spec, true, NULL) == 0;
}

/* ---- the script: what happens, and which call is answered how ---- */

/* A start of which nothing was sent may be asked for again. */
static void reply(script_call *call, int status, const char *body, size_t len, bool unsent)
{
    for (size_t i = 0; i < RUNS && status == 0 && unsent; i++) {
        ob_cleanup(ob_freep) char *path = ob_strf("/containers/%s/start", records[i].name);
        if (strstr(script_call_line(call), path))
            records[i].starts--;
    }
    script_reply(call, status, body, len, status == 0 && unsent);
}

static void answer(fuzz_input *in)
{
    static const int statuses[] = { 200, 201, 204, 304, 404, 409, 500, 0, 400, 101 };
    size_t n = script_calls(), len;
    uint8_t which = fuzz_byte(in), how = fuzz_byte(in);
    ob_cleanup(ob_freep) char *body = fuzz_part(in, &len);
    script_call *call = n > 0 ? script_call_at(which % n) : NULL;
    if (call && script_call_streams(call) && how & 0x80)
        script_data(call, body, len);
    else if (call)
        reply(call, statuses[how % ARRAY_SIZE(statuses)], body, len, how & 0x40);
}

/* As a working engine answers, so that scripts get far. */
static void answer_well(fuzz_input *in)
{
    size_t n = script_calls();
    script_call *call = n > 0 ? script_call_at(fuzz_byte(in) % n) : NULL;
    if (!call)
        return;
    static const struct {
        const char *part;
        int status;
        const char *body;
    } answers[] = {
        { "/version", 200, "{\"ApiVersion\":\"1.41\"}" },
        { "GET /v1.41/containers/json", 200, "[]" },
        { "/containers/create", 201, "{\"Id\":\"0123456789abcdef0123456789abcdef\"}" },
        { "/start", 204, "" },
        { "/json", 200,
          "{\"Id\":\"0123456789abcdef0123456789abcdef\",\"State\":{\"Status\":\"exited\","
          "\"Running\":false,\"ExitCode\":3,\"StartedAt\":\"2023-11-14T22:13:20Z\","
          "\"FinishedAt\":\"2023-11-14T22:13:21Z\"}}" },
        { "/stop", 204, "" },
        { "DELETE", 204, "" },
        { "/images/create", 200, "" },
    };
    const char *line = script_call_line(call);
    if (strstr(line, "/events")) {
        script_data(call, "\n", 1);
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
        if (strstr(line, answers[i].part)) {
            script_reply(call, answers[i].status, answers[i].body, strlen(answers[i].body), false);
            return;
        }
    script_reply(call, 200, "", 0, false);
}

static void step(fuzz_input *in, spool *s)
{
    uint8_t what = fuzz_byte(in);
    run_record *r = &records[what / 8 % RUNS];
    switch (what % 8) {
    case 0:
        start(s, r);
        break;
    case 1:
    case 2:
        answer_well(in);
        break;
    case 3:
    case 4:
        answer(in);
        break;
    case 5:
        pass_time((int64_t)1 << (what / 8 % 18));
        break;
    case 6:
        rt->ops->stop(rt, r->run, what / 8);
        break;
    case 7:
        if (what & 0x80)
            rt->ops->resume(rt, r->run);
        else if (r->ends)
            rt->ops->remove(rt, r->run);
        break;
    }
    rt->ops->flush(rt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool once;
    if (!once)
        (void)atexit(remove_spool);
    once = true;
    ob_log_init("fuzz", OB_LOG_ERROR);
    fuzz_input in = fuzz_begin(data, size);
    now_ms = 1000000;
    timers = NULL;
    memset(records, 0, sizeof(records));
    for (int i = 0; i < RUNS; i++) {
        (void)snprintf(records[i].run, sizeof(records[i].run), JOB "%d/1", i);
        (void)snprintf(records[i].name, sizeof(records[i].name), "ob-" JOB "%d-1", i);
    }
    script_on_send = on_send;
    spool *s = the_spool();
    make(s);
    for (int i = 0; in.left > 0 && i < STEPS_MAX; i++)
        step(&in, s);
    rt->ops->free(rt);
    spool_free(s);
    return 0;
}
