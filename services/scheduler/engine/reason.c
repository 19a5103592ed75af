/* Texts for people about why a class waits. AWS's own texts (AWS Batch user guide, "Jobs stuck in a
 * RUNNABLE status") are used only for conditions that last, because programs give up a job when
 * they see them. A text is made when something that it depends on has changed, and published if it
 * differs; details that change with every job (numbers, whose turn it is) are published at most
 * once in SOFT_MS. */
#include "reason.h"

#include <stdarg.h>
#include <stdio.h>

#include "arena.h"
#include "ce.h"
#include "fit.h"
#include "slots.h"

#define SOFT_MS 1000

typedef enum why {
    WHY_UNKNOWN,
    WHY_TOO_LARGE,   /* no shape can hold it */
    WHY_ABOVE_MAX,   /* more than maxvCpus, or unmanagedvCpus */
    WHY_UNSUPPORTED, /* nothing can be launched at all */
    WHY_INVALID,
    WHY_DISABLED,
    WHY_NO_INSTANCE, /* unmanaged: none has joined, */
    WHY_TOO_SMALL,   /* or none that is large enough */
    WHY_KEEPING,
    WHY_STARTING,
    WHY_UNWELL,
    WHY_HELD,
    WHY_KEPT,
    WHY_AT_MAX,
    WHY_SHORTAGE,
    WHY_NONE_YET,
    WHY_FULL,
} why;
#define NEVER (1u << WHY_TOO_LARGE | 1u << WHY_ABOVE_MAX)

/* The resources of a need that no instance has free. */
#define MISSING_CPU 1
#define MISSING_MEM 2
#define MISSING_GPU 4

typedef struct view {
    size_t n;
    why why[ENGINE_MAX_CES];
    unsigned missing[ENGINE_MAX_CES];
    const instance
        *held[ENGINE_MAX_CES]; /* UNWELL, HELD: the first one with enough free capacity */
    bool starting;             /* an instance for its first job is on its way */
    int32_t ahead;             /* at least so many */
    bool turn;                 /* another share goes first */
} view;

/* Codes of AWS: the condition for each, how long it must last, and for which jobs. */
typedef enum cond {
    COND_NONE,
    COND_MAX_RESOURCE,
    COND_REQUIREMENT,
    COND_UNSUPPORTED,
    COND_INVALID,
    COND_CAPACITY,
    COND_UNDETERMINED,
} cond;
static const struct {
    const char *code, *text;
    int64_t lasts_ms;
    bool head; /* only for the job at the head of the queue */
} conds[] = {
    [COND_MAX_RESOURCE] = { "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
                            "CE(s) associated with the job queue cannot meet the CPU requirement "
                            "of the job.",
                            ENGINE_LASTS_MISFIT_MS, false },
    [COND_REQUIREMENT] = { "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
                           "The job resource requirement (vCPU/memory/GPU) is higher than that can "
                           "be met by the CE(s) attached to the job queue.",
                           ENGINE_LASTS_MISFIT_MS, false },
    [COND_UNSUPPORTED] = { "MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED",
                           "Your compute environment associated with this job queue has an "
                           "unsupported instance type configuration.",
                           ENGINE_LASTS_BLOCKED_MS, true },
    [COND_INVALID] = { "ACTION_REQUIRED", "CE(s) associated with the job queue are invalid.",
                       ENGINE_LASTS_BLOCKED_MS, true },
    [COND_CAPACITY] = { "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
                        "Service cannot fulfill the capacity requested for instance type",
                        ENGINE_LASTS_BLOCKED_MS, true },
    [COND_UNDETERMINED] = { "UNDETERMINED", "Batch job is blocked, root cause is undetermined.",
                            ENGINE_LASTS_UNKNOWN_MS, true },
};

typedef struct line {
    char text[2048];
    size_t used;
} line;

__attribute__((format(printf, 2, 3))) static void say(line *l, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(l->text + l->used, sizeof(l->text) - l->used, fmt, args);
    va_end(args);
    l->used += n > 0 ? (size_t)n : 0;
    if (l->used >= sizeof(l->text))
        l->used = sizeof(l->text) - 1;
}

static void say_resources(line *l, const ob_resources *r)
{
    say(l, "%g %s", r->mcpu / 1000.0, r->mcpu == 1000 ? "vCPU" : "vCPUs");
    say(l, r->gpus ? ", " : " and ");
    say(l, "%d MiB", r->mem_mib);
    if (r->gpus)
        say(l, " and %d %s", r->gpus, r->gpus == 1 ? "GPU" : "GPUs");
}

/* ---- Looking ---- */

static bool any_active(const ce *c)
{
    if (c->n_slots > 0)
        return true;
    for (const instance *i = c->instances; i; i = i->inext)
        if (i->known && !i->lost && i->state == OB_INSTANCE_ACTIVE)
            return true;
    return false;
}

static bool has_kept(const engine *e, const ce *c, const queue *q)
{
    for (size_t k = 0; k < e->n_kept; k++)
        if (e->kept[k]->ce == c && e->kept[k]->kept_for == q)
            return true;
    return c->headroom_for == q;
}

/* Would it be served there if nothing were kept for another job? */
static bool kept_from(const engine *e, const class *cls, const ce *c)
{
    for (size_t k = 0; k < e->n_kept; k++) {
        ob_resources room = instance_room(e->kept[k]);
        if (e->kept[k]->ce == c && ce_fits(c, &cls->need, &room))
            return true;
    }
    return c->headroom_for && c->headroom_mcpu >= cls->need.mcpu;
}

/* The first instance that would take it if it were not held. */
static const instance *held(const class *cls, const ce *c)
{
    for (size_t k = 0; k < c->n_held; k++)
        if (ce_fits(c, &cls->need, &c->held[k].room))
            return c->held[k].on;
    return NULL;
}

static why look(const engine *e, const class *cls, size_t i)
{
    const ce *c = cls->queue->ces[i];
    if (!c->known)
        return WHY_UNKNOWN;
    if (!c->valid)
        return WHY_INVALID;
    if (ce_need_exceeds_max(c, &cls->need))
        return WHY_ABOVE_MAX;
    if (c->n_shapes > 0 && !cls->fit[i].there)
        return WHY_TOO_LARGE;
    if (!c->enabled)
        return WHY_DISABLED;
    if (c->unmanaged && !cls->fit[i].there)
        return any_active(c) ? WHY_TOO_SMALL : WHY_NO_INSTANCE;
    if (cls->queue->keeper == cls && has_kept(e, c, cls->queue))
        return WHY_KEEPING;
    if (!ce_may_use(c, cls->need.mcpu))
        return WHY_AT_MAX;
    /* The result of demand. If the rest of the class gets nothing, that is the reason for most of
     * it. */
    if (cls->starting & 1u << i && !(cls->beyond && cls->fit[i].shortage))
        return WHY_STARTING;
    if (held(cls, c))
        return held(cls, c)->hold.unwell ? WHY_UNWELL : WHY_HELD;
    if (kept_from(e, cls, c))
        return WHY_KEPT;
    if (cls->fit[i].launch && !ce_may_launch(c, cls->fit[i].least_mcpu))
        return WHY_AT_MAX;
    if (cls->fit[i].shortage)
        return WHY_SHORTAGE;
    if (any_active(c))
        return WHY_FULL;
    return c->n_shapes == 0 && !c->unmanaged ? WHY_UNSUPPORTED : WHY_NONE_YET;
}

static unsigned missing(const engine *e, const class *cls, ce *c)
{
    if (c->free_round != e->rounds) {
        c->free_round = e->rounds;
        c->free = (ob_resources){ 0 };
        for (size_t i = 0; i < c->n_slots; i++) {
            const ob_resources *room = &c->slots[i].room;
            c->free.mcpu = room->mcpu > c->free.mcpu ? room->mcpu : c->free.mcpu;
            c->free.mem_mib = room->mem_mib > c->free.mem_mib ? room->mem_mib : c->free.mem_mib;
            c->free.gpus = room->gpus > c->free.gpus ? room->gpus : c->free.gpus;
        }
    }
    return (cls->need.mcpu > c->free.mcpu ? MISSING_CPU : 0u) |
           (cls->need.mem_mib > c->free.mem_mib ? MISSING_MEM : 0u) |
           (cls->need.gpus > c->free.gpus ? MISSING_GPU : 0u);
}

/* Rounded down, so that it is true for all jobs of the class and does not change with each. */
static int32_t at_least(int32_t ahead)
{
    static const int32_t steps[] = { 100, 50, 20, 10, 5, 4, 3, 2, 1 };
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
        if (ahead >= steps[i])
            return steps[i];
    return 0;
}

static void see(engine *e, class *cls, view *v)
{
    const queue *q = cls->queue;
    fit_update(e, cls);
    v->n = q->n_ces;
    for (size_t i = 0; i < q->n_ces; i++) {
        v->why[i] = look(e, cls, i);
        v->missing[i] = v->why[i] == WHY_FULL ? missing(e, cls, q->ces[i]) : 0;
        v->held[i] = v->why[i] == WHY_UNWELL || v->why[i] == WHY_HELD ? held(cls, q->ces[i]) : NULL;
    }
    v->starting = cls->starting != 0;
    v->ahead = at_least(cls->ahead);
    v->turn = q->policy.fair && v->ahead > 0 && q->head.cls && q->head.cls->share != cls->share;
}

/* ---- Codes ---- */

static cond cond_of(const view *v)
{
    unsigned all = 0;
    for (size_t i = 0; i < v->n; i++)
        all |= 1u << v->why[i];
    if (v->n == 0 || v->starting)
        return COND_NONE;
    if (all == 1u << WHY_ABOVE_MAX)
        return COND_MAX_RESOURCE;
    if (!(all & ~NEVER))
        return COND_REQUIREMENT;
    unsigned dead = NEVER | 1u << WHY_UNSUPPORTED;
    if (!(all & ~dead))
        return COND_UNSUPPORTED;
    dead |= 1u << WHY_INVALID;
    if (!(all & ~dead))
        return COND_INVALID;
    dead |= 1u << WHY_SHORTAGE | 1u << WHY_DISABLED;
    if (!(all & ~dead) && all & 1u << WHY_SHORTAGE)
        return COND_CAPACITY;
    dead |= 1u << WHY_NONE_YET;
    return !(all & ~dead) && all & 1u << WHY_NONE_YET ? COND_UNDETERMINED : COND_NONE;
}

static bool says(const char *reason, cond c)
{
    size_t n = c ? strlen(conds[c].code) : 0;
    return c && reason && strncmp(reason, conds[c].code, n) == 0 && reason[n] == ' ';
}

/* The code for the class, if its condition has lasted long enough. */
static cond earned(engine *e, class *cls, const view *v)
{
    cond now = cond_of(v);
    if (cls->cond != (int)now) {
        /* Another leader stored it, so the condition had lasted by then. */
        bool loaded = cls->cond == COND_NONE && says(cls->reason, now);
        cls->cond_since_ms = loaded ? INT64_MIN / 2 : e->now_ms;
        cls->cond = (int)now;
    }
    if (now == COND_NONE || (conds[now].head && cls->queue->head.cls != cls))
        return COND_NONE;
    if (cls->cond_since_ms > e->now_ms) /* a clock set back */
        cls->cond_since_ms = e->now_ms;
    int64_t since = cls->cond_since_ms, head_since = cls->queue->head.since_ms;
    if (conds[now].head && since < head_since && !says(cls->reason, now))
        since = head_since;
    if (e->now_ms - since >= conds[now].lasts_ms)
        return now;
    round_due_at(e, since + conds[now].lasts_ms);
    return COND_NONE;
}

/* ---- Words ---- */

/* The closest shape: the one with most of the missing resource. */
static const ob_resources *largest(const class *cls)
{
    const queue *q = cls->queue;
    ob_resources top = { 0 };
    for (size_t i = 0; i < q->n_ces; i++)
        for (size_t s = 0; s < q->ces[i]->n_shapes; s++) {
            const ob_resources *shape = &q->ces[i]->shapes[s];
            top.mcpu = shape->mcpu > top.mcpu ? shape->mcpu : top.mcpu;
            top.mem_mib = shape->mem_mib > top.mem_mib ? shape->mem_mib : top.mem_mib;
        }
    bool cpu = cls->need.mcpu > top.mcpu, mem = cls->need.mem_mib > top.mem_mib;
    const ob_resources *best = NULL;
    for (size_t i = 0; i < q->n_ces; i++)
        for (size_t s = 0; s < q->ces[i]->n_shapes; s++) {
            const ob_resources *x = &q->ces[i]->shapes[s];
            bool more = !best;
            if (best && cls->need.gpus > 0 && x->gpus != best->gpus)
                more = x->gpus > best->gpus;
            else if (best && mem && !cpu)
                more = x->mem_mib > best->mem_mib;
            else if (best)
                more = x->mcpu != best->mcpu ? x->mcpu > best->mcpu : x->mem_mib > best->mem_mib;
            if (more)
                best = x;
        }
    return best;
}

static void say_missing(line *l, unsigned what)
{
    static const char *const words[] = { "vCPUs", "memory", "GPUs" };
    bool any = false;
    for (unsigned i = 0; i < 3; i++) {
        if (what & 1u << i)
            say(l, "%s%s", any ? " and " : "not enough free ", words[i]);
        any = any || what & 1u << i;
    }
    if (!any)
        say(l, "free resources, but no single one has enough");
}

static void say_held(line *l, const char *name, const struct hold *h, const char *id)
{
    if (h->unwell)
        say(l,
            "the container engine of instance %s of compute environment \"%s\" does not work (%s)",
            id, name, h->unwell);
    else if (h->failures)
        say(l,
            "jobs fail to start on instance %s of compute environment \"%s\" (%s); it will be "
            "tried again soon",
            id, name, h->failure);
    else
        say(l,
            "an instance of compute environment \"%s\" refused a job and will be tried again soon",
            name);
}

static void say_ce(line *l, const class *cls, size_t i, const view *v)
{
    why w = v->why[i];
    const ce *c = cls->queue->ces[i];
    const char *name = c->name ? c->name : "?";
    switch (w) {
    case WHY_UNKNOWN:
        say(l, "a compute environment of the job queue is not known yet");
        break;
    case WHY_TOO_LARGE:
        say(l,
            c->exact ? "compute environment \"%s\" has no matching Fargate task size"
                     : "compute environment \"%s\" has no instance type that is large enough",
            name);
        break;
    case WHY_ABOVE_MAX:
        say(l, "compute environment \"%s\" is limited to %d vCPUs", name, c->max_vcpus);
        break;
    case WHY_UNSUPPORTED:
        say(l, "compute environment \"%s\" has no instance type that can be launched", name);
        break;
    case WHY_INVALID:
        say(l, "compute environment \"%s\" is not VALID", name);
        break;
    case WHY_DISABLED:
        say(l, "compute environment \"%s\" is DISABLED", name);
        break;
    case WHY_NO_INSTANCE:
        say(l, "no instance has joined the unmanaged compute environment \"%s\"", name);
        break;
    case WHY_TOO_SMALL:
        say(l, "no instance of the unmanaged compute environment \"%s\" is large enough", name);
        break;
    case WHY_KEEPING:
        say(l,
            "compute environment \"%s\" keeps its free capacity for this job until there is enough",
            name);
        break;
    case WHY_STARTING:
        say(l, "an instance is starting in compute environment \"%s\"", name);
        break;
    case WHY_UNWELL:
    case WHY_HELD:
        say_held(l, name, &v->held[i]->hold, v->held[i]->id);
        break;
    case WHY_KEPT:
        say(l,
            "compute environment \"%s\" keeps its free capacity for a larger job that has been "
            "passed over",
            name);
        break;
    case WHY_AT_MAX:
        say(l, "compute environment \"%s\" is at its maximum of %d vCPUs", name, c->max_vcpus);
        break;
    case WHY_SHORTAGE:
        say(l, "compute environment \"%s\": %s", name, cls->fit[i].shortage);
        break;
    case WHY_NONE_YET:
        say(l, "compute environment \"%s\" has no instance yet", name);
        break;
    case WHY_FULL:
        say(l, "the instances of compute environment \"%s\" have ", name);
        say_missing(l, v->missing[i]);
        break;
    }
}

static const char *first_shortage(const class *cls)
{
    for (size_t i = 0; i < cls->queue->n_ces; i++)
        if (cls->fit[i].shortage)
            return cls->fit[i].shortage;
    return "";
}

static void write_code(const class *cls, cond c, line *l)
{
    const queue *q = cls->queue;
    const ob_resources *best = largest(cls);
    int32_t most = 0;
    say(l, "%s - %s", conds[c].code, conds[c].text);
    if (c == COND_CAPACITY)
        say(l, " [%s]", first_shortage(cls));
    if (c != COND_MAX_RESOURCE && c != COND_REQUIREMENT)
        return;
    for (size_t i = 0; i < q->n_ces; i++)
        most = q->ces[i]->max_vcpus > most ? q->ces[i]->max_vcpus : most;
    say(l, " Requested: ");
    say_resources(l, &cls->need);
    if (c == COND_MAX_RESOURCE) {
        say(l, "; largest maxvCpus: %d", most);
    } else if (best) {
        say(l, "; largest instance: ");
        say_resources(l, best);
    }
    say(l, ".");
}

static void write_waiting(const class *cls, const view *v, line *l)
{
    const queue *q = cls->queue;
    say(l, "Waiting for ");
    say_resources(l, &cls->need);
    if (v->ahead > 0)
        say(l, ", at least %d %s ahead", v->ahead, v->ahead == 1 ? "job" : "jobs");
    if (v->turn)
        say(l, ", shares with lower usage go before share \"%s\"", cls->share->name);
    say(l, ": ");
    if (cls->capped)
        say(l, "the remaining vCPUs are reserved for share identifiers that are not active yet");
    else if (q->keeper && q->keeper != cls && q->keeper->capped)
        say(l, "the next free vCPUs of the job queue are kept for a larger job that has been "
               "passed over");
    else if (v->n == 0)
        say(l, "the job queue has no compute environment");
    else
        for (size_t i = 0; i < v->n; i++) {
            say(l, "%s", i > 0 ? "; " : "");
            say_ce(l, cls, i, v);
        }
}

/* ---- Publishing ---- */

static void publish(engine *e, class *cls, const char *reason)
{
    set_text(&cls->reason, reason);
    cls->published_ms = e->now_ms;
    effect_reason *r = LIST_ADD(e->effects, reasons);
    r->queue_id = cls->queue->id;
    r->need = cls->need;
    r->share = arena_text(&e->effects->arena, cls->share->name);
    r->priority = cls->priority;
    r->reason = arena_text(&e->effects->arena, reason);
    r->since_ms = cls->code_since_ms;
}

static uint64_t mix(uint64_t sign, uint64_t more)
{
    return (sign ^ more) * 1099511628211u;
}

static void reason_of(engine *e, class *cls)
{
    view v;
    see(e, cls, &v);
    cond code = earned(e, cls, &v);
    const class *keeper = cls->queue->keeper;
    uint64_t hard = mix(mix(mix(0, e->topology), code), cls->capped), soft = 0;
    hard = mix(hard, keeper && keeper != cls && keeper->capped);
    for (size_t i = 0; i < v.n; i++) {
        hard = mix(hard, v.why[i]);
        if (v.held[i])
            hard = mix(mix(hard, v.held[i]->serial), v.held[i]->hold.changes);
        soft = mix(soft, v.missing[i]);
    }
    soft = mix(mix(soft, (uint64_t)v.ahead), v.turn);
    if (cls->reason && hard == cls->reason_sign) {
        if (soft == cls->soft_sign)
            return;
        if (e->now_ms >= cls->published_ms && e->now_ms - cls->published_ms < SOFT_MS) {
            round_due_at(e, cls->published_ms + SOFT_MS);
            return;
        }
    }
    cls->reason_sign = hard;
    cls->soft_sign = soft;
    if (!says(cls->reason, code))
        cls->code_since_ms = code ? e->now_ms : 0;
    line l = { .used = 0 };
    if (code)
        write_code(cls, code, &l);
    else
        write_waiting(cls, &v, &l);
    if (!cls->reason || strcmp(cls->reason, l.text) != 0)
        publish(e, cls, l.text);
}

static void forget(engine *e, class *cls)
{
    cls->cond = COND_NONE;
    cls->code_since_ms = cls->passed_ms = 0;
    if (cls->reason)
        publish(e, cls, NULL);
}

void reasons_update(engine *e)
{
    queue *q, *qtmp;
    HASH_ITER(hh, e->queues, q, qtmp)
    {
        class *cls, *tmp;
        HASH_ITER(hh, q->classes, cls, tmp)
        {
            if (cls->waiting && q->known && !q->deleting)
                reason_of(e, cls);
            else if (!cls->waiting)
                forget(e, cls);
        }
    }
}
