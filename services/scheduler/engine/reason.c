/* Why a class waits, for people. AWS's own texts only for what lasts: programs give a job up when
 * they see them. A text is made when something it depends on has changed, and told when it differs.
 */
#include "internal.h"

#include <stdarg.h>
#include <stdio.h>

typedef enum why {
    WHY_UNKNOWN,
    WHY_TOO_LARGE, /* no shape can hold it: lasts */
    WHY_ABOVE_MAX, /* more than maxvCpus: lasts */
    WHY_INVALID,
    WHY_DISABLED,
    WHY_STARTING,
    WHY_HELD,
    WHY_AT_MAX,
    WHY_LACKING,
    WHY_NONE_YET,
    WHY_FULL,
} why;

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

static why look(const class *cls, size_t i)
{
    const ce *c = cls->queue->ces[i];
    if (!c->known)
        return WHY_UNKNOWN;
    if (!c->valid)
        return WHY_INVALID;
    if (cls->need.mcpu > (int64_t)c->max_vcpus * 1000)
        return WHY_ABOVE_MAX;
    if (c->n_shapes > 0 && !cls->fit[i].there)
        return WHY_TOO_LARGE;
    if (!c->enabled)
        return WHY_DISABLED;
    for (size_t k = 0; k < c->n_launching; k++) /* as demand has just found them */
        if (ob_resources_fit(&cls->need, &c->launching[k]))
            return WHY_STARTING;
    for (size_t k = 0; k < c->n_held; k++)
        if (ob_resources_fit(&cls->need, &c->held[k]))
            return WHY_HELD;
    if (cls->fit[i].launch && !eng_below_max(c, cls->fit[i].least_mcpu))
        return WHY_AT_MAX;
    if (c->lacking)
        return WHY_LACKING;
    return c->n_slots == 0 ? WHY_NONE_YET : WHY_FULL;
}

/* The shape that comes closest: most of what is lacking. */
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

static void say_ce(line *l, const ce *c, why w)
{
    const char *name = c->name ? c->name : "?";
    switch (w) {
    case WHY_UNKNOWN:
        say(l, "a compute environment of the job queue is not known yet");
        break;
    case WHY_TOO_LARGE:
        say(l, "compute environment \"%s\" has no instance type that is large enough", name);
        break;
    case WHY_ABOVE_MAX:
        say(l, "compute environment \"%s\" is limited to %d vCPUs", name, c->max_vcpus);
        break;
    case WHY_INVALID:
        say(l, "compute environment \"%s\" is not VALID", name);
        break;
    case WHY_DISABLED:
        say(l, "compute environment \"%s\" is DISABLED", name);
        break;
    case WHY_STARTING:
        say(l, "an instance is starting in compute environment \"%s\"", name);
        break;
    case WHY_HELD:
        say(l, "an instance of compute environment \"%s\" refused a job and is tried again soon",
            name);
        break;
    case WHY_AT_MAX:
        say(l, "compute environment \"%s\" is at its maximum of %d vCPUs", name, c->max_vcpus);
        break;
    case WHY_LACKING:
        say(l, "compute environment \"%s\": %s", name, c->lacking);
        break;
    case WHY_NONE_YET:
        say(l, "compute environment \"%s\" has no instance yet", name);
        break;
    case WHY_FULL:
        say(l, "the instances of compute environment \"%s\" are full", name);
        break;
    }
}

static void write_reason(const class *cls, const why *w, line *l)
{
    const queue *q = cls->queue;
    size_t above = 0, never = 0;
    for (size_t i = 0; i < q->n_ces; i++) {
        above += w[i] == WHY_ABOVE_MAX;
        never += w[i] == WHY_ABOVE_MAX || w[i] == WHY_TOO_LARGE;
    }
    if (q->n_ces > 0 && above == q->n_ces) {
        int32_t most = 0;
        for (size_t i = 0; i < q->n_ces; i++)
            most = q->ces[i]->max_vcpus > most ? q->ces[i]->max_vcpus : most;
        say(l, "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) associated with the job "
               "queue cannot meet the CPU requirement of the job. Asked for: ");
        say_resources(l, &cls->need);
        say(l, "; largest maxvCpus: %d.", most);
        return;
    }
    if (q->n_ces > 0 && never == q->n_ces) {
        say(l, "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement "
               "(vCPU/memory/GPU) is higher than that can be met by the CE(s) attached to the job "
               "queue. Asked for: ");
        say_resources(l, &cls->need);
        const ob_resources *best = largest(cls);
        if (best) {
            say(l, "; largest instance: ");
            say_resources(l, best);
        }
        say(l, ".");
        return;
    }
    say(l, "Waiting for ");
    say_resources(l, &cls->need);
    say(l, ": ");
    if (q->n_ces == 0)
        say(l, "the job queue has no compute environment");
    for (size_t i = 0; i < q->n_ces; i++) {
        if (i > 0)
            say(l, "; ");
        say_ce(l, q->ces[i], w[i]);
    }
}

static void tell(engine *e, class *cls, const char *reason)
{
    eng_set(&cls->reason, reason);
    effect_reason *r = LIST_ADD(e->fx, reasons);
    r->queue_id = cls->queue->id;
    r->need = cls->need;
    r->share = eng_text(&e->fx->text, cls->share->name);
    r->priority = cls->priority;
    r->reason = eng_text(&e->fx->text, reason);
}

static void reason_of(engine *e, class *cls)
{
    why w[ENGINE_MAX_CES];
    uint64_t sign = e->topology;
    eng_fit(e, cls);
    for (size_t i = 0; i < cls->queue->n_ces; i++) {
        w[i] = look(cls, i);
        sign = sign << 4 | w[i];
    }
    if (cls->reason && sign == cls->reason_sign)
        return;
    cls->reason_sign = sign;
    line l = { .used = 0 };
    write_reason(cls, w, &l);
    if (!cls->reason || strcmp(cls->reason, l.text) != 0)
        tell(e, cls, l.text);
}

void eng_reasons(engine *e)
{
    queue *q, *qtmp;
    HASH_ITER(hh, e->queues, q, qtmp)
    {
        class *cls, *tmp;
        HASH_ITER(hh, q->classes, cls, tmp)
        {
            if (cls->waiting && q->known && !q->deleting)
                reason_of(e, cls);
            else if (!cls->waiting && cls->reason)
                tell(e, cls, NULL);
            eng_class_free_if_unused(e, cls);
        }
    }
}
