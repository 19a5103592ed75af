/* Owns the time, the queue of events and the processes. Invariant: an event or a process is the
 * only thing that runs, and it runs to its next wait. One thread. */
#undef _FORTIFY_SOURCE /* its longjmp does not leave a stack */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "ob/error.h"
#include "ob/hash.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define SANITIZED 1
#define STACK_BYTES (1u << 20)
#else
#define SANITIZED 0
#define STACK_BYTES (256u << 10)
#endif

/* A process begins with makecontext. From then on the two stacks are changed with longjmp, which,
 * unlike swapcontext, asks nothing of the kernel; but not under sanitizers, which clear the stack
 * that they think is left. */
typedef struct coroutine {
    ucontext_t context;
    jmp_buf at;
    bool begun;
    char *stack;
    void *fake_stack;
    struct coroutine *next_free;
} coroutine;

typedef struct event {
    int64_t at_us;
    uint64_t no;
    void (*fn)(void *arg); /* NULL: the process 'arg' is to wake from this wait */
    void *arg;
    uint64_t wait_no;
} event;

static struct {
    int64_t now_us;
    uint64_t next_no;
    event *heap;
    size_t n, cap;
    int n_processes;
    process *running;
    coroutine *free;
    ucontext_t main;
    jmp_buf main_at;
    const void *main_stack;
    size_t main_size;
    bool dying; /* the running process will not be resumed */
} world;

/* ---- Random numbers ---- */

uint64_t dice_mix(uint64_t a, uint64_t b)
{
    uint64_t z = a + 0x9e3779b97f4a7c15u * (b + 1);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

dice dice_new(uint64_t seed, const char *stream)
{
    return (dice){ .state = dice_mix(seed, ob_hash64(OB_HASH64, stream)) };
}

uint64_t dice_next(dice *d)
{
    d->state += 0x9e3779b97f4a7c15u;
    return dice_mix(d->state, 0);
}

int64_t dice_below(dice *d, int64_t n)
{
    return n <= 1 ? 0 : (int64_t)(dice_next(d) % (uint64_t)n);
}

int64_t dice_between(dice *d, int64_t low, int64_t high)
{
    return low + dice_below(d, high - low + 1);
}

bool dice_in(dice *d, int64_t n)
{
    return dice_below(d, n) == 0;
}

/* ---- Events ---- */

static bool is_before(const event *a, const event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->no < b->no;
}

static void add(int64_t at_us, void (*fn)(void *arg), void *arg, uint64_t wait_no)
{
    if (world.n == world.cap) {
        world.cap = world.cap ? world.cap * 2 : 256;
        world.heap = ob_realloc(world.heap, world.cap * sizeof(*world.heap));
    }
    event e = { .at_us = at_us < world.now_us ? world.now_us : at_us,
                .no = world.next_no++,
                .fn = fn,
                .arg = arg,
                .wait_no = wait_no };
    size_t i = world.n++;
    for (; i > 0 && is_before(&e, &world.heap[(i - 1) / 2]); i = (i - 1) / 2)
        world.heap[i] = world.heap[(i - 1) / 2];
    world.heap[i] = e;
}

void world_at(int64_t at_us, void (*fn)(void *arg), void *arg)
{
    add(at_us, fn, arg, 0);
}

void world_after(int64_t delay_us, void (*fn)(void *arg), void *arg)
{
    world_at(world.now_us + delay_us, fn, arg);
}

static event take_first(void)
{
    event first = world.heap[0], last = world.heap[--world.n];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < world.n; i = child) {
        if (child + 1 < world.n && is_before(&world.heap[child + 1], &world.heap[child]))
            child++;
        if (!is_before(&world.heap[child], &last))
            break;
        world.heap[i] = world.heap[child];
    }
    world.heap[i] = last;
    return first;
}

static void on_wake(process *p, uint64_t wait_no);

int64_t world_now_us(void)
{
    return world.now_us;
}

uint64_t world_events(void)
{
    return world.next_no;
}

void world_run(int64_t until_us, bool (*done)(void))
{
    int64_t asked_us = world.now_us;
    while (world.n > 0 && world.heap[0].at_us <= until_us) {
        event e = take_first();
        world.now_us = e.at_us;
        if (e.fn)
            e.fn(e.arg);
        else
            on_wake(e.arg, e.wait_no);
        if (done && world.now_us - asked_us >= SECOND_US) {
            asked_us = world.now_us;
            if (done())
                return;
        }
    }
    if (world.now_us < until_us)
        world.now_us = until_us;
}

void (*world_entering)(const process *p);

void world_open(void)
{
    memset(&world, 0, sizeof(world));
}

/* ---- Coroutines ---- */

static coroutine *coroutine_new(void)
{
    coroutine *c = world.free;
    if (c) {
        world.free = c->next_free;
#if SANITIZED
        /* What the killed process had on its stack. */
        __asan_unpoison_memory_region(c->stack, STACK_BYTES);
#endif
        return c;
    }
    c = ob_calloc(1, sizeof(*c));
    c->stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (c->stack == MAP_FAILED)
        abort();
    return c;
}

static void to_world(process *p)
{
#if SANITIZED
    __sanitizer_start_switch_fiber(world.dying ? NULL : &p->coroutine->fake_stack, world.main_stack,
                                   world.main_size);
    (void)swapcontext(&p->coroutine->context, &world.main);
    __sanitizer_finish_switch_fiber(p->coroutine->fake_stack, &world.main_stack, &world.main_size);
#else
    if (_setjmp(p->coroutine->at) == 0)
        _longjmp(world.main_at, 1);
#endif
}

static void on_dead(process *p, bool killed)
{
    p->dead = true;
    p->coroutine->next_free = world.free;
    world.free = p->coroutine;
    p->coroutine = NULL;
    if (p->gone)
        p->gone(p, killed);
}

#if !SANITIZED
static void go_on(coroutine *c)
{
    if (_setjmp(world.main_at) != 0)
        return;
    if (c->begun)
        _longjmp(c->at, 1);
    c->begun = true;
    (void)setcontext(&c->context);
    abort();
}
#endif

static void resume(process *p)
{
    world.running = p;
    if (world_entering)
        world_entering(p);
#if SANITIZED
    void *fake = NULL;
    __sanitizer_start_switch_fiber(&fake, p->coroutine->stack, STACK_BYTES);
    (void)swapcontext(&world.main, &p->coroutine->context);
    __sanitizer_finish_switch_fiber(fake, NULL, NULL);
#else
    go_on(p->coroutine);
#endif
    world.running = NULL;
    if (world.dying) {
        world.dying = false;
        on_dead(p, p->code < 0);
    }
}

static void begin(void)
{
    process *p = world.running;
#if SANITIZED
    __sanitizer_finish_switch_fiber(NULL, &world.main_stack, &world.main_size);
#endif
    p->run(p);
    world_exit(0);
}

/* ---- Processes ---- */

static void wake_later(process *p, int64_t at_us)
{
    add(at_us, NULL, p, p->wait_no);
}

static void on_wake(process *p, uint64_t wait_no)
{
    if (p->dead || p->wait_no != wait_no)
        return;
    if (p->frozen_until_us > world.now_us) {
        wake_later(p, p->frozen_until_us);
        return;
    }
    p->frozen_until_us = 0;
    p->wait_no++;
    resume(p);
}

process *world_spawn(const char *name, host *at, void (*run)(process *self), void *arg)
{
    process *p = ob_calloc(1, sizeof(*p));
    p->number = ++world.n_processes;
    (void)snprintf(p->name, sizeof(p->name), "%s", name);
    p->at = at;
    p->run = run;
    p->arg = arg;
    p->coroutine = coroutine_new();
    p->coroutine->begun = false;
    (void)getcontext(&p->coroutine->context);
    p->coroutine->context.uc_stack.ss_sp = p->coroutine->stack;
    p->coroutine->context.uc_stack.ss_size = STACK_BYTES;
    p->coroutine->context.uc_link = NULL;
    makecontext(&p->coroutine->context, begin, 0);
    p->wake_us = world.now_us;
    wake_later(p, world.now_us);
    return p;
}

process *world_process(void)
{
    return world.running;
}

void world_wait_until(int64_t at_us)
{
    process *p = world.running;
    p->wake_us = at_us;
    if (at_us < INT64_MAX)
        wake_later(p, at_us);
    to_world(p);
}

void world_sleep(int64_t for_us)
{
    int64_t until_us = world.now_us + for_us;
    do
        world_wait_until(until_us);
    while (world.now_us < until_us);
}

void world_wake(process *p)
{
    if (p->dead || p == world.running || p->wake_us <= world.now_us)
        return;
    p->wake_us = world.now_us;
    wake_later(p, world.now_us);
}

void world_exit(int code)
{
    process *p = world.running;
    p->code = code;
    world.dying = true;
    to_world(p);
    abort(); /* nobody resumes it */
}

void world_kill(process *p)
{
    if (p->dead)
        return;
    trace_step("killed", (uint64_t)p->number, 0, "%s is killed", p->name);
    if (p == world.running)
        world_exit(-1);
    on_dead(p, true);
}

void world_stop(process *p)
{
    if (p->dead)
        return;
    p->stopping = true;
    world_signal(p, 0);
}

void world_freeze(process *p, int64_t for_us)
{
    if (p->dead)
        return;
    p->frozen_until_us = world.now_us + for_us;
    trace_step("frozen", (uint64_t)p->number, (uint64_t)for_us, "%s freezes for %.1f s", p->name,
               (double)for_us / 1e6);
}

void world_signal(process *p, int fd)
{
    p->ready[fd / 64] |= UINT64_C(1) << (fd % 64);
    world_wake(p);
}

bool world_take_signal(process *p, int fd)
{
    uint64_t bit = UINT64_C(1) << (fd % 64);
    bool was = p->ready[fd / 64] & bit;
    p->ready[fd / 64] &= ~bit;
    return was;
}

/* ---- The trace ---- */

static struct {
    uint64_t digest;
    bool told;
} trace = { .digest = OB_HASH64 };

uint64_t trace_digest(void)
{
    return trace.digest;
}

bool trace_told(void)
{
    return trace.told;
}

void trace_tell(bool on)
{
    trace.told = on;
}

__attribute__((format(printf, 1, 0))) static void print_line(const char *fmt, va_list args)
{
    (void)printf("%10.4f  ", (double)world.now_us / 1e6);
    if (world.running)
        (void)printf("[%s] ", world.running->name);
    (void)vprintf(fmt, args);
    (void)putchar('\n');
}

void trace_step(const char *what, uint64_t a, uint64_t b, const char *fmt, ...)
{
    trace.digest = dice_mix(trace.digest, (uint64_t)world.now_us);
    trace.digest = dice_mix(trace.digest, ob_hash64(OB_HASH64, what));
    trace.digest = dice_mix(dice_mix(trace.digest, a), b);
    if (!trace.told)
        return;
    va_list args;
    va_start(args, fmt);
    print_line(fmt, args);
    va_end(args);
}

void trace_say(const char *fmt, ...)
{
    if (!trace.told)
        return;
    va_list args;
    va_start(args, fmt);
    print_line(fmt, args);
    va_end(args);
}
