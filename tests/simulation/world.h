/* The virtual world: its time, its events, and the processes of the simulated hosts, which are
 * coroutines of one thread. A process gives way only where it waits, and the time goes on only when
 * all processes wait: so a history depends on nothing but its seed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECOND_US INT64_C(1000000)
#define MS_US INT64_C(1000)

/* ---- Random numbers, in streams of their own: a draw of one does not shift another ---- */

typedef struct dice {
    uint64_t state;
} dice;

dice dice_new(uint64_t seed, const char *stream);
uint64_t dice_next(dice *d);
/* 0 to below n. */
int64_t dice_below(dice *d, int64_t n);
int64_t dice_between(dice *d, int64_t low, int64_t high); /* both included */
bool dice_in(dice *d, int64_t n);                         /* true once in n */
uint64_t dice_mix(uint64_t a, uint64_t b);

/* ---- Hosts: each has clocks of its own ---- */

typedef struct host {
    char name[40];
    int64_t boot_us;  /* when it booted, in the world's time; below 0 */
    int64_t ahead_us; /* of its wall clock; changed by a clock step */
    int boot;         /* counts boots */
} host;

/* ---- Processes ---- */

typedef struct process process;

struct process {
    int number;
    char name[56];
    host *at;
    void (*run)(process *self);
    void *arg;
    int code;      /* exit code, when it has ended by itself */
    bool stopping; /* it was told to end (SIGTERM) */
    bool dead;
    int64_t frozen_until_us; /* 0: not frozen */
    /* Called once, when it is gone: killed, or ended by itself. In the world's context. */
    void (*gone)(process *self, bool killed);

    /* world.c's */
    struct coroutine *coroutine;
    int64_t wake_us; /* INT64_MAX: only an event wakes it */
    uint64_t wait_no;
    uint64_t ready[4]; /* descriptors that are readable: bits */
};

/* Called before a process runs on: sets what is global to a real one. */
extern void (*world_entering)(const process *p);

void world_open(void);
int64_t world_now_us(void);
uint64_t world_events(void); /* counts them */

/* Calls fn at that time; events of one time come in the order in which they were asked for. */
void world_at(int64_t at_us, void (*fn)(void *arg), void *arg);
void world_after(int64_t delay_us, void (*fn)(void *arg), void *arg);
/* Runs events until 'until_us', or until 'done' (asked once a second) says so. */
void world_run(int64_t until_us, bool (*done)(void));

/* It begins now. */
process *world_spawn(const char *name, host *at, void (*run)(process *self), void *arg);
/* The process that runs now; NULL: the world itself. */
process *world_process(void);
/* Ends a process as kill -9 does. Does not return when it is the one that runs. */
void world_kill(process *p);
/* Tells it to end, as SIGTERM does. */
void world_stop(process *p);
/* As SIGSTOP, for that time. */
void world_freeze(process *p, int64_t for_us);
/* The process ends by itself. */
__attribute__((noreturn)) void world_exit(int code);

/* The running process waits: until that time, or until world_wake. */
void world_wait_until(int64_t at_us);
void world_sleep(int64_t for_us);
void world_wake(process *p);

/* Descriptors of a process, 0 to 255, which are readable or not. As file descriptors they get a
 * number that no real one has, so that a read of them fails and harms nobody. */
#define WORLD_FD 100000
void world_signal(process *p, int fd);      /* makes it readable, and wakes */
bool world_take_signal(process *p, int fd); /* was it? Now it is not. */

/* ---- The trace: what happened, as a digest, and as lines if somebody reads them ---- */

uint64_t trace_digest(void);
bool trace_told(void);
void trace_tell(bool on); /* from now on lines are printed */
/* One step. Its numbers go into the digest, and its text into the story. */
__attribute__((format(printf, 4, 5))) void
trace_step(const char *what, uint64_t a, uint64_t b, const char *fmt, ...);
/* Only the story. */
__attribute__((format(printf, 1, 2))) void trace_say(const char *fmt, ...);
