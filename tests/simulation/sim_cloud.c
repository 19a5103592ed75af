/* The simulated cloud: instances, each a host with a disk, a container engine and, as long as it
 * runs, an executor that a supervisor starts again; and a provider of the scaler's on it. Owns the
 * list of instances. Invariants: an id is launched once; an instance that is gone never comes back,
 * but by a launch with a new token. One thread. */
#include <stdio.h>
#include <string.h>

#include "ob/error.h"
#include "ob/text.h"
#include "providers/provider.h"
#include "sim.h"

#define RESTART_US SECOND_US /* runsv */
#define GRACE_US (3 * SECOND_US)

typedef enum cloud_state { CLOUD_COMES, CLOUD_RUNS, CLOUD_ENDS, CLOUD_GONE } cloud_state;

typedef struct cloud_instance {
    executor_start start;
    host at;
    cloud_state state;
    int32_t mcpu, mem_mib;
    process *executor;
    bool said_gone; /* the provider reports that it ended without an order */
    bool off;       /* rebooting */
    struct cloud_instance *next;
} cloud_instance;

static struct {
    cloud_instance *all, **last;
    uint64_t seed;
    dice luck, latency;
    int64_t full_until_us, forgetful_until_us;
    struct sim_provider *providers;
} cloud;

/* One for each scaler process. */
typedef struct report {
    enum { SAYS_FOUND, SAYS_FAILED, SAYS_GONE } what;
    char id[OB_INSTANCE_TEXT];
    struct report *next;
} report;

typedef struct sim_provider {
    provider base;
    process *owner;
    report *reports, **last;
    struct sim_provider *next;
} sim_provider;

void sim_cloud_open(uint64_t seed)
{
    memset(&cloud, 0, sizeof(cloud));
    cloud.last = &cloud.all;
    cloud.seed = seed;
    cloud.luck = dice_new(seed, "cloud luck");
    cloud.latency = dice_new(seed, "cloud latency");
}

static cloud_instance *find(const char *id)
{
    for (cloud_instance *i = cloud.all; i; i = i->next)
        if (strcmp(i->start.id, id) == 0)
            return i;
    return NULL;
}

static void say(sim_provider *p, int what, const char *id)
{
    report *r = ob_calloc(1, sizeof(*r));
    r->what = what;
    (void)snprintf(r->id, sizeof(r->id), "%s", id);
    *p->last = r;
    p->last = &r->next;
}

static void say_all(int what, const char *id)
{
    for (sim_provider *p = cloud.providers; p; p = p->next)
        if (!p->owner->dead)
            say(p, what, id);
}

/* ---- Executors ---- */

static void start_executor(void *arg);

static void on_executor_gone(process *p, bool killed)
{
    cloud_instance *i = ((executor_start *)p->arg)->instance;
    sim_end_process(p);
    trace_step("executor ends", (uint64_t)p->number, killed, "the executor of %s ends",
               i->start.id);
    if (i->state == CLOUD_RUNS && i->executor == p && !i->off)
        world_after(RESTART_US, start_executor, i);
}

static void start_executor(void *arg)
{
    cloud_instance *i = arg;
    char name[56];
    if (i->state != CLOUD_RUNS || i->off || (i->executor && !i->executor->dead))
        return;
    (void)snprintf(name, sizeof(name), "executor %s", i->start.id);
    i->executor = world_spawn(name, &i->at, sim_executor, &i->start);
    i->executor->gone = on_executor_gone;
}

static void on_boot(void *arg)
{
    cloud_instance *i = arg;
    if (i->state != CLOUD_COMES)
        return;
    i->state = CLOUD_RUNS;
    i->at.boot_us = world_now_us() - dice_between(&cloud.latency, 1, 3600) * SECOND_US;
    i->at.boot++;
    trace_step("boots", (uint64_t)i->mcpu, 0, "instance %s boots", i->start.id);
    start_executor(i);
}

/* ---- Ends ---- */

static void end_now(cloud_instance *i, bool order)
{
    if (i->state == CLOUD_GONE)
        return;
    bool ran = i->state != CLOUD_COMES;
    i->state = CLOUD_GONE;
    trace_step("gone", (uint64_t)i->mcpu, order, "instance %s is gone%s", i->start.id,
               order ? " by order" : "");
    if (i->executor)
        world_kill(i->executor);
    if (ran)
        oracle_host_gone(i->start.id, order);
    sim_engine_close(i->start.engine);
}

static void on_ended(void *arg)
{
    end_now(arg, true);
}

/* ---- Faults ---- */

cloud_instance *sim_cloud_pick(uint64_t n)
{
    size_t running = 0;
    for (cloud_instance *i = cloud.all; i; i = i->next)
        running += i->state == CLOUD_RUNS;
    if (running == 0)
        return NULL;
    size_t nth = n % running;
    for (cloud_instance *i = cloud.all; i; i = i->next)
        if (i->state == CLOUD_RUNS && nth-- == 0)
            return i;
    return NULL;
}

static void power_on(void *arg)
{
    cloud_instance *i = arg;
    i->off = false;
    start_executor(i);
}

static void reboot(cloud_instance *i, int64_t for_us)
{
    i->off = true;
    if (i->executor)
        world_kill(i->executor);
    sim_engine_end_host(i->start.engine);
    sim_disk_power_off(i->start.disk);
    i->at.boot++;
    i->at.boot_us = world_now_us() - SECOND_US;
    world_after(for_us, power_on, i);
}

void sim_cloud_mischief(cloud_mischief what, uint64_t which, int64_t for_us)
{
    static const char *const words[] = { "vanishes", "reboots", "gets a notice", "is cut",
                                         "has its executor killed" };
    cloud_instance *i = sim_cloud_pick(which);
    if (what == CLOUD_FULL)
        cloud.full_until_us = world_now_us() + for_us;
    if (what == CLOUD_FORGETFUL)
        cloud.forgetful_until_us = world_now_us() + for_us;
    if (what >= CLOUD_FULL) {
        trace_step("cloud", what, 0, "the cloud %s",
                   what == CLOUD_FULL ? "is full" : "loses its answers");
        return;
    }
    if (!i)
        return;
    trace_step("instance", what, (uint64_t)for_us, "instance %s %s", i->start.id, words[what]);
    switch (what) {
    case CLOUD_VANISHES:
        end_now(i, false);
        if (for_us % 2 == 0)
            say_all(SAYS_GONE, i->start.id);
        break;
    case CLOUD_REBOOTS:
        reboot(i, for_us);
        break;
    case CLOUD_NOTICE:
        if (i->executor)
            sim_executor_notice(i->executor);
        break;
    case CLOUD_CUT:
        if (i->executor)
            world_freeze(i->executor, for_us);
        break;
    case CLOUD_KILLS:
        if (i->executor)
            world_kill(i->executor);
        break;
    case CLOUD_FULL:
    case CLOUD_FORGETFUL:
    case CLOUD_MISCHIEF_COUNT:
        break;
    }
}

void sim_cloud_engine_mischief(engine_mischief what, uint64_t which, int64_t for_us)
{
    cloud_instance *i = sim_cloud_pick(which);
    if (i)
        sim_engine_mischief(i->start.engine, what, which / 7, for_us);
}

size_t sim_cloud_hosts(void)
{
    size_t n = 0;
    for (cloud_instance *i = cloud.all; i; i = i->next)
        n += i->state != CLOUD_GONE;
    return n;
}

size_t sim_cloud_containers(void)
{
    size_t n = 0;
    for (cloud_instance *i = cloud.all; i; i = i->next)
        if (i->state != CLOUD_GONE)
            n += sim_engine_containers(i->start.engine);
    return n;
}

/* ---- The provider ---- */

static void make(const provider_launch_spec *spec)
{
    cloud_instance *i = find(spec->id);
    if (!i) {
        i = ob_calloc(1, sizeof(*i));
        *cloud.last = i;
        cloud.last = &i->next;
    }
    i->start = (executor_start){ .instance = i, .disk = sim_disk_new() };
    (void)snprintf(i->start.id, sizeof(i->start.id), "%s", spec->id);
    (void)snprintf(i->start.token, sizeof(i->start.token), "%s", spec->token);
    (void)snprintf(i->start.ce, sizeof(i->start.ce), "%s", spec->ce_name);
    (void)snprintf(i->at.name, sizeof(i->at.name), "%s", spec->id);
    i->start.engine = sim_engine_new(&i->at, cloud.seed);
    i->state = CLOUD_COMES;
    i->mcpu = spec->size.mcpu;
    i->mem_mib = spec->size.mem_mib;
    trace_step("launched", (uint64_t)i->mcpu, 0, "instance %s is launched", spec->id);
    world_after(dice_between(&cloud.latency, 200, 2500) * MS_US, on_boot, i);
}

static int cloud_launch(provider *p, const provider_launch_spec *spec, ob_error *err)
{
    cloud_instance *i = find(spec->id);
    sim_step("provider.launch");
    if (i && i->state < CLOUD_ENDS)
        return 0;
    if (!spec->token)
        return ob_fail(err, EAGAIN, "there is no token for %s", spec->id);
    if (world_now_us() < cloud.full_until_us)
        return ob_fail(err, ENOSPC, "InsufficientInstanceCapacity: there is none now");
    bool forgets = world_now_us() < cloud.forgetful_until_us;
    if (forgets && dice_in(&cloud.luck, 3)) { /* accepted, but it will fail */
        say((sim_provider *)p, SAYS_FAILED, spec->id);
        return 0;
    }
    make(spec);
    say((sim_provider *)p, SAYS_FOUND, spec->id);
    sim_step("provider.launched");
    return forgets && dice_in(&cloud.luck, 2) ? ob_fail(err, EIO, "the answer was lost") : 0;
}

static void cloud_terminate(provider *p, const char *id, bool graceful)
{
    (void)p;
    cloud_instance *i = find(id);
    sim_step("provider.terminate");
    if (!i || i->state >= CLOUD_ENDS)
        return;
    oracle_terminated(id);
    i->state = CLOUD_ENDS;
    if (i->executor && graceful)
        world_stop(i->executor);
    world_after(graceful ? dice_between(&cloud.latency, 100, 3000) * MS_US : 100 * MS_US, on_ended,
                i);
}

static int cloud_interrupt(provider *p, const char *id, ob_error *err)
{
    (void)p;
    cloud_instance *i = find(id);
    if (!i || i->state != CLOUD_RUNS)
        return ob_fail(err, ENOENT, "there is no instance %s", id);
    if (i->executor)
        sim_executor_notice(i->executor);
    return 0;
}

static int cloud_has(provider *p, const char *id)
{
    (void)p;
    const cloud_instance *i = find(id);
    return i && i->state < CLOUD_ENDS;
}

static void cloud_list(provider *p)
{
    for (const cloud_instance *i = cloud.all; i; i = i->next)
        if (i->state < CLOUD_ENDS)
            say((sim_provider *)p, SAYS_FOUND, i->start.id);
}

static bool cloud_tick(provider *base)
{
    sim_provider *p = (sim_provider *)base;
    while (p->reports) {
        report *r = p->reports;
        p->reports = r->next;
        if (!p->reports)
            p->last = &p->reports;
        const cloud_instance *i = find(r->id);
        if (r->what == SAYS_FOUND && i && i->state < CLOUD_ENDS)
            base->on.found(r->id, base->on.arg);
        else if (r->what == SAYS_FAILED)
            base->on.failed(r->id, -ENOSPC, "InsufficientInstanceCapacity: it came too late",
                            base->on.arg);
        else if (r->what == SAYS_GONE)
            base->on.gone(r->id, "the provider ended it", base->on.arg);
        free(r);
    }
    return false;
}

static bool cloud_busy(const provider *p)
{
    (void)p;
    return false;
}

static void cloud_room(provider *p, provider_room *ret)
{
    (void)p;
    *ret = (provider_room){ .limited = false };
}

static const char *cloud_refuses(provider *p, ob_arch arch)
{
    (void)p;
    return arch == OB_ARCH_ARM64 ? "this cloud is x86_64" : NULL;
}

static void
cloud_lacking(provider *p, const char *type, const ob_resources *nominal, char *out, size_t size)
{
    (void)p, (void)nominal;
    ob_text_format(out, size, "InsufficientInstanceCapacity: there is no %s now", type);
}

static void cloud_free(provider *p)
{
    (void)p; /* the world has it in its list */
}

static const provider_ops cloud_ops = {
    .launch = cloud_launch,
    .terminate = cloud_terminate,
    .interrupt = cloud_interrupt,
    .has = cloud_has,
    .list = cloud_list,
    .tick = cloud_tick,
    .busy = cloud_busy,
    .room = cloud_room,
    .refuses = cloud_refuses,
    .lacking = cloud_lacking,
    .name = "the simulated cloud",
    .register_ms = 20000,
    .free = cloud_free,
};

provider *sim_provider_new(void)
{
    sim_provider *p = ob_calloc(1, sizeof(*p));
    p->base.ops = &cloud_ops;
    p->owner = world_process();
    p->last = &p->reports;
    p->next = cloud.providers;
    cloud.providers = p;
    return &p->base;
}
