/* Fills instances with waiting work. Pure: no state outlives a call.
 *
 * Two ways are tried for one instance, and the more valuable one counts: the largest work first,
 * and the work whose proportions are nearest to those of the room that is left. The first wastes
 * little where one resource is scarce, the second where work of many proportions is mixed. */
#include "decide_fill.h"

#include <stdlib.h>
#include <string.h>

#include "ob/error.h"

int64_t fill_worth(const ob_resources *r)
{
    return 1 + (int64_t)r->mcpu * 35 + (int64_t)r->mem_mib * 7 / 2 + (int64_t)r->gpus * 400000;
}

static int by_need(const void *a, const void *b)
{
    const decide_shape *x = a, *y = b;
    int64_t left = fill_worth(&x->need), right = fill_worth(&y->need);
    return left == right ? 0 : left > right ? -1 : 1;
}

void fill_sort(decide_shape *shapes, size_t n)
{
    if (n > 1)
        qsort(shapes, n, sizeof(*shapes), by_need);
}

/* How many of 'need' find room. */
static int64_t fits(const ob_resources *need, const ob_resources *room, int64_t most)
{
    if (!ob_resources_fit(need, room))
        return 0;
    if (need->mcpu > 0 && room->mcpu / need->mcpu < most)
        most = room->mcpu / need->mcpu;
    if (need->mem_mib > 0 && room->mem_mib / need->mem_mib < most)
        most = room->mem_mib / need->mem_mib;
    if (need->gpus > 0 && room->gpus / need->gpus < most)
        most = room->gpus / need->gpus;
    return most;
}

static void take(ob_resources *room, const ob_resources *need, int64_t n)
{
    room->mcpu -= (int32_t)(need->mcpu * n);
    room->mem_mib -= (int32_t)(need->mem_mib * n);
    room->gpus -= (int32_t)(need->gpus * n);
}

bool fill_pack(decide_shape *shapes, size_t n, ob_resources room)
{
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        int64_t k = fits(&shapes[i].need, &room, shapes[i].count);
        take(&room, &shapes[i].need, k);
        shapes[i].count -= k;
        any = any || k > 0;
    }
    return any;
}

static bool same_size(const ob_resources *a, const ob_resources *b)
{
    return ob_resources_fit(a, b) && ob_resources_fit(b, a);
}

bool fill_planned(
    decide_shape *shapes, size_t n, const decide_shape *plan, size_t n_plan, ob_resources *room)
{
    bool any = false;
    for (size_t p = 0; p < n_plan; p++)
        for (size_t i = 0; i < n; i++) {
            if (!same_size(&shapes[i].need, &plan[p].need))
                continue;
            int64_t most = plan[p].count < shapes[i].count ? plan[p].count : shapes[i].count;
            int64_t k = fits(&plan[p].need, room, most);
            take(room, &plan[p].need, k);
            shapes[i].count -= k;
            any = any || k > 0;
        }
    return any;
}

bool fill_exact(decide_shape *shapes, size_t n, const ob_resources *size)
{
    for (size_t i = 0; i < n; i++)
        if (shapes[i].count > 0 && same_size(&shapes[i].need, size)) {
            shapes[i].count--;
            return true;
        }
    return false;
}

static int64_t largest_first(
    const decide_shape *shapes, size_t n, const bool *skip, ob_resources room, int64_t *pattern)
{
    int64_t worth = 0;
    for (size_t i = 0; i < n; i++) {
        pattern[i] = skip && skip[i] ? 0 : fits(&shapes[i].need, &room, shapes[i].count);
        take(&room, &shapes[i].need, pattern[i]);
        worth += pattern[i] * fill_worth(&shapes[i].need);
    }
    return worth;
}

/* How far a need's proportion of vCPUs to memory is from the room's: the cosine of the angle
 * between them, in the room's own units, squared; larger is nearer. */
static double nearness(const ob_resources *need, const ob_resources *room)
{
    double cpu = room->mcpu > 0 ? (double)need->mcpu / room->mcpu : 0;
    double mem = room->mem_mib > 0 ? (double)need->mem_mib / room->mem_mib : 0;
    double sum = cpu + mem, length = cpu * cpu + mem * mem;
    return length > 0 ? sum * sum / length : 0;
}

static int64_t nearest_first(
    const decide_shape *shapes, size_t n, const bool *skip, ob_resources room, int64_t *pattern)
{
    int64_t worth = 0;
    memset(pattern, 0, n * sizeof(*pattern));
    for (;;) {
        size_t best = n;
        double nearest = -1;
        for (size_t i = 0; i < n; i++) {
            if ((skip && skip[i]) || pattern[i] >= shapes[i].count ||
                !ob_resources_fit(&shapes[i].need, &room))
                continue;
            double near = nearness(&shapes[i].need, &room);
            if (near > nearest + 1e-9) {
                nearest = near;
                best = i;
            }
        }
        if (best == n)
            return worth;
        /* A quarter of what fits at a time: the room's proportions change as it fills. */
        int64_t k = (fits(&shapes[best].need, &room, shapes[best].count - pattern[best]) + 3) / 4;
        take(&room, &shapes[best].need, k);
        pattern[best] += k;
        worth += k * fill_worth(&shapes[best].need);
    }
}

int64_t fill_one(const decide_shape *shapes,
                 size_t n,
                 const bool *skip,
                 const ob_resources *room,
                 int64_t *pattern)
{
    int64_t first = largest_first(shapes, n, skip, *room, pattern);
    if (first == 0 || n < 2)
        return first;
    ob_cleanup(ob_freep) int64_t *other = ob_calloc(n, sizeof(*other));
    int64_t second = nearest_first(shapes, n, skip, *room, other);
    if (second <= first)
        return first;
    memcpy(pattern, other, n * sizeof(*pattern));
    return second;
}
