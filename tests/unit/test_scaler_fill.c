/* How the scaler fills an instance with waiting work, compared with a simple algorithm; and its
 * cost when thousands of shapes wait. */
#include "unit.h"

#include <stdlib.h>

#include "decide/decide_fill.h"
#include "packing.h"

#define SHAPES_MAX 40

static int pick(unsigned *seed, int n)
{
    return (int)((unsigned)rand_r(seed) % (unsigned)n);
}

static size_t random_shapes(unsigned *seed, decide_shape *out)
{
    size_t n = 1 + (size_t)pick(seed, SHAPES_MAX);
    for (size_t i = 0; i < n; i++) {
        int32_t mcpu = 250 << pick(seed, 7);
        /* Some of the same proportions, some of any. */
        int32_t mem = pick(seed, 2) ? mcpu * (1 + pick(seed, 3)) * 2 : 1 + pick(seed, 8 * mcpu);
        out[i] = (decide_shape){ .need = { mcpu, mem, pick(seed, 10) == 0 },
                                 .count = pick(seed, 4) ? pick(seed, 50) : 1 };
    }
    return n;
}

/* ---- The plain way ---- */

static double nearness(const ob_resources *need, const ob_resources *room)
{
    double cpu = (double)need->mcpu / room->mcpu, mem = (double)need->mem_mib / room->mem_mib;
    return (cpu + mem) * (cpu + mem) / (cpu * cpu + mem * mem);
}

static int64_t how_many(const decide_shape *s, int64_t taken, const ob_resources *room)
{
    int64_t n = 0;
    ob_resources left = *room;
    for (; taken + n < s->count && ob_resources_fit(&s->need, &left); n++)
        ob_resources_sub(&left, &s->need);
    return n;
}

static int64_t take(ob_resources *room, const decide_shape *s, int64_t n)
{
    for (int64_t k = 0; k < n; k++)
        ob_resources_sub(room, &s->need);
    return n * fill_worth(&s->need);
}

/* The largest first, or what is nearest in proportions, a quarter of what fits at a time. */
static int64_t plain(const fill *f, const bool *skip, ob_resources room, bool by_proportions)
{
    int64_t worth = 0, taken[SHAPES_MAX] = { 0 };
    for (size_t i = 0; i < f->n && !by_proportions; i++)
        if (!skip[i])
            worth += take(&room, &f->rest[i], how_many(&f->rest[i], 0, &room));
    while (by_proportions) {
        size_t best = f->n;
        for (size_t i = 0; i < f->n; i++)
            if (!skip[i] && how_many(&f->rest[i], taken[i], &room) > 0 &&
                (best == f->n ||
                 nearness(&f->rest[i].need, &room) > nearness(&f->rest[best].need, &room) + 1e-9))
                best = i;
        if (best == f->n)
            break;
        int64_t n = (how_many(&f->rest[best], taken[best], &room) + 3) / 4;
        worth += take(&room, &f->rest[best], n);
        taken[best] += n;
    }
    return worth;
}

static void an_instance_is_filled_in_the_more_valuable_way(void **state)
{
    (void)state;
    unsigned seed = 11;
    int by_proportions = 0;
    for (int step = 0; step < 3000; step++) {
        decide_shape shapes[SHAPES_MAX];
        bool skip[SHAPES_MAX];
        size_t n = random_shapes(&seed, shapes);
        int32_t mcpu = 2000 << pick(&seed, 7);
        ob_resources room = { mcpu, mcpu * (1 + pick(&seed, 8)), pick(&seed, 3) };
        fill f;
        fill_init(&f, shapes, n);
        for (int again = 0; again < 3; again++) {
            for (size_t i = 0; i < n; i++)
                skip[i] = again > 0 && pick(&seed, 4) == 0;
            int64_t first = plain(&f, skip, room, false), second = plain(&f, skip, room, true);
            int64_t worth = fill_one(&f, skip, &room), sum = 0;
            assert_int_equal(worth, first > second ? first : second);
            by_proportions += second > first;
            ob_resources left = room;
            for (size_t i = 0; i < n; i++) {
                assert_in_range(f.pattern[i], 0, skip[i] ? 0 : f.rest[i].count);
                sum += take(&left, &f.rest[i], f.pattern[i]);
                f.rest[i].count -= f.pattern[i];
            }
            assert_int_equal(sum, worth);
            assert_true(left.mcpu >= 0 && left.mem_mib >= 0 && left.gpus >= 0);
        }
        fill_done(&f);
    }
    assert_true(by_proportions > 1000);
}

static bool same(const ob_resources *a, const ob_resources *b)
{
    return a->mcpu == b->mcpu && a->mem_mib == b->mem_mib && a->gpus == b->gpus;
}

static void planned_work_is_found_again_and_nothing_else(void **state)
{
    (void)state;
    unsigned seed = 3;
    for (int step = 0; step < 1000; step++) {
        decide_shape shapes[SHAPES_MAX], plan[SHAPES_MAX];
        int64_t before[SHAPES_MAX];
        bool planned[SHAPES_MAX] = { false };
        size_t n = random_shapes(&seed, shapes), n_plan = 0;
        fill f;
        fill_init(&f, shapes, n);
        for (size_t i = n; i-- > 0;) {
            before[i] = f.rest[i].count;
            planned[i] = pick(&seed, 2) == 0;
            if (planned[i])
                plan[n_plan++] = f.rest[i];
        }
        ob_resources room = { INT32_MAX, INT32_MAX, INT32_MAX };
        (void)fill_planned(&f, plan, n_plan, &room);
        for (size_t i = 0; i < n; i++) {
            bool as_planned = false;
            for (size_t k = 0; k < n_plan; k++)
                as_planned = as_planned || same(&plan[k].need, &f.rest[i].need);
            if (planned[i])
                assert_int_equal(f.rest[i].count, 0);
            else if (!as_planned)
                assert_int_equal(f.rest[i].count, before[i]);
        }
        fill_done(&f);
    }
}

/* So that a decision stays short: the work of one filling does not grow with what finds room. */
static void filling_looks_at_each_shape_a_few_times(void **state)
{
    (void)state;
    static packing p;
    packing_distinct(&p, 1, PACKING_SHAPES_MAX);
    for (int32_t vcpus = 2; vcpus <= 2048; vcpus *= 4) {
        fill f;
        fill_init(&f, p.shapes, p.n_shapes);
        assert_true(fill_one(&f, NULL, &(ob_resources){ vcpus * 1000, vcpus * 4096, 0 }) > 0);
        assert_in_range(f.steps, f.n, 4 * f.n);
        fill_done(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_instance_is_filled_in_the_more_valuable_way),
        cmocka_unit_test(planned_work_is_found_again_and_nothing_else),
        cmocka_unit_test(filling_looks_at_each_shape_a_few_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
