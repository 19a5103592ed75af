/* The executor's event loop: file descriptors by epoll, timers, and a hook that runs once a turn.
 * Everything in this service runs in it, except librdkafka's threads and the health thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ob/error.h"

typedef struct loop loop;
/* events: EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP */
typedef void (*loop_on_fd)(int fd, uint32_t events, void *arg);
typedef void (*loop_on_timer)(void *arg);

/* A timer; zero-initialise it and set fn and arg. Stop it before its memory is freed. */
typedef struct loop_timer {
    loop_on_timer fn;
    void *arg;
    int64_t at_ms; /* CLOCK_BOOTTIME */
    bool armed;
    struct loop_timer *prev, *next;
} loop_timer;

int loop_new(loop **ret, ob_error *err);
void loop_free(loop *l);

/* Watches 'fd', or changes what is watched. */
int loop_watch(loop *l, int fd, uint32_t events, loop_on_fd fn, void *arg, ob_error *err);
void loop_unwatch(loop *l, int fd);

/* (Re)starts a timer: once, 'delay_ms' from now; 0 = in this turn. */
void loop_timer_set(loop *l, loop_timer *timer, int64_t delay_ms);
void loop_timer_stop(loop *l, loop_timer *timer);

/* fn runs before each wait; it sends what the turn has changed. */
void loop_on_turn(loop *l, loop_on_timer fn, void *arg);

/* Runs until loop_stop. */
int loop_run(loop *l, ob_error *err);
void loop_stop(loop *l);
