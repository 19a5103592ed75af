/* Environments, their instances, and the room on them. Invariants: slots holds the ACTIVE instances
 * of its environment that are neither held, unwell nor kept, sorted by (GPUs, vCPUs, memory, id) of
 * their room, so that the first slot that has room is the best fit; instance.used is the sum of its
 * runs' needs; ce.vcpus and launches follow the states of its instances. A record that is named
 * before it is known is kept as unknown and not used. */
#include "internal.h"

ce *eng_ce(engine *e, int64_t id)
{
    ce *c = NULL;
    HASH_FIND(hh, e->ces, &id, sizeof(id), c);
    if (!c) {
        c = ob_calloc(1, sizeof(*c));
        c->id = id;
        HASH_ADD(hh, e->ces, id, sizeof(c->id), c);
        e->topology++;
    }
    return c;
}

static int compare_room(const ob_resources *a, const ob_resources *b)
{
    if (a->gpus != b->gpus)
        return a->gpus < b->gpus ? -1 : 1;
    if (a->mcpu != b->mcpu)
        return a->mcpu < b->mcpu ? -1 : 1;
    return a->mem_mib < b->mem_mib ? -1 : a->mem_mib > b->mem_mib;
}

static int by_need(const void *a, const void *b)
{
    return compare_room(&((const engine_lack *)a)->need, &((const engine_lack *)b)->need);
}

static void set_lacks(ce *c, const engine_lack *lacks, size_t n)
{
    const char *text = NULL;
    c->n_lacks = 0;
    eng_text_clear(c->lacks_text);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || lacks[i].reason != lacks[i - 1].reason)
            text = eng_text(&c->lacks_text, lacks[i].reason);
        *LIST_ADD(c, lacks) = (engine_lack){ .need = lacks[i].need, .reason = text };
    }
    if (n > 1)
        qsort(c->lacks, n, sizeof(*c->lacks), by_need);
}

const char *eng_lacking(const ce *c, const ob_resources *need)
{
    const engine_lack key = { .need = *need };
    const engine_lack *found =
        c->n_lacks > 0 ? bsearch(&key, c->lacks, c->n_lacks, sizeof(key), by_need) : NULL;
    return found ? found->reason : NULL;
}

void engine_put_ce(engine *e, const engine_ce *put)
{
    ce *c = eng_ce(e, put->id);
    c->known = true;
    c->enabled = put->enabled;
    c->valid = put->valid;
    c->exact = put->exact;
    c->unmanaged = put->unmanaged;
    c->max_vcpus = put->max_vcpus;
    c->share_vcpus = put->share_vcpus;
    eng_set(&c->name, put->name);
    eng_set(&c->cluster, put->cluster);
    set_lacks(c, put->lacks, put->n_lacks);
    free(c->shapes);
    c->shapes = ob_calloc(put->n_shapes + 1, sizeof(*c->shapes));
    if (put->n_shapes > 0)
        memcpy(c->shapes, put->shapes, put->n_shapes * sizeof(*c->shapes));
    c->n_shapes = put->n_shapes;
    e->topology++;
    e->dirty = true;
}

/* The record stays: queues and instances may name it still. */
void engine_drop_ce(engine *e, int64_t id)
{
    ce *c = NULL;
    HASH_FIND(hh, e->ces, &id, sizeof(id), c);
    if (!c)
        return;
    c->known = false;
    c->n_demand = 0;
    e->topology++;
    e->dirty = true;
}

/* The first slot not before (room, id); id NULL: the first with this room. */
static size_t slot_find(const ce *c, const ob_resources *room, const char *id)
{
    size_t lo = 0, hi = c->n_slots;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int d = compare_room(&c->slots[mid].room, room);
        if (d == 0 && id)
            d = strcmp(c->slots[mid].on->id, id);
        if (d < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

ob_resources eng_room(const instance *i)
{
    ob_resources room = i->size;
    ob_resources_sub(&room, &i->used);
    return room;
}

void eng_slot_remove(instance *i)
{
    if (!i->in_slots)
        return;
    ce *c = i->ce;
    ob_resources room = eng_room(i);
    size_t at = slot_find(c, &room, i->id);
    memmove(&c->slots[at], &c->slots[at + 1], (c->n_slots - at - 1) * sizeof(slot));
    c->n_slots--;
    i->in_slots = false;
}

void eng_slot_insert(instance *i)
{
    if (i->in_slots || !i->known || i->lost || i->hold.until_ms || i->hold.unwell || i->kept_for ||
        i->state != OB_INSTANCE_ACTIVE)
        return;
    ce *c = i->ce;
    ob_resources room = eng_room(i);
    size_t at = slot_find(c, &room, i->id);
    LIST_ADD(c, slots);
    memmove(&c->slots[at + 1], &c->slots[at], (c->n_slots - at - 1) * sizeof(slot));
    c->slots[at] = (slot){ .room = room, .on = i };
    i->in_slots = true;
}

instance *eng_best_fit(const ce *c, const ob_resources *need)
{
    for (size_t at = slot_find(c, need, NULL); at < c->n_slots; at++) {
        if (eng_fits(c, need, &c->slots[at].room))
            return c->slots[at].on;
        if (c->exact)
            break;
    }
    return NULL;
}

run *eng_run_add(engine *e, job *j, instance *on)
{
    run *r = ob_calloc(1, sizeof(*r));
    r->job = j;
    r->on = on;
    eng_slot_remove(on);
    ob_resources_add(&on->used, &j->cls->need);
    eng_slot_insert(on);
    DL_APPEND2(on->runs, r, rprev, rnext);
    if (on->n_runs++ == 0)
        on->ce->use_changed = true;
    j->placed = r;
    eng_share_use(e, j->cls, 1);
    e->n_placed++;
    return r;
}

void eng_run_remove(engine *e, run *r)
{
    instance *on = r->on;
    eng_slot_remove(on);
    ob_resources_sub(&on->used, &r->job->cls->need);
    eng_slot_insert(on);
    DL_DELETE2(on->runs, r, rprev, rnext);
    if (--on->n_runs == 0)
        on->ce->use_changed = true;
    r->job->prev = r->job->next = NULL;
    eng_share_use(e, r->job->cls, -1);
    e->n_placed--;
    free(r->stop_reason);
    free(r);
}

instance *eng_instance(engine *e, const char *id)
{
    instance *i = NULL;
    HASH_FIND_STR(e->instances, id, i);
    return i;
}

instance *eng_instance_get(engine *e, const char *id)
{
    instance *i = eng_instance(e, id);
    if (!i) {
        i = ob_calloc(1, sizeof(*i));
        i->id = ob_strdup(id);
        i->serial = ++e->last_serial;
        i->state = OB_INSTANCE_LAUNCHING;
        i->ce = eng_ce(e, 0);
        DL_APPEND2(i->ce->instances, i, iprev, inext);
        HASH_ADD_KEYPTR(hh, e->instances, i->id, strlen(i->id), i);
        e->n_instances++;
        e->instances_gone = true;
    }
    return i;
}

/* What an instance adds to its environment's counts, taken away or put in. */
static void count(instance *i, int sign)
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
    instance *i = eng_instance_get(e, put->id);
    ce *c = eng_ce(e, put->ce_id);
    eng_slot_remove(i);
    count(i, -1);
    if (i->ce != c) {
        DL_DELETE2(i->ce->instances, i, iprev, inext);
        i->ce = c;
        DL_APPEND2(c->instances, i, iprev, inext);
    }
    i->known = true;
    i->size = put->size;
    i->vcpus = put->vcpus;
    i->state = put->state;
    i->lost = i->lost || put->state == OB_INSTANCE_LOST;
    e->instances_gone = e->instances_gone || i->lost;
    count(i, 1);
    eng_slot_insert(i);
    e->topology++;
    e->dirty = true;
}

void engine_drop_instance(engine *e, const char *id)
{
    instance *i = eng_instance(e, id);
    if (!i)
        return;
    eng_slot_remove(i);
    count(i, -1);
    i->known = false;
    e->instances_gone = true;
    e->topology++;
    e->dirty = true;
}

void eng_keep_instance(engine *e, instance *i, queue *q)
{
    eng_slot_remove(i);
    i->kept_for = q;
    i->ce->use_changed = true;
    *LIST_ADD(e, kept) = i;
}

void eng_keep_release(engine *e, instance *i)
{
    size_t n = 0;
    for (size_t k = 0; k < e->n_kept; k++)
        if (e->kept[k] != i)
            e->kept[n++] = e->kept[k];
    e->n_kept = n;
    i->kept_for = NULL;
    i->ce->use_changed = true;
    eng_slot_insert(i);
}

void eng_instances_sweep(engine *e)
{
    if (!e->instances_gone)
        return;
    e->instances_gone = false;
    instance *i, *tmp;
    HASH_ITER(hh, e->instances, i, tmp)
    {
        if (i->known && !i->lost)
            continue;
        eng_lost(e, i);
        if (!i->known) {
            if (i->kept_for)
                eng_keep_release(e, i);
            DL_DELETE2(i->ce->instances, i, iprev, inext);
            HASH_DEL(e->instances, i);
            e->n_instances--;
            eng_hold_forget(e, i);
            free(i->id);
            free(i);
        } else {
            /* Its runs have ended. Should it have come back since, it is used again. */
            i->lost = false;
            count(i, 1);
            eng_slot_insert(i);
        }
    }
}

void eng_ces_free(engine *e)
{
    instance *i, *itmp;
    HASH_ITER(hh, e->instances, i, itmp)
    {
        while (i->runs) {
            run *r = i->runs;
            DL_DELETE2(i->runs, r, rprev, rnext);
            free(r->stop_reason);
            free(r);
        }
        HASH_DEL(e->instances, i);
        eng_hold_forget(e, i);
        free(i->id);
        free(i);
    }
    ce *c, *ctmp;
    HASH_ITER(hh, e->ces, c, ctmp)
    {
        HASH_DEL(e->ces, c);
        free(c->name);
        free(c->cluster);
        free(c->lacks);
        eng_text_free(c->lacks_text);
        free(c->shapes);
        free(c->slots);
        free(c->demand);
        free(c->next);
        free(c->coming);
        free(c->held);
        free(c->soon);
        free(c);
    }
}
