/* Draws and applies faults. Owns those that are armed: they strike at a durable step, or at the
 * next commit of somebody. One thread. */
#include "faults.h"

#include <stdio.h>
#include <string.h>

#include "ob/error.h"
#include "ob/rows.h"
#include "oracle.h"

#define TROUBLE_US (10 * SECOND_US) /* a crash, a broken connection */

typedef enum fault_kind {
    F_KAFKA_LOSES,
    F_KAFKA_TWICE,
    F_KAFKA_DELAYS,
    F_KAFKA_AWAY,
    F_KAFKA_WIPED,
    F_KAFKA_AGAIN, /* what was read is read again */
    F_REDIS_FLUSHED,
    F_REDIS_AWAY,
    F_PG_BROKEN,  /* a connection breaks before a commit */
    F_PG_UNKNOWN, /* after it: its outcome is not known */
    F_PG_DEADLOCK,
    F_PG_ENDED, /* an administrator ends a session */
    F_PG_AWAY,
    F_DEPOSED, /* as if another process had led for a moment */
    F_CRASH,   /* at a durable step */
    F_KILL,    /* at any moment */
    F_FROZEN,
    F_CLOCK,
    F_INSTANCE,                                   /* + cloud_mischief */
    F_ENGINE = F_INSTANCE + CLOUD_MISCHIEF_COUNT, /* + engine_mischief */
    F_COUNT = F_ENGINE + ENGINE_MISCHIEF_COUNT,
} fault_kind;

const char *const fault_names[] = {
    "kafka-loses",
    "kafka-twice",
    "kafka-delays",
    "kafka-away",
    "kafka-wiped",
    "kafka-again",
    "redis-flushed",
    "redis-away",
    "pg-broken",
    "pg-unknown",
    "pg-deadlock",
    "pg-ended",
    "pg-away",
    "deposed",
    "crash",
    "kill",
    "frozen",
    "clock",
    "instance-vanishes",
    "instance-reboots",
    "notice",
    "executor-frozen",
    "executor-killed",
    "cloud-full",
    "cloud-forgetful",
    "engine-restarted",
    "engine-killed",
    "engine-hung",
    "engine-loses",
    "engine-deaf",
    "engine-kills",
    "engine-sick",
    NULL,
};

static struct {
    fault armed[FAULTS_MAX]; /* n: steps until it strikes */
    size_t n;
    bool over;
    const fault *list;
} now;

size_t faults_draw(uint64_t seed, uint64_t kinds, int64_t until_us, fault out[FAULTS_MAX])
{
    dice d = dice_new(seed, "faults");
    size_t drawn = (size_t)dice_between(&d, 0, 14), n = 0;
    if (dice_in(&d, 4)) /* many of a kind meet */
        drawn *= 3;
    for (size_t i = 0; i < drawn && i < FAULTS_MAX; i++) {
        fault f = { .kind = (int)dice_below(&d, F_COUNT),
                    .at_us = dice_between(&d, 500 * MS_US, until_us),
                    .which = dice_next(&d),
                    .for_us = dice_between(&d, 100, 4000) * MS_US,
                    .n = (int)dice_between(&d, 1, 30) };
        if (dice_in(&d, 5))
            f.for_us *= 5;
        if (kinds >> f.kind & 1)
            out[n++] = f;
    }
    return n;
}

bool fault_hurts_jobs(const fault *f)
{
    if (f->kind == F_ENGINE + ENGINE_SICK)
        return false; /* what does not start is given back */
    return f->kind >= F_INSTANCE || f->kind == F_FROZEN || f->kind == F_CRASH;
}

static bool of_role(const fault *f, const process *p)
{
    static const char *const roles[] = { "scheduler", "scaler", "executor", "api" };
    const char *role = roles[f->which % ARRAY_SIZE(roles)];
    return strncmp(p->name, role, strlen(role)) == 0;
}

static void disarm(size_t i)
{
    memmove(&now.armed[i], &now.armed[i + 1], (--now.n - i) * sizeof(*now.armed));
}

void sim_step(const char *what)
{
    process *p = world_process();
    trace_step(what, p ? (uint64_t)p->number : 0, 0, "durable step: %s", what);
    for (size_t i = 0; p && i < now.n; i++) {
        fault *f = &now.armed[i];
        if (f->kind != F_CRASH || !of_role(f, p) || --f->n > 0)
            continue;
        disarm(i);
        oracle_trouble(TROUBLE_US);
        trace_step("crash", (uint64_t)p->number, 0, "crash of %s at %s", p->name, what);
        world_kill(p);
    }
}

void faults_pass_point(ob_point point, ob_point_side side)
{
    static char *texts[OB_POINTS_END][2];
    if (point == OB_POINT_NONE)
        return;
    char **text = &texts[point][side == OB_POINT_AFTER];
    if (!*text)
        *text = ob_strf("%s %s", side == OB_POINT_AFTER ? "after" : "before", ob_point_name(point));
    sim_step(*text);
}

static bool of_application(const fault *f, const char *application)
{
    static const char *const applications[] = { "openbatch-scheduler", "openbatch-scaler",
                                                "openbatch-api logs" };
    return strcmp(application, applications[f->which % ARRAY_SIZE(applications)]) == 0;
}

sim_pg_fault faults_of_pg(const sim_pg_call *call, void *arg)
{
    (void)arg;
    if (call->commits && call->moment == SIM_PG_COMMIT)
        sim_step("before a commit");
    if (call->commits && call->moment == SIM_PG_ANSWER)
        sim_step("committed, not answered");
    for (size_t i = 0; i < now.n; i++) {
        fault *f = &now.armed[i];
        sim_pg_fault with = f->kind == F_PG_BROKEN     ? SIM_PG_BROKEN
                            : f->kind == F_PG_UNKNOWN  ? SIM_PG_BROKEN
                            : f->kind == F_PG_DEADLOCK ? SIM_PG_DEADLOCK
                            : f->kind == F_PG_ENDED    ? SIM_PG_ENDED
                                                       : SIM_PG_FINE;
        sim_pg_moment at = f->kind == F_PG_UNKNOWN ? SIM_PG_ANSWER
                           : f->kind == F_PG_ENDED ? SIM_PG_SEND
                                                   : SIM_PG_COMMIT;
        if (with == SIM_PG_FINE || call->moment != at || !of_application(f, call->application) ||
            (!call->commits && f->kind != F_PG_ENDED) || --f->n > 0)
            continue;
        oracle_trouble(TROUBLE_US);
        trace_step("pg", with, at, "PostgreSQL: %s of %s", fault_names[f->kind], call->application);
        if (f->kind == F_PG_UNKNOWN && f->which / 4 % 2)
            with = SIM_PG_TIMEOUT;
        disarm(i);
        return with;
    }
    return SIM_PG_FINE;
}

static void pg_is_back(void *arg)
{
    (void)arg;
    trace_step("pg back", 0, 0, "PostgreSQL is back");
    sim_pg_away(false);
}

static void strike(void *arg)
{
    const fault *f = arg;
    process *service = history_service(f->which);
    host *h = history_host(f->which);
    if (now.over)
        return;
    trace_step("fault", (uint64_t)f->kind, f->which, "FAULT %zu: %s", (size_t)(f - now.list),
               fault_names[f->kind]);
    if (f->kind == F_ENGINE + ENGINE_SICK) {
        sim_cloud_engine_mischief(ENGINE_SICK, f->which, f->for_us * 5);
        return;
    }
    oracle_trouble(f->for_us * 4);
    if (f->kind >= F_ENGINE) {
        sim_cloud_engine_mischief((engine_mischief)(f->kind - F_ENGINE), f->which, f->for_us);
        return;
    }
    if (f->kind >= F_INSTANCE) {
        sim_cloud_mischief((cloud_mischief)(f->kind - F_INSTANCE), f->which,
                           f->kind - F_INSTANCE == CLOUD_CUT ? f->for_us * 4 : f->for_us);
        return;
    }
    switch ((fault_kind)f->kind) {
    case F_KAFKA_LOSES:
    case F_KAFKA_TWICE:
    case F_KAFKA_DELAYS:
        sim_kafka_mischief((bus_mischief)(f->kind - F_KAFKA_LOSES), 1 + f->n / 4, f->for_us);
        break;
    case F_KAFKA_AWAY:
        sim_kafka_away(f->for_us);
        break;
    case F_KAFKA_WIPED:
        sim_kafka_wipe();
        break;
    case F_KAFKA_AGAIN:
        sim_kafka_again(f->which, f->n * 10);
        break;
    case F_REDIS_FLUSHED:
        sim_cache_flush();
        break;
    case F_REDIS_AWAY:
        sim_cache_away(f->for_us);
        break;
    case F_PG_AWAY:
        sim_pg_away(true);
        world_after(f->for_us, pg_is_back, NULL);
        break;
    case F_DEPOSED:
        sim_pg_raise_epoch(f->which % 2 ? "scheduler" : "scaler");
        break;
    case F_PG_BROKEN:
    case F_PG_UNKNOWN:
    case F_PG_DEADLOCK:
    case F_PG_ENDED:
    case F_CRASH:
        now.armed[now.n++] = *f;
        break;
    case F_KILL:
        if (service)
            world_kill(service);
        break;
    case F_FROZEN:
        if (service)
            world_freeze(service, f->for_us);
        break;
    case F_CLOCK:
        h->ahead_us += (f->for_us - 2000 * MS_US) * (f->n - 10);
        break;
    case F_INSTANCE:
    case F_ENGINE:
    case F_COUNT:
        break;
    }
}

void faults_plan(const fault *list, size_t n, uint64_t mask)
{
    now.list = list;
    now.n = 0;
    now.over = false;
    for (size_t i = 0; i < n; i++)
        if (mask >> i & 1) {
            world_at(list[i].at_us, strike, (void *)&list[i]);
            if (fault_hurts_jobs(&list[i]))
                oracle_excuses();
        }
}

void faults_end(void)
{
    now.over = true;
    now.n = 0;
    for (int i = 0; i < BUS_MISCHIEF_COUNT; i++)
        sim_kafka_mischief((bus_mischief)i, 1, 0);
    trace_step("peace", 0, 0, "the faults are over");
}
