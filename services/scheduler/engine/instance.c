/* Instances, and the runs on them. Invariants: instance.used is the sum of its runs' needs, and
 * ce.used_mcpu that of its instances; ce.vcpus, mcpu and launches follow from the states of its
 * instances. An instance that is named before it is known is kept as unknown and not used. */
#include "instance.h"

#include "ce.h"
#include "share.h"
#include "slots.h"

instance *instance_find(engine *e, const char *id)
{
    instance *i = NULL;
    HASH_FIND_STR(e->instances, id, i);
    return i;
}

instance *instance_get(engine *e, const char *id)
{
    instance *i = instance_find(e, id);
    if (!i) {
        i = ob_calloc(1, sizeof(*i));
        i->id = ob_strdup(id);
        i->serial = ++e->last_serial;
        i->state = OB_INSTANCE_LAUNCHING;
        i->ce = ce_get(e, 0);
        DL_APPEND2(i->ce->instances, i, iprev, inext);
        HASH_ADD_KEYPTR(hh, e->instances, i->id, strlen(i->id), i);
        e->n_instances++;
        e->instances_gone = true;
    }
    return i;
}

void instance_count(instance *i, int sign)
{
    if (!i->known || i->lost)
        return;
    if (i->state == OB_INSTANCE_LAUNCHING || i->state == OB_INSTANCE_ACTIVE ||
        i->state == OB_INSTANCE_DRAINING) {
        i->ce->vcpus += sign * i->vcpus;
        i->ce->mcpu += sign * (int64_t)i->size.mcpu;
    }
    if (i->state == OB_INSTANCE_LAUNCHING)
        i->ce->launches += (size_t)sign;
    i->ce->use_changed = true;
}

void engine_put_instance(engine *e, const engine_instance *put)
{
    if (put->state == OB_INSTANCE_TERMINATED) {
        engine_drop_instance(e, put->id);
        return;
    }
    instance *i = instance_get(e, put->id);
    ce *c = ce_get(e, put->ce_id);
    slots_remove(i);
    instance_count(i, -1);
    if (i->ce != c) {
        DL_DELETE2(i->ce->instances, i, iprev, inext);
        i->ce->used_mcpu -= i->used.mcpu;
        c->used_mcpu += i->used.mcpu;
        i->ce = c;
        DL_APPEND2(c->instances, i, iprev, inext);
    }
    i->known = true;
    i->size = put->size;
    i->vcpus = put->vcpus;
    i->state = put->state;
    i->lost = i->lost || put->state == OB_INSTANCE_LOST;
    e->instances_gone = e->instances_gone || i->lost;
    instance_count(i, 1);
    slots_insert(i);
    e->topology++;
    e->dirty = true;
}

void engine_drop_instance(engine *e, const char *id)
{
    instance *i = instance_find(e, id);
    if (!i)
        return;
    slots_remove(i);
    instance_count(i, -1);
    i->known = false;
    e->instances_gone = true;
    e->topology++;
    e->dirty = true;
}

run *run_add(engine *e, job *j, instance *on)
{
    run *r = ob_calloc(1, sizeof(*r));
    r->job = j;
    r->on = on;
    slots_remove(on);
    ob_resources_add(&on->used, &j->cls->need);
    on->ce->used_mcpu += j->cls->need.mcpu;
    slots_insert(on);
    DL_APPEND2(on->runs, r, rprev, rnext);
    if (on->n_runs++ == 0)
        on->ce->use_changed = true;
    j->placed = r;
    share_count_use(e, j->cls, 1);
    e->n_placed++;
    return r;
}

void run_remove(engine *e, run *r)
{
    instance *on = r->on;
    slots_remove(on);
    ob_resources_sub(&on->used, &r->job->cls->need);
    on->ce->used_mcpu -= r->job->cls->need.mcpu;
    slots_insert(on);
    DL_DELETE2(on->runs, r, rprev, rnext);
    if (--on->n_runs == 0)
        on->ce->use_changed = true;
    r->job->prev = r->job->next = NULL;
    share_count_use(e, r->job->cls, -1);
    e->n_placed--;
    free(r->stop_reason);
    free(r);
}

static void free_instance(engine *e, instance *i)
{
    HASH_DEL(e->instances, i);
    free(i->id);
    free(i);
}

void instance_free(engine *e, instance *i)
{
    DL_DELETE2(i->ce->instances, i, iprev, inext);
    e->n_instances--;
    free_instance(e, i);
}

void instances_free(engine *e)
{
    instance *i, *tmp;
    HASH_ITER(hh, e->instances, i, tmp)
    {
        while (i->runs) {
            run *r = i->runs;
            DL_DELETE2(i->runs, r, rprev, rnext);
            free(r->stop_reason);
            free(r);
        }
        free_instance(e, i);
    }
}
