/* Free capacity on instances that take new runs. Invariant: ce.slots has the ACTIVE instances of
 * the environment that are not held, unwell or kept, sorted by (GPUs, vCPUs, memory, id) of their
 * free capacity, so the first slot that fits is the best fit. */
#include "slots.h"

#include "arena.h"
#include "ce.h"

/* The first slot not before (room, id); id NULL: the first one with this free capacity. */
static size_t slot_find(const ce *c, const ob_resources *room, const char *id)
{
    size_t lo = 0, hi = c->n_slots;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int d = ce_compare_room(&c->slots[mid].room, room);
        if (d == 0 && id)
            d = strcmp(c->slots[mid].on->id, id);
        if (d < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

ob_resources instance_room(const instance *i)
{
    ob_resources room = i->size;
    ob_resources_sub(&room, &i->used);
    return room;
}

void slots_remove(instance *i)
{
    if (!i->in_slots)
        return;
    ce *c = i->ce;
    ob_resources room = instance_room(i);
    size_t at = slot_find(c, &room, i->id);
    memmove(&c->slots[at], &c->slots[at + 1], (c->n_slots - at - 1) * sizeof(slot));
    c->n_slots--;
    i->in_slots = false;
}

void slots_insert(instance *i)
{
    if (i->in_slots || !i->known || i->lost || instance_is_held(i) || i->kept_for ||
        i->state != OB_INSTANCE_ACTIVE)
        return;
    ce *c = i->ce;
    ob_resources room = instance_room(i);
    size_t at = slot_find(c, &room, i->id);
    LIST_ADD(c, slots);
    memmove(&c->slots[at + 1], &c->slots[at], (c->n_slots - at - 1) * sizeof(slot));
    c->slots[at] = (slot){ .room = room, .on = i };
    i->in_slots = true;
}

instance *slots_best_fit(const ce *c, const ob_resources *need)
{
    for (size_t at = slot_find(c, need, NULL); at < c->n_slots; at++) {
        if (ce_fits(c, need, &c->slots[at].room))
            return c->slots[at].on;
        if (c->exact)
            break;
    }
    return NULL;
}
