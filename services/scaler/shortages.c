/* See shortages.h. Owns env.shortages. Invariants: sorted by need; a need stays in it for as long
 * as the shortage lasts, so code that waits for a shortage to last sees one shortage and not each
 * retry */
#include "shortages.h"

#include <stdlib.h>
#include <string.h>

#include "ob/error.h"
#include "ob/text.h"

#define LACKING_AFTER_MS 500 /* a shorter shortage is not reported */
#define PRICED_OUT                                                                                 \
    "SpotMaxPriceTooLow: the Spot price of every instance type of this compute environment that "  \
    "is large enough is above its bidPercentage"

static int compare(const ob_resources *x, const ob_resources *y)
{
    if (x->mcpu != y->mcpu)
        return x->mcpu < y->mcpu ? -1 : 1;
    if (x->mem_mib != y->mem_mib)
        return x->mem_mib < y->mem_mib ? -1 : 1;
    return x->gpus < y->gpus ? -1 : x->gpus > y->gpus;
}

static int by_need(const void *a, const void *b)
{
    return compare(&((const decide_shortage *)a)->need, &((const decide_shortage *)b)->need);
}

void shortages_take(env *e, decide_shortage *found, size_t n, int64_t now_ms)
{
    shortage *now = ob_calloc(n + 1, sizeof(*now));
    size_t n_now = 0, at = 0;
    if (n > 1)
        qsort(found, n, sizeof(*found), by_need);
    for (size_t i = 0; i < n; i++) {
        while (at < e->n_shortages && compare(&e->shortages[at].need, &found[i].need) < 0)
            at++;
        const shortage *before =
            at < e->n_shortages && compare(&e->shortages[at].need, &found[i].need) == 0
                ? &e->shortages[at]
                : NULL;
        if (!before && found[i].why == DECIDE_TRIED)
            continue;
        now[n_now++] = (shortage){ .need = found[i].need,
                                   .dear = found[i].why == DECIDE_PRICE,
                                   .since_ms = before ? before->since_ms : now_ms };
    }
    free(e->shortages);
    e->shortages = now;
    e->n_shortages = n_now;
}

static bool is_told(const shortage *l, int64_t now_ms)
{
    return now_ms - l->since_ms >= LACKING_AFTER_MS;
}

/* The smallest type that could hold it and be launched; NULL: none (Fargate). */
static const decide_type *smallest(const env *e, const ob_resources *need)
{
    const decide_type *best = NULL;
    for (size_t i = 0; i < e->n_types; i++) {
        const decide_type *t = &e->types[i];
        if (!t->barred && ob_resources_fit(need, &t->usable) &&
            (!best || t->nominal.mcpu < best->nominal.mcpu ||
             (t->nominal.mcpu == best->nominal.mcpu && t->nominal.mem_mib < best->nominal.mem_mib)))
            best = t;
    }
    return best;
}

/* Each type has its own text; many needs share one. */
static void say_why(scaler *s, const env *e, const shortage *l, char *out, size_t size)
{
    const decide_type *type = smallest(e, &l->need);
    if (l->dear)
        ob_text_format(out, size, "%s", PRICED_OUT);
    else
        s->provider->ops->lacking(s->provider, type ? type->name : PROVIDER_FARGATE,
                                  type ? &type->nominal : &l->need, out, size);
}

char *shortages_text(scaler *s, const env *e, int64_t now_ms)
{
    char why[300];
    if (e->n_shortages == 0)
        return NULL;
    json_auto_t *out = json_object();
    for (size_t i = 0; i < e->n_shortages; i++) {
        const shortage *l = &e->shortages[i];
        if (!is_told(l, now_ms))
            continue;
        say_why(s, e, l, why, sizeof(why));
        if (!json_object_get(out, why))
            (void)json_object_set_new(out, why, json_array());
        (void)json_array_append_new(
            json_object_get(out, why),
            json_pack("[i, i, i]", l->need.mcpu, l->need.mem_mib, l->need.gpus));
    }
    return json_object_size(out) > 0 ? json_dumps(out, JSON_COMPACT) : NULL;
}
