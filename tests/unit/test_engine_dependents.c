/* Who waits for a job: answered by the round that is asked. */
#include "engine_world.h"

#define SIZE NEED(4, 4000)
#define NEED1 NEED(1, 100)

static void put(world *w)
{
    world_ce(w, 1, 4, SIZE);
    world_queue(w, 1, 1, 1, 0);
    world_instance(w, "i-1", 1, SIZE, OB_INSTANCE_ACTIVE);
}

/* The answer of one round. */
static const effect_dependents *ask(world *w, ob_uuid id, int32_t index)
{
    engine_ask_dependents(w->e, 7, &(ob_job_ref){ .id = id, .index = index });
    assert_true(engine_dirty(w->e));
    world_round(w);
    assert_int_equal(w->effects.n_dependents, 1);
    assert_int_equal(w->effects.dependents[0].seq, 7);
    return &w->effects.dependents[0];
}

static bool names(const effect_dependents *a, ob_uuid id, int32_t index, bool n_to_n)
{
    for (size_t i = 0; i < a->n; i++)
        if (ob_uuid_cmp(&a->list[i].id, &id) == 0 && a->list[i].index == index &&
            a->list[i].n_to_n == n_to_n)
            return true;
    return false;
}

static void those_that_wait_are_named_until_they_do_not(void **state)
{
    world *w = *state;
    put(w);
    ob_uuid first = world_submit(w, 1, 0, NEED1), other = world_submit(w, 1, 0, NEED1);
    ob_uuid one = world_submit_after(w, 1, 0, AFTER({ .id = first, .index = -1 }), 1);
    ob_uuid two = world_submit_after(
        w, 1, 0, AFTER({ .id = first, .index = -1 }, { .id = other, .index = -1 }), 2);
    const effect_dependents *a = ask(w, first, -1); /* submitted in the same round */
    assert_int_equal(a->n, 2);
    assert_false(a->more);
    assert_true(names(a, one, -1, false) && names(a, two, -1, false));
    a = ask(w, other, -1);
    assert_int_equal(a->n, 1);
    assert_true(names(a, two, -1, false));
    assert_int_equal(ask(w, one, -1)->n, 0);
    world_reload(w);
    put(w);
    assert_int_equal(ask(w, first, -1)->n, 2);
    world_exit(w, first, -1, 0);
    assert_int_equal(ask(w, first, -1)->n, 0); /* it has ended in that round */
    assert_int_equal(ask(w, other, -1)->n, 1);
    world_round(w);
    assert_int_equal(w->effects.n_dependents, 0); /* told once */
}

static void of_an_array_those_that_wait_for_children_are_named_too(void **state)
{
    world *w = *state;
    put(w);
    ob_uuid array = world_submit(w, 1, 3, NEED1);
    ob_uuid whole = world_submit_after(w, 1, 0, AFTER({ .id = array, .index = -1 }), 1);
    ob_uuid child = world_submit_after(w, 1, 0, AFTER({ .id = array, .index = 1 }), 1);
    ob_uuid pairs =
        world_submit_after(w, 1, 3, AFTER({ .id = array, .index = -1, .type = OB_DEP_N_TO_N }), 1);
    const effect_dependents *a = ask(w, array, -1);
    assert_int_equal(a->n, 3);
    assert_true(names(a, whole, -1, false) && names(a, child, 1, false) &&
                names(a, pairs, -1, true));
    a = ask(w, array, 1);
    assert_int_equal(a->n, 3);
    assert_true(names(a, child, 1, false));
    a = ask(w, array, 2); /* what waits for all of them waits for it */
    assert_int_equal(a->n, 2);
    assert_false(names(a, child, 1, false));
}

static void an_answer_is_bounded(void **state)
{
    world *w = *state;
    put(w);
    ob_uuid first = world_submit(w, 1, 0, NEED1);
    for (int i = 0; i < ENGINE_DEPENDENTS_MAX; i++)
        (void)world_submit_after(w, 1, 0, AFTER({ .id = first, .index = -1 }), 1);
    const effect_dependents *a = ask(w, first, -1);
    assert_int_equal(a->n, ENGINE_DEPENDENTS_MAX);
    assert_false(a->more);
    (void)world_submit_after(w, 1, 0, AFTER({ .id = first, .index = -1 }), 1);
    a = ask(w, first, -1);
    assert_int_equal(a->n, ENGINE_DEPENDENTS_MAX);
    assert_true(a->more);
}

static void of_what_is_unknown_nobody_waits(void **state)
{
    world *w = *state;
    put(w);
    assert_int_equal(ask(w, world_id(12345), -1)->n, 0);
    assert_int_equal(ask(w, world_id(12345), 5)->n, 0);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, world_new, world_free)
    const struct CMUnitTest tests[] = {
        T(those_that_wait_are_named_until_they_do_not),
        T(of_an_array_those_that_wait_for_children_are_named_too),
        T(an_answer_is_bounded),
        T(of_what_is_unknown_nobody_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
