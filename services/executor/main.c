/* openbatch-executor: containers on one instance. Wiring only: configuration, the modules, one
 * event loop. It reaches Kafka and its container engine, nothing else. What a turn of the loop has
 * changed goes out in one order: the spool to the disk, requests to the engine, the spool again
 * (for what the runtime has done at once), then reports and output. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "adopt.h"
#include "heartbeat.h"
#include "host/imds.h"
#include "host/notice.h"
#include "join.h"
#include "ob/bus.h"
#include "ob/clock.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/service.h"
#include "ob/text.h"
#include "ob/topics.h"
#include "settings.h"

#define LOCK_WAIT_MS 10000
#define ENGINE_WAIT_MS 5000
#define PURGE_WAIT_MS 30000
#define POLL_MESSAGES 500
#define FOREIGN_WARN_MS 60000
#define IMDS_EVERY_MS 5000
#define LEAVE_MIN_MS 1500  /* what was placed before the scheduler heard of it arrives by then */
#define LEAVE_LATE_MS 5000 /* past its time an executor goes, whoever has not answered */

typedef struct executor {
    settings config;
    char *token, *password;
    char host[256];
    loop *loop;
    spool *spool;
    ob_bus *bus;
    runtime *runtime;
    logs *logs;
    placement *placement;
    notice *notice;
    imds *imds;
    int signal_fd;
    heartbeat *heartbeat;
    attempts attempts;
    loop_timer second_timer, start_timer;
    bool spool_failed;
    bool purging, purged;
    json_t *join; /* what it joins with; NULL: it was launched */
    bool leaving, gone;
    int64_t leaving_at_ms;
    int64_t foreign_warned_ms;
    int64_t bad_messages;
} executor;

/* ---- what the runtime, the streams and the scheduler say, to attempts.c ---- */

static void on_running(const char *run, int64_t started_at_ms, void *arg)
{
    attempts_running(&((executor *)arg)->attempts, run, started_at_ms);
}

static void on_exited(const char *run, const runtime_end *end, void *arg)
{
    attempts_exited(&((executor *)arg)->attempts, run, end);
}

static void on_output_begin(const char *run, void *arg)
{
    logs_begin(((executor *)arg)->logs, run);
}

static runtime_more
on_line(const char *run, int64_t at_ns, const char *text, size_t len, size_t span, void *arg)
{
    return logs_line(((executor *)arg)->logs, run, at_ns, text, len, span);
}

static void on_output_end(const char *run, void *arg)
{
    logs_end(((executor *)arg)->logs, run);
}

static void on_removed(const char *run, void *arg)
{
    attempts_removed(&((executor *)arg)->attempts, run);
}

static void on_found(const char *run, void *arg)
{
    adopt_found(&((executor *)arg)->attempts, run);
}

static void on_listed(void *arg)
{
    executor *x = arg;
    adopt_listed(&x->attempts);
    if (!heartbeat_is_registered(x->heartbeat))
        heartbeat_register(x->heartbeat);
}

static void on_engine(bool up, const char *text, void *arg)
{
    ob_health_set("engine", true, up, text);
}

static void on_unwell(const char *why, void *arg)
{
    executor *x = arg;
    ob_health_set("starts", true, !why, why);
    if (x->heartbeat)
        heartbeat_unwell(x->heartbeat, why);
}

static void on_purged(void *arg)
{
    executor *x = arg;
    x->purged = true;
    loop_stop(x->loop);
}

static void on_resume(const char *run, void *arg)
{
    executor *x = arg;
    x->runtime->ops->resume(x->runtime, run);
}

static void on_log_out(const char *run, void *arg)
{
    attempts_log_out(&((executor *)arg)->attempts, run);
}

static void on_advance(placement_position last, void *arg)
{
    executor *x = arg;
    spool_set(x->spool, "last", "at",
              json_pack("[I, I]", (json_int_t)last.epoch, (json_int_t)last.seq), true);
}

static void on_place_run(const char *run, int attempt_no, json_t *spec, void *arg)
{
    attempts_run(&((executor *)arg)->attempts, run, attempt_no, spec);
}

static void on_place_stop(const char *run, int grace_s, void *arg)
{
    attempts_stop(&((executor *)arg)->attempts, run, grace_s);
}

static void on_place_confirm(const char *run, void *arg)
{
    attempts_confirm(&((executor *)arg)->attempts, run);
}

static void on_sync(void *arg)
{
    executor *x = arg;
    ob_info("executor.sync", NULL);
    heartbeat_register(x->heartbeat);
}

/* ---- the instance's end ---- */

static void on_notice(int64_t in_ms, void *arg)
{
    notice_give(((executor *)arg)->notice, in_ms);
}

static void on_notice_tell(void *arg)
{
    heartbeat_notice(((executor *)arg)->heartbeat);
}

static void on_notice_term(int64_t left_ms, void *arg)
{
    attempts_close(&((executor *)arg)->attempts, (int)(left_ms / 1000));
}

static sigset_t notice_signals(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGUSR1);
    return set;
}

/* SIGUSR1: how providers give a notice. */
static void on_signal(int fd, uint32_t events, void *arg)
{
    executor *x = arg;
    struct signalfd_siginfo info;
    if (read(fd, &info, sizeof(info)) == sizeof(info) && x->notice)
        notice_give(x->notice, x->config.notice_ms);
}

/* SIGTERM of one that was started by hand: nothing begins, what runs has its time. */
static void leave(executor *x)
{
    ob_info("executor.leaving", "{s:I}", "grace", (json_int_t)x->config.leave_ms);
    x->leaving = true;
    x->leaving_at_ms = ob_boot_ms();
    x->attempts.closing = true;
    notice_give(x->notice, x->config.leave_ms);
}

static void check_left(executor *x)
{
    int64_t now_ms = ob_boot_ms();
    bool empty = HASH_COUNT(x->attempts.table) == 0 && now_ms - x->leaving_at_ms >= LEAVE_MIN_MS;
    bool late = now_ms - x->leaving_at_ms >= x->config.leave_ms + LEAVE_LATE_MS;
    if (!x->leaving || (!empty && !late))
        return;
    heartbeat_left(x->heartbeat);
    x->gone = true;
    loop_stop(x->loop);
}

/* The scheduler says that the instance has ended: its runs are others' by now. */
static void on_leave(void *arg)
{
    executor *x = arg;
    ob_log(x->leaving ? OB_LOG_INFO : OB_LOG_WARN, "executor.ended", "{s:s}", "instance",
           x->config.instance);
    x->gone = x->join != NULL;
    if (x->gone)
        loop_stop(x->loop);
}

/* ---- the bus ---- */

/* Reading a message twice is safe: see placement.c. */
static void on_message(const ob_bus_msg *msg, void *arg)
{
    executor *x = arg;
    ob_error err = { 0 };
    switch (placement_take(x->placement, msg->data, msg->len, &err)) {
    case PLACEMENT_TAKEN:
    case PLACEMENT_OTHER_INSTANCE:
    case PLACEMENT_STALE:
        break;
    case PLACEMENT_OTHER_SESSION:
        if (ob_boot_ms() - x->foreign_warned_ms < FOREIGN_WARN_MS)
            break;
        x->foreign_warned_ms = ob_boot_ms();
        ob_warn("placement.other_session", "{s:I}", "offset", (json_int_t)msg->offset);
        break;
    case PLACEMENT_BAD:
        if (x->bad_messages++ == 0)
            ob_warn("placement.unreadable", "{s:s, s:I}", "text", err.text, "offset",
                    (json_int_t)msg->offset);
        break;
    }
}

static void on_bus_event(ob_bus_event event, void *arg)
{
    executor *x = arg;
    switch (event) {
    case OB_BUS_REASSIGNED:
        heartbeat_assigned(x->heartbeat);
        break;
    case OB_BUS_DOWN:
    case OB_BUS_UP:
        ob_health_set("kafka", true, event == OB_BUS_UP, "");
        break;
    }
}

static void on_delivery(void *ref, int ok, int64_t offset, void *arg)
{
    executor *x = arg;
    if (ref == heartbeat_ref(x->heartbeat))
        heartbeat_delivered(x->heartbeat, ok);
    else if (ref)
        logs_delivered(x->logs, ref, ok);
}

static void on_bus_ready(int fd, uint32_t events, void *arg)
{
    executor *x = arg;
    uint64_t count;
    (void)!read(fd, &count, sizeof(count));
    while (ob_bus_poll(x->bus, 0, POLL_MESSAGES) == POLL_MESSAGES)
        ;
}

/* ---- the loop ---- */

static void sync_spool(executor *x)
{
    ob_error err = { 0 };
    int r = spool_sync(x->spool, &err);
    if (r < 0 && !x->spool_failed)
        ob_errlog("spool.failed", "{s:s}", "text", err.text);
    x->spool_failed = r < 0;
    ob_health_set("spool", true, r == 0, err.text);
}

static void on_turn(void *arg)
{
    executor *x = arg;
    sync_spool(x);
    x->runtime->ops->flush(x->runtime);
    sync_spool(x);
    if (!x->bus)
        return;
    if (!x->spool_failed)
        heartbeat_flush(x->heartbeat);
    logs_flush(x->logs);
    /* logs_flush may have sent a run's last chunk, and delivery may have made room. */
    x->runtime->ops->flush(x->runtime);
}

static void on_second(void *arg)
{
    executor *x = arg;
    loop_timer_set(x->loop, &x->second_timer, 1000);
    ob_health_beat();
    if (!x->bus)
        return;
    check_left(x);
    ob_health_info("runs", json_integer(HASH_COUNT(x->attempts.table)));
    ob_health_set("kafka", true, ob_bus_is_up(x->bus), "");
    while (ob_bus_poll(x->bus, 0, POLL_MESSAGES) == POLL_MESSAGES)
        ;
}

/* The engine is away at the start: what the spool says must do for now. */
static void on_start_time(void *arg)
{
    executor *x = arg;
    if (x->purging)
        loop_stop(x->loop);
    else if (!heartbeat_is_registered(x->heartbeat))
        heartbeat_register(x->heartbeat);
}

static void on_stop(int fd, uint32_t events, void *arg)
{
    executor *x = arg;
    uint64_t count;
    (void)!read(fd, &count, sizeof(count));
    if (x->join && x->heartbeat && !x->leaving)
        leave(x);
    else
        loop_stop(x->loop); /* containers go on; the next executor adopts them */
}

/* ---- making and ending ---- */

static int make_runtime(executor *x, ob_error *err)
{
    const settings *c = &x->config;
    const runtime_ops *ops = strcmp(c->runtime, "null") == 0     ? &runtime_null
                             : strcmp(c->runtime, "docker") == 0 ? &runtime_docker
                                                                 : NULL;
    if (!ops)
        return ob_fail(err, EINVAL, "OPENBATCH_RUNTIME must be docker or null, not %s", c->runtime);
    runtime_config rc = { .loop = x->loop,
                          .spool = x->spool,
                          .home = c->common.home,
                          .run_dir = c->common.run_dir,
                          .guarded_dirs = c->common.guarded_dirs,
                          .copy = c->copy,
                          .instance = c->instance,
                          .ce = c->ce,
                          .engine = c->engine,
                          .secrets_dir = c->secrets_dir,
                          .docker_config = c->docker_config,
                          .gpus = (int)c->gpus,
                          .pull_stall_ms = c->pull_stall_ms,
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
                                  .arg = x } };
    return ops->make(&rc, &x->runtime, err);
}

static int make_base(executor *x, ob_error *err)
{
    const settings *c = &x->config;
    int r = ob_permits_parse(c->privileged, c->host_mounts, c->devices, &x->attempts.permits, err);
    if (r == 0)
        r = loop_new(&x->loop, err);
    if (r == 0)
        r = loop_watch(x->loop, ob_service_stop_fd(), EPOLLIN, on_stop, x, err);
    sigset_t signals = notice_signals();
    x->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (r == 0 && x->signal_fd < 0)
        r = ob_fail(err, errno, "signalfd: %s", strerror(errno));
    if (r == 0)
        r = loop_watch(x->loop, x->signal_fd, EPOLLIN, on_signal, x, err);
    if (r == 0)
        r = spool_open(c->dir, LOCK_WAIT_MS, &x->spool, err);
    if (r == 0)
        r = make_runtime(x, err);
    if (r < 0)
        return r;
    loop_on_turn(x->loop, on_turn, x);
    x->second_timer = (loop_timer){ .fn = on_second, .arg = x };
    x->start_timer = (loop_timer){ .fn = on_start_time, .arg = x };
    loop_timer_set(x->loop, &x->second_timer, 0);
    return 0;
}

static int make_bus(executor *x, ob_error *err)
{
    const settings *c = &x->config;
    int r = ob_config_read_secret(c->token_file, &x->token, err);
    if (r == 0 && *c->common.kafka_password_file)
        r = ob_config_read_secret(c->common.kafka_password_file, &x->password, err);
    if (r < 0)
        return r;
    ob_cleanup(ob_freep) char *client = ob_strf("executor-%s", c->instance);
    ob_bus_config bc = { .servers = c->common.kafka,
                         .settings = c->common.kafka_settings,
                         .user = *c->common.kafka_user ? c->common.kafka_user : NULL,
                         .password = x->password,
                         .client_id = client,
                         .partitions = (int32_t)c->common.kafka_partitions,
                         .on_msg = on_message,
                         .on_event = on_bus_event,
                         .on_delivery = on_delivery,
                         .arg = x };
    r = ob_bus_new(&bc, &x->bus, err);
    if (r == 0)
        r = loop_watch(x->loop, ob_bus_fd(x->bus), EPOLLIN, on_bus_ready, x, err);
    return r;
}

static void make_modules(executor *x)
{
    const settings *c = &x->config;
    const json_t *last = json_object_get(spool_get(x->spool, "last"), "at");
    placement_position position = { .epoch = json_integer_value(json_array_get(last, 0)),
                                    .seq = json_integer_value(json_array_get(last, 1)) };
    x->placement = placement_new(c->instance, position,
                                 (placement_sink){ .advance = on_advance,
                                                   .confirm = on_place_confirm,
                                                   .stop = on_place_stop,
                                                   .run = on_place_run,
                                                   .sync = on_sync,
                                                   .leave = on_leave,
                                                   .arg = x });
    x->logs = logs_new(&(logs_config){ .loop = x->loop,
                                       .bus = x->bus,
                                       .instance = c->instance,
                                       .token = x->token,
                                       .limit = c->log_limit,
                                       .resume = on_resume,
                                       .out = on_log_out,
                                       .arg = x });
    x->attempts.loop = x->loop;
    x->attempts.spool = x->spool;
    x->attempts.runtime = x->runtime;
    x->attempts.logs = x->logs;
    x->attempts.placement = x->placement;
    if (*c->join_token)
        x->join = join_offer(c->join_token, c->join_vcpus, c->join_memory_mib, c->gpus);
    ob_text_format(x->attempts.host_reason, sizeof(x->attempts.host_reason),
                   "Host EC2 (instance %s) terminated.", c->instance);
    x->notice = notice_new(&(notice_config){ .loop = x->loop,
                                             .spool = x->spool,
                                             .term_ms = c->term_ms,
                                             .tell = on_notice_tell,
                                             .term = on_notice_term,
                                             .arg = x });
    (void)gethostname(x->host, sizeof(x->host) - 1);
    x->heartbeat = heartbeat_new(&(heartbeat_config){ .loop = x->loop,
                                                      .bus = x->bus,
                                                      .attempts = &x->attempts,
                                                      .placement = x->placement,
                                                      .notice = x->notice,
                                                      .join = x->join,
                                                      .instance = c->instance,
                                                      .ce = c->ce,
                                                      .token = x->token,
                                                      .host = x->host,
                                                      .every_ms = c->heartbeat_ms });
}

static int work(executor *x, ob_error *err)
{
    int r = make_bus(x, err);
    if (r < 0)
        return r;
    make_modules(x);
    if (*x->config.imds)
        r = imds_new(&(imds_config){ .loop = x->loop,
                                     .url = x->config.imds,
                                     .every_ms = IMDS_EVERY_MS,
                                     .notice_ms = x->config.notice_ms,
                                     .notice = on_notice,
                                     .arg = x },
                     &x->imds, err);
    if (r < 0)
        return r;
    adopt_load(&x->attempts);
    x->runtime->ops->open(x->runtime);
    loop_timer_set(x->loop, &x->start_timer, ENGINE_WAIT_MS);
    ob_info("executor.start", "{s:s, s:s, s:s}", "instance", x->config.instance, "runtime",
            x->runtime->ops->name, "type", x->config.type);
    return loop_run(x->loop, err);
}

/* Ends everything that this instance has; for the provider, when an instance is given back. */
static int purge(executor *x, ob_error *err)
{
    x->purging = true;
    x->runtime->ops->purge(x->runtime);
    loop_timer_set(x->loop, &x->start_timer, PURGE_WAIT_MS);
    int r = loop_run(x->loop, err);
    if (r == 0 && !x->purged)
        return ob_fail(err, ETIMEDOUT, "the container engine does not answer");
    json_auto_t *all = json_copy((json_t *)spool_all(x->spool));
    const char *key;
    json_t *members;
    json_object_foreach(all, key, members) spool_drop(x->spool, key);
    if (r == 0)
        r = spool_sync(x->spool, err);
    if (r == 0 && *x->config.join_token)
        join_forget(x->config.dir);
    return r;
}

static void executor_done(executor *x)
{
    ob_health_stop();
    /* First: it may still tell deliveries. Containers stay. */
    ob_bus_free(x->bus);
    heartbeat_free(x->heartbeat);
    imds_free(x->imds);
    notice_free(x->notice);
    if (x->runtime)
        x->runtime->ops->free(x->runtime);
    logs_free(x->logs);
    attempts_done(&x->attempts);
    placement_free(x->placement);
    if (x->spool)
        (void)spool_sync(x->spool, NULL);
    spool_free(x->spool);
    if (x->signal_fd >= 0)
        (void)close(x->signal_fd);
    loop_free(x->loop);
    json_decref(x->join);
    free(x->token);
    free(x->password);
    ob_config_done(&x->config, settings_fields, true);
}

int main(int argc, char **argv)
{
    executor x = { .signal_fd = -1 };
    sigset_t signals = notice_signals();
    (void)sigprocmask(SIG_BLOCK, &signals, NULL); /* first: an early notice waits for its reader */
    ob_error err = { 0 };
    int code = 0;
    argc = join_prepare(argc, argv, &err);
    if (argc < 0) {
        (void)fprintf(stderr, "openbatch-executor: %s\n", err.text);
        return 2;
    }
    bool is_purge = argc == 2 && strcmp(argv[1], "--purge") == 0;
    if (ob_config_cli(is_purge ? 1 : argc, argv, "openbatch-executor", &x.config, settings_fields,
                      true, &code))
        return code;
    if (ob_config_load(&x.config, settings_fields, true, &err) < 0) {
        (void)fprintf(stderr, "openbatch-executor: %s\n", err.text);
        return 2;
    }
    ob_cleanup(ob_freep) char *name = ob_strf("executor-%s", x.config.instance);
    int r = ob_service_init(name, x.config.common.log_level, &err);
    if (r == 0)
        r = make_base(&x, &err);
    if (r == 0 && !is_purge && ob_health_start(x.config.common.run_dir, name, &err) < 0)
        ob_warn("health.off", "{s:s}", "text", err.text); /* a path that is too long: ignoring */
    if (r == 0)
        r = is_purge ? purge(&x, &err) : work(&x, &err);
    if (r < 0)
        ob_errlog("executor.failed", "{s:s}", "text", err.text);
    executor_done(&x);
    if (r == 0 && x.gone) {
        /* What it had is removed by a process that begins with what the engine has. */
        (void)execl("/proc/self/exe", "openbatch-executor", "--purge", (char *)NULL);
        return 1;
    }
    return r < 0 ? 1 : 0;
}
