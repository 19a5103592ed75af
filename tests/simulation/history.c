/* Owns the services' processes and their supervisor. One thread. */
#include "history.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ob/error.h"
#include "oracle.h"
#include "workload.h"

#define SERVICES 6 /* two schedulers, two scalers, one or two apis */
#define RESTART_US SECOND_US
#define REST_US (300 * SECOND_US) /* after the last fault everything is at rest within so long */

static struct {
    history_result *result;
    host hosts[2];
    process *services[SERVICES];
    size_t n; /* of them */
} h;

static const struct {
    const char *name;
    void (*run)(process *self);
} services[SERVICES] = {
    { "scheduler-1", sim_scheduler },
    { "scheduler-2", sim_scheduler },
    { "scaler-1", sim_scaler },
    { "scaler-2", sim_scaler },
    { "api-1", sim_api },
    { "api-2", sim_api },
};

void broken(const char *subject, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(h.result->text, sizeof(h.result->text), fmt, args);
    va_end(args);
    (void)snprintf(h.result->subject, sizeof(h.result->subject), "%s", subject);
    h.result->broken = true;
    h.result->at_us = world_now_us();
    h.result->digest = trace_digest();
    trace_say("BROKEN: %s", h.result->text);
    (void)fflush(stdout);
    _exit(1);
}

/* ---- Services ---- */

process *history_service(uint64_t n)
{
    process *p = h.services[n % SERVICES];
    return p && !p->dead ? p : NULL;
}

host *history_host(uint64_t n)
{
    return &h.hosts[n % ARRAY_SIZE(h.hosts)];
}

void sim_end_process(const process *p)
{
    sim_pg_end_process(p->number);
    sim_bus_end_process(p);
}

static void start_service(void *arg);

static void on_gone(process *p, bool killed)
{
    sim_end_process(p);
    trace_step("service ends", (uint64_t)p->number, killed, "%s ends with code %d", p->name,
               p->code);
    world_after(RESTART_US, start_service, p->arg);
}

static void start_service(void *arg)
{
    process **place = arg;
    size_t n = (size_t)(place - h.services);
    *place = world_spawn(services[n].name, &h.hosts[n % 2], services[n].run, place);
    (*place)->gone = on_gone;
}

/* ---- PostgreSQL's hooks ---- */

static int64_t pg_now_us(void *arg)
{
    (void)arg;
    return SIM_EPOCH_US + world_now_us();
}

static int pg_process(void *arg)
{
    (void)arg;
    return world_process() ? world_process()->number : 0;
}

static void pg_wait(int64_t us, void *arg)
{
    (void)arg;
    world_sleep(us);
}

/* ---- The whole ---- */

static bool at_rest(void)
{
    const char *why;
    return workload_done() && oracle_rests(&why);
}

static void open_all(uint64_t seed)
{
    world_open();
    world_entering = sim_service_enter;
    ob_point_watch = faults_pass_point;
    json_object_seed(1);
    srandom((unsigned)seed);
    dice d = dice_new(seed, "world");
    sim_clock_open(seed);
    sim_kafka_open(seed, (int)dice_between(&d, 1, 4));
    sim_cloud_open(seed);
    oracle_open();
    for (size_t i = 0; i < ARRAY_SIZE(h.hosts); i++) {
        (void)snprintf(h.hosts[i].name, sizeof(h.hosts[i].name), "host-%zu", i);
        h.hosts[i].boot_us = -dice_between(&d, 1, 100000) * SECOND_US;
        h.hosts[i].ahead_us = dice_between(&d, -500, 500) * MS_US;
    }
    sim_pg_open(&(sim_pg_hooks){ .now_us = pg_now_us,
                                 .process = pg_process,
                                 .wait = pg_wait,
                                 .at = faults_of_pg,
                                 .committed = oracle_committed,
                                 .latency_us = dice_between(&d, 100, 500) });
}

void history_run(uint64_t seed, uint64_t kinds, uint64_t mask, size_t jobs, history_result *ret)
{
    h.result = ret;
    open_all(seed);
    dice d = dice_new(seed, "plan");
    int64_t work_us = dice_between(&d, 8, 25) * SECOND_US;
    int64_t faults_us = work_us + 10 * SECOND_US;
    if (jobs == 0)
        jobs = (size_t)dice_between(&d, 100, 300);
    ret->n_faults = faults_draw(seed, kinds, faults_us, ret->faults);
    faults_plan(ret->faults, ret->n_faults, mask);
    workload_plan(seed, work_us, jobs);
    h.n = (size_t)dice_between(&d, SERVICES - 1, SERVICES);
    for (size_t i = 0; i < h.n; i++)
        start_service(&h.services[i]);
    world_run(faults_us, NULL);
    faults_end();
    world_run(world_now_us() + REST_US, at_rest);
    const char *why = "work is still to be submitted";
    if (!workload_done() || !oracle_rests(&why))
        oracle_restless(why);
    oracle_judge();
    ret->ended_us = world_now_us();
    ret->digest = dice_mix(trace_digest(), sim_pg_digest());
    ret->jobs = oracle_jobs();
    ret->runs = oracle_runs();
}
