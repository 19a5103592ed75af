/* services/executor/event_loop.h on the world's time. Owns the list of what is watched. As in the
 * real one the order of a turn is: the hook, the wait, descriptors, timers. */
#include "event_loop.h"

#include <sys/epoll.h>
#include <utlist.h>

#include "ob/clock.h"
#include "sim.h"

#define WATCHES_MAX 16
#define TIMERS_A_TURN 1000

struct loop {
    process *owner;
    struct {
        int fd; /* of the world's */
        loop_on_fd fn;
        void *arg;
    } watches[WATCHES_MAX];
    size_t n;
    loop_timer *timers;
    loop_on_timer on_turn;
    void *on_turn_arg;
    bool stop;
};

int loop_new(loop **ret, ob_error *err)
{
    (void)err;
    *ret = ob_calloc(1, sizeof(**ret));
    (*ret)->owner = world_process();
    return 0;
}

void loop_free(loop *l)
{
    free(l);
}

int loop_watch(loop *l, int fd, uint32_t events, loop_on_fd fn, void *arg, ob_error *err)
{
    (void)events;
    if (fd < WORLD_FD)
        return 0; /* a real one: nothing comes from there */
    loop_unwatch(l, fd);
    if (l->n == WATCHES_MAX)
        return ob_fail(err, ENOSPC, "too many descriptors");
    l->watches[l->n].fd = fd;
    l->watches[l->n].fn = fn;
    l->watches[l->n++].arg = arg;
    return 0;
}

void loop_unwatch(loop *l, int fd)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->watches[i].fd == fd) {
            l->watches[i] = l->watches[--l->n];
            return;
        }
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
    loop_timer *after = l->timers ? l->timers->prev : NULL;
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

static bool serve(loop *l)
{
    bool any = false;
    for (size_t i = 0; i < l->n && !l->stop; i++)
        if (world_take_signal(l->owner, l->watches[i].fd - WORLD_FD)) {
            l->watches[i].fn(l->watches[i].fd, EPOLLIN, l->watches[i].arg);
            any = true;
        }
    return any;
}

static void run_timers(loop *l)
{
    int64_t now_ms = ob_boot_ms();
    for (int i = 0; i < TIMERS_A_TURN && l->timers && l->timers->at_ms <= now_ms; i++) {
        loop_timer *timer = l->timers;
        loop_timer_stop(l, timer);
        timer->fn(timer->arg);
    }
}

int loop_run(loop *l, ob_error *err)
{
    (void)err;
    l->stop = false;
    while (!l->stop) {
        if (l->on_turn)
            l->on_turn(l->on_turn_arg);
        int64_t until_us = l->timers ? l->timers->at_ms * MS_US + l->owner->at->boot_us : INT64_MAX;
        if (!serve(l) && until_us > world_now_us()) {
            world_wait_until(until_us);
            (void)serve(l);
        }
        run_timers(l);
    }
    return 0;
}

void loop_stop(loop *l)
{
    l->stop = true;
}
