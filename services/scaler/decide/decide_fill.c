/* Fills instances with waiting work. Pure: owns only the memory of a 'fill'.
 *
 * Two ways are tried for an instance, and the more valuable one is used: the largest work first, or
 * the work whose proportions are closest to those of the remaining capacity. The first wastes
 * little when one resource is scarce, the second when work of many proportions is mixed. Either
 * looks at each shape a few times, however many fit. */
#include "decide_fill.h"

#include <stdlib.h>
#include <string.h>

#include "ob/error.h"

int64_t fill_worth(const ob_resources *r)
{
    return 1 + (int64_t)r->mcpu * 35 + (int64_t)r->mem_mib * 7 / 2 + (int64_t)r->gpus * 400000;
}

/* A total order: equal shapes are the same shape. */
static int by_need(const void *a, const void *b)
{
    const ob_resources *x = &((const decide_shape *)a)->need, *y = &((const decide_shape *)b)->need;
    int64_t left = fill_worth(x), right = fill_worth(y);
    if (left != right)
        return left > right ? -1 : 1;
    if (x->mcpu != y->mcpu)
        return x->mcpu < y->mcpu ? -1 : 1;
    return x->mem_mib == y->mem_mib ? 0 : x->mem_mib < y->mem_mib ? -1 : 1;
}

static double proportion(const ob_resources *r)
{
    return (double)r->mcpu / (r->mem_mib > 0 ? r->mem_mib : 1);
}

static int by_proportion(const void *a, const void *b, void *arg)
{
    size_t i = *(const size_t *)a, k = *(const size_t *)b;
    const decide_shape *shapes = arg;
    double x = proportion(&shapes[i].need), y = proportion(&shapes[k].need);
    if (x != y)
        return x < y ? -1 : 1;
    return i < k ? -1 : i > k;
}

static void make_groups(fill *f)
{
    for (size_t i = 0; i < f->n; i++)
        f->order[i] = i;
    qsort_r(f->order, f->n, sizeof(*f->order), by_proportion, f->rest);
    for (size_t i = 0; i < f->n; i++) {
        double p = proportion(&f->rest[f->order[i]].need);
        if (f->n_groups == 0 || f->groups[f->n_groups].proportion != p)
            f->groups[++f->n_groups] = (fill_group){ .proportion = p, .first = i };
        f->groups[f->n_groups].end = i + 1;
    }
}

void fill_init(fill *f, const decide_shape *shapes, size_t n)
{
    *f = (fill){ .n = n, .least = { .mcpu = INT32_MAX, .mem_mib = INT32_MAX } };
    f->rest = ob_calloc(n + 1, sizeof(*f->rest));
    f->pattern = ob_calloc(n + 1, sizeof(*f->pattern));
    f->other = ob_calloc(n + 1, sizeof(*f->other));
    f->order = ob_calloc(n + 1, sizeof(*f->order));
    f->groups = ob_calloc(n + 2, sizeof(*f->groups));
    if (n == 0)
        return;
    memcpy(f->rest, shapes, n * sizeof(*f->rest));
    qsort(f->rest, n, sizeof(*f->rest), by_need);
    for (size_t i = 0; i < n; i++) {
        const ob_resources *need = &f->rest[i].need;
        f->least.mcpu = need->mcpu < f->least.mcpu ? need->mcpu : f->least.mcpu;
        f->least.mem_mib = need->mem_mib < f->least.mem_mib ? need->mem_mib : f->least.mem_mib;
    }
    make_groups(f);
}

void fill_done(fill *f)
{
    free(f->rest);
    free(f->pattern);
    free(f->other);
    free(f->order);
    free(f->groups);
}

/* How many of 'need' fit. */
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

/* Nothing fits there: most instances are full while work waits. */
static bool is_full(const fill *f, const ob_resources *room)
{
    return room->mcpu < f->least.mcpu || room->mem_mib < f->least.mem_mib;
}

bool fill_pack(fill *f, ob_resources room)
{
    bool any = false;
    for (size_t i = 0; i < f->n && !is_full(f, &room); i++) {
        int64_t k = fits(&f->rest[i].need, &room, f->rest[i].count);
        take(&room, &f->rest[i].need, k);
        f->rest[i].count -= k;
        any = any || k > 0;
    }
    return any;
}

static bool same_size(const ob_resources *a, const ob_resources *b)
{
    return ob_resources_fit(a, b) && ob_resources_fit(b, a);
}

/* The first shape that is not before this one. */
static size_t find_shape(const fill *f, const decide_shape *shape)
{
    size_t from = 0, to = f->n;
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        if (by_need(&f->rest[mid], shape) < 0)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

bool fill_planned(fill *f, const decide_shape *plan, size_t n_plan, ob_resources *room)
{
    bool any = false;
    for (size_t p = 0; p < n_plan; p++)
        for (size_t i = find_shape(f, &plan[p]);
             i < f->n && same_size(&f->rest[i].need, &plan[p].need); i++) {
            int64_t most = plan[p].count < f->rest[i].count ? plan[p].count : f->rest[i].count;
            int64_t k = fits(&plan[p].need, room, most);
            take(room, &plan[p].need, k);
            f->rest[i].count -= k;
            any = any || k > 0;
        }
    return any;
}

bool fill_exact(fill *f, const ob_resources *size)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->rest[i].count > 0 && same_size(&f->rest[i].need, size)) {
            f->rest[i].count--;
            return true;
        }
    return false;
}

static int64_t largest_first(fill *f, const bool *skip, ob_resources room, int64_t *pattern)
{
    int64_t worth = 0;
    f->steps += f->n;
    for (size_t i = 0; i < f->n; i++) {
        const decide_shape *s = &f->rest[i];
        pattern[i] = (skip && skip[i]) || s->count == 0 ? 0 : fits(&s->need, &room, s->count);
        if (pattern[i] == 0)
            continue;
        take(&room, &s->need, pattern[i]);
        worth += pattern[i] * fill_worth(&s->need);
    }
    return worth;
}

/* ---- By proportions ---- */

/* How close a need's proportion of vCPUs to memory is to that of the capacity: the square of the
 * cosine of the angle between them, in units of the capacity; larger is closer. */
static double nearness(const ob_resources *need, const ob_resources *room)
{
    double cpu = room->mcpu > 0 ? (double)need->mcpu / room->mcpu : 0;
    double mem = room->mem_mib > 0 ? (double)need->mem_mib / room->mem_mib : 0;
    double sum = cpu + mem, length = cpu * cpu + mem * mem;
    return length > 0 ? sum * sum / length : 0;
}

/* The group's largest work that fits, or f->n. Larger work is skipped from then on, because the
 * capacity only shrinks. */
static size_t group_head(
    fill *f, fill_group *g, const bool *skip, const int64_t *pattern, const ob_resources *room)
{
    for (; g->at < g->end; g->at++, f->steps++) {
        size_t i = f->order[g->at];
        if (!(skip && skip[i]) && pattern[i] < f->rest[i].count &&
            ob_resources_fit(&f->rest[i].need, room))
            return i;
    }
    return f->n;
}

static void use_up(fill_group *groups, size_t g)
{
    groups[g].below = g - 1;
    groups[g].above = g + 1;
}

/* The group itself, or the next one below that is not used up; 0: none. */
static size_t next_below(fill_group *groups, size_t g)
{
    while (groups[g].below != g)
        g = groups[g].below = groups[groups[g].below].below;
    return g;
}

static size_t next_above(fill_group *groups, size_t g)
{
    while (groups[g].above != g)
        g = groups[g].above = groups[groups[g].above].above;
    return g;
}

/* The last group that needs no more vCPUs for its memory than this; 0: none. */
static size_t find_group(const fill *f, double at_most)
{
    size_t from = 1, to = f->n_groups + 1;
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        if (f->groups[mid].proportion <= at_most)
            from = mid + 1;
        else
            to = mid;
    }
    return from - 1;
}

/* The work closest to the proportions of the remaining capacity, which is in one of the two groups
 * around them; f->n: nothing fits. Of equally close work the largest. */
static size_t nearest(fill *f, const bool *skip, const int64_t *pattern, const ob_resources *room)
{
    size_t at = find_group(f, proportion(room)), low = f->n, high = f->n, g;
    for (g = next_below(f->groups, at); g > 0 && low == f->n; g = next_below(f->groups, g)) {
        low = group_head(f, &f->groups[g], skip, pattern, room);
        if (low == f->n)
            use_up(f->groups, g);
    }
    for (g = next_above(f->groups, at + 1); g <= f->n_groups && high == f->n;
         g = next_above(f->groups, g)) {
        high = group_head(f, &f->groups[g], skip, pattern, room);
        if (high == f->n)
            use_up(f->groups, g);
    }
    if (low == f->n || high == f->n)
        return low == f->n ? high : low;
    double more = nearness(&f->rest[high].need, room) - nearness(&f->rest[low].need, room);
    return more > 1e-9 || (more > -1e-9 && high < low) ? high : low;
}

static int64_t nearest_first(fill *f, const bool *skip, ob_resources room, int64_t *pattern)
{
    int64_t worth = 0;
    memset(pattern, 0, f->n * sizeof(*pattern));
    for (size_t g = 0; g <= f->n_groups + 1; g++) {
        f->groups[g].at = f->groups[g].first;
        f->groups[g].below = f->groups[g].above = g;
    }
    f->steps += f->n_groups;
    for (size_t i; (i = nearest(f, skip, pattern, &room)) < f->n; f->steps++) {
        const decide_shape *s = &f->rest[i];
        /* A quarter of what fits at a time, because the proportions change as the instance
         * fills. */
        int64_t k = (fits(&s->need, &room, s->count - pattern[i]) + 3) / 4;
        take(&room, &s->need, k);
        pattern[i] += k;
        worth += k * fill_worth(&s->need);
    }
    return worth;
}

int64_t fill_one(fill *f, const bool *skip, const ob_resources *room)
{
    int64_t first = largest_first(f, skip, *room, f->pattern);
    if (first == 0 || f->n < 2)
        return first;
    int64_t second = nearest_first(f, skip, *room, f->other);
    if (second <= first)
        return first;
    int64_t *found = f->other;
    f->other = f->pattern;
    f->pattern = found;
    return second;
}
