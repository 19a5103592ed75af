/* The event loop. Owns the epoll descriptor and the table of handlers; never the watched
 * descriptors.
 *
 * Invariants: a handler runs only for a descriptor that is watched now; timers are in one list
 * ordered by time (there are few, and new ones belong near its end). Thread: the one that calls
 * loop_run. */
#include "event_loop.h"

#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <utlist.h>

#include "ob/clock.h"

#define EVENTS_A_TURN 64

typedef struct watch {
    loop_on_fd fn; /* NULL: not watched */
    void *arg;
} watch;

struct loop {
    int epoll_fd;
    watch *watches; /* by descriptor */
    int watches_len;
    loop_timer *timers;
    loop_on_timer on_turn;
    void *on_turn_arg;
    bool stop;
};

int loop_new(loop **ret, ob_error *err)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0)
        return ob_fail(err, errno, "epoll_create1: %s", strerror(errno));
    loop *l = ob_calloc(1, sizeof(*l));
    l->epoll_fd = fd;
    *ret = l;
    return 0;
}

void loop_free(loop *l)
{
    if (!l)
        return;
    (void)close(l->epoll_fd);
    free(l->watches);
    free(l);
}

int loop_watch(loop *l, int fd, uint32_t events, loop_on_fd fn, void *arg, ob_error *err)
{
    if (fd >= l->watches_len) {
        int len = fd + 64;
        l->watches = ob_realloc(l->watches, (size_t)len * sizeof(watch));
        memset(l->watches + l->watches_len, 0, (size_t)(len - l->watches_len) * sizeof(watch));
        l->watches_len = len;
    }
    struct epoll_event event = { .events = events, .data.fd = fd };
    int op = l->watches[fd].fn ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(l->epoll_fd, op, fd, &event) < 0) {
        /* A descriptor that was closed, and another one opened with the same number. */
        op = errno == ENOENT ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
        if (epoll_ctl(l->epoll_fd, op, fd, &event) < 0)
            return ob_fail(err, errno, "epoll_ctl: %s", strerror(errno));
    }
    l->watches[fd] = (watch){ .fn = fn, .arg = arg };
    return 0;
}

void loop_unwatch(loop *l, int fd)
{
    if (fd < 0 || fd >= l->watches_len || !l->watches[fd].fn)
        return;
    (void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, fd, NULL); /* may be closed already */
    l->watches[fd] = (watch){ 0 };
}

void loop_timer_stop(loop *l, loop_timer *timer)
{
    if (timer->armed)
        DL_DELETE(l->timers, timer);
    timer->armed = false;
}

void loop_timer_set(loop *l, loop_timer *timer, int64_t delay_ms)
{
    loop_timer_stop(l, timer);
    timer->at_ms = ob_boot_ms() + delay_ms;
    timer->armed = true;
    loop_timer *after = l->timers ? l->timers->prev : NULL; /* the last one */
    while (after && after->at_ms > timer->at_ms)
        after = after == l->timers ? NULL : after->prev;
    if (after)
        DL_APPEND_ELEM(l->timers, after, timer);
    else
        DL_PREPEND(l->timers, timer);
}

void loop_on_turn(loop *l, loop_on_timer fn, void *arg)
{
    l->on_turn = fn;
    l->on_turn_arg = arg;
}

static void run_timers(loop *l)
{
    /* Timers that handlers start without delay run in this turn too, but only once, so that
     * descriptors are still served. */
    int64_t now = ob_boot_ms();
    for (int i = 0; i < 1000 && l->timers && l->timers->at_ms <= now; i++) {
        loop_timer *timer = l->timers;
        loop_timer_stop(l, timer);
        timer->fn(timer->arg);
    }
}

static int wait_ms(const loop *l)
{
    if (!l->timers)
        return -1;
    int64_t left = l->timers->at_ms - ob_boot_ms();
    return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

int loop_run(loop *l, ob_error *err)
{
    struct epoll_event events[EVENTS_A_TURN];
    l->stop = false;
    while (!l->stop) {
        if (l->on_turn)
            l->on_turn(l->on_turn_arg);
        int n = epoll_wait(l->epoll_fd, events, EVENTS_A_TURN, wait_ms(l));
        if (n < 0 && errno != EINTR)
            return ob_fail(err, errno, "epoll_wait: %s", strerror(errno));
        for (int i = 0; i < n && !l->stop; i++) {
            int fd = events[i].data.fd;
            if (fd < l->watches_len && l->watches[fd].fn)
                l->watches[fd].fn(fd, events[i].events, l->watches[fd].arg);
        }
        run_timers(l);
    }
    return 0;
}

void loop_stop(loop *l)
{
    l->stop = true;
}
