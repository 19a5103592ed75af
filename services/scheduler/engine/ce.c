/* Compute environments as the service put them. One that is named before it is known is kept as
 * unknown and not used. */
#include "ce.h"

#include "arena.h"

ce *ce_get(engine *e, int64_t id)
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

int ce_compare_room(const ob_resources *a, const ob_resources *b)
{
    if (a->gpus != b->gpus)
        return a->gpus < b->gpus ? -1 : 1;
    if (a->mcpu != b->mcpu)
        return a->mcpu < b->mcpu ? -1 : 1;
    return a->mem_mib < b->mem_mib ? -1 : a->mem_mib > b->mem_mib;
}

static int by_need(const void *a, const void *b)
{
    return ce_compare_room(&((const engine_shortage *)a)->need,
                           &((const engine_shortage *)b)->need);
}

static void set_shortages(ce *c, const engine_shortage *shortages, size_t n)
{
    const char *text = NULL;
    c->n_shortages = 0;
    arena_clear(c->shortages_arena);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || shortages[i].reason != shortages[i - 1].reason)
            text = arena_text(&c->shortages_arena, shortages[i].reason);
        *LIST_ADD(c, shortages) = (engine_shortage){ .need = shortages[i].need, .reason = text };
    }
    if (n > 1)
        qsort(c->shortages, n, sizeof(*c->shortages), by_need);
}

const char *ce_shortage_reason(const ce *c, const ob_resources *need)
{
    const engine_shortage key = { .need = *need };
    const engine_shortage *found =
        c->n_shortages > 0 ? bsearch(&key, c->shortages, c->n_shortages, sizeof(key), by_need)
                           : NULL;
    return found ? found->reason : NULL;
}

void engine_put_ce(engine *e, const engine_ce *put)
{
    ce *c = ce_get(e, put->id);
    c->known = true;
    c->enabled = put->enabled;
    c->valid = put->valid;
    c->exact = put->exact;
    c->unmanaged = put->unmanaged;
    c->max_vcpus = put->max_vcpus;
    c->share_vcpus = put->share_vcpus;
    set_text(&c->name, put->name);
    set_text(&c->cluster, put->cluster);
    set_shortages(c, put->shortages, put->n_shortages);
    free(c->shapes);
    c->shapes = ob_calloc(put->n_shapes + 1, sizeof(*c->shapes));
    if (put->n_shapes > 0)
        memcpy(c->shapes, put->shapes, put->n_shapes * sizeof(*c->shapes));
    c->n_shapes = put->n_shapes;
    e->topology++;
    e->dirty = true;
}

/* The record stays, because queues and instances may still name it. */
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

void ces_free(engine *e)
{
    ce *c, *ctmp;
    HASH_ITER(hh, e->ces, c, ctmp)
    {
        HASH_DEL(e->ces, c);
        free(c->name);
        free(c->cluster);
        free(c->shortages);
        arena_free(c->shortages_arena);
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
