/* The end of an instance. After a notice (SIGUSR1 of a provider, or from the metadata service)
 * running jobs get some time and are then stopped. After SIGTERM this process ends and leaves the
 * containers to the next executor. An executor that was started by hand has no next one: it starts
 * nothing more, lets running jobs continue for OPENBATCH_LEAVE_MS and reports that it has left.
 * Owns leaving, leaving_at_ms and gone. Thread: the loop's. */
#include "departure.h"

#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "ob/clock.h"
#include "ob/log.h"

#define IMDS_EVERY_MS 5000
#define LEAVE_MIN_MS                                                                               \
    1500 /* runs that were placed before the scheduler got the notice arrive within this time */
#define LEAVE_LATE_MS 5000 /* when its time is over the executor ends, even without answers */

/* ---- notices ---- */

static sigset_t notice_signals(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGUSR1);
    return set;
}

void departure_hold_notices(void)
{
    sigset_t signals = notice_signals();
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
}

/* SIGUSR1: how providers give a notice. */
static void on_signal(int fd, uint32_t events, void *arg)
{
    executor *x = arg;
    struct signalfd_siginfo info;
    if (read(fd, &info, sizeof(info)) == sizeof(info) && x->notice)
        notice_give(x->notice, x->config->notice_ms);
}

int departure_watch(executor *x, ob_error *err)
{
    sigset_t signals = notice_signals();
    x->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (x->signal_fd < 0)
        return ob_fail(err, errno, "signalfd: %s", strerror(errno));
    return loop_watch(x->loop, x->signal_fd, EPOLLIN, on_signal, x, err);
}

static void on_notice_tell(void *arg)
{
    heartbeat_notice(((executor *)arg)->heartbeat);
}

static void on_notice_term(int64_t left_ms, void *arg)
{
    attempts_close(&((executor *)arg)->attempts, (int)(left_ms / 1000));
}

void departure_make_notice(executor *x)
{
    x->notice = notice_new(&(notice_config){ .loop = x->loop,
                                             .spool = x->spool,
                                             .term_ms = x->config->term_ms,
                                             .tell = on_notice_tell,
                                             .term = on_notice_term,
                                             .arg = x });
}

static void on_metadata(int64_t in_ms, void *arg)
{
    notice_give(((executor *)arg)->notice, in_ms);
}

int departure_watch_metadata(executor *x, ob_error *err)
{
    if (!*x->config->imds)
        return 0;
    return imds_new(&(imds_config){ .loop = x->loop,
                                    .url = x->config->imds,
                                    .every_ms = IMDS_EVERY_MS,
                                    .notice_ms = x->config->notice_ms,
                                    .notice = on_metadata,
                                    .arg = x },
                    &x->imds, err);
}

/* ---- leaving ---- */

/* Nothing starts any more; running jobs have some time. */
static void leave(executor *x)
{
    ob_info("executor.retired", "{s:I}", "grace", (json_int_t)x->config->leave_ms);
    executor_set_life(x, LIFE_LEAVING);
    x->leaving_at_ms = ob_boot_ms();
    x->attempts.closing = true;
    notice_give(x->notice, x->config->leave_ms);
}

void departure_on_stop(executor *x)
{
    if (x->join && x->heartbeat && x->life == LIFE_WORKING)
        leave(x);
    else
        loop_stop(x->loop); /* containers go on; the next executor adopts them */
}

void departure_check(executor *x)
{
    int64_t now_ms = ob_boot_ms();
    bool empty = HASH_COUNT(x->attempts.table) == 0 && now_ms - x->leaving_at_ms >= LEAVE_MIN_MS;
    bool late = now_ms - x->leaving_at_ms >= x->config->leave_ms + LEAVE_LATE_MS;
    if (x->life != LIFE_LEAVING || (!empty && !late))
        return;
    heartbeat_left(x->heartbeat);
    executor_set_life(x, LIFE_GONE);
    loop_stop(x->loop);
}

void departure_ordered(executor *x)
{
    ob_log(x->life == LIFE_LEAVING ? OB_LOG_INFO : OB_LOG_WARN, "executor.ended", "{s:s}",
           "instance", x->config->instance);
    if (!x->join)
        return;
    executor_set_life(x, LIFE_GONE);
    loop_stop(x->loop);
}
