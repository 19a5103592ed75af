/* Thousands of random histories: submissions, stops, capacity that comes, drains and is lost,
 * executors that lose and repeat messages, failed transactions and new leaders. After each round
 * the rules are checked; at the end everything is repaired, and every accepted job must end.
 * OPENBATCH_TEST_SEED=n repeats one history. */
#include "random_history.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ob/error.h"

#define ROUNDS 40
#if defined(__SANITIZE_ADDRESS__)
#define HISTORIES 250
#else
#define HISTORIES 1200
#endif

/* ---- One history ---- */

static void heal(history *h)
{
    h->healed = true;
    h->loss = 0;
    for (size_t i = 0; i < h->n_places; i++)
        history_set_unwell(h, &h->places[i], false);
    for (int i = 0; i < CES; i++)
        history_change_ce(h, i);
    for (int i = 0; i < QUEUES; i++)
        history_change_queue(h, i);
    place *p =
        history_add_place(h, 1, (ob_resources){ .mcpu = 300000, .mem_mib = 300000, .gpus = 50 });
    p->state = OB_INSTANCE_ACTIVE;
    history_put_place(h, p);
    for (int i = 0; i < 800 && engine_db_unended(h->w.db) > 0; i++) {
        history_deliver(h);
        history_one_round(h);
        history_executors(h);
        if (i % 5 == 0)
            for (size_t k = 0; k < h->n_places; k++)
                model_executor_register(&h->places[k].x);
    }
    if (engine_db_unended(h->w.db) > 0)
        fail_msg("%zu jobs never ended", engine_db_unended(h->w.db));
    engine_stats s;
    engine_stats_get(h->w.e, &s);
    assert_int_equal(s.jobs, 0);
    assert_int_equal(s.waiting, 0);
    assert_int_equal(s.placed, 0);
    assert_int_equal(s.classes, 0);
    for (int i = 0; i < QUEUES; i++)
        assert_true(engine_queue_empty(h->w.e, i + 1));
}

static history *current;

static size_t run_history(uint64_t seed)
{
    history *h = current;
    h->random = seed * 0x9e3779b97f4a7c15u + 1;
    for (int i = 0; i < 8; i++)
        (void)history_below(h, 2);
    h->loss = (unsigned[]){ 0, 5, 20, 50 }[history_below(h, 4)];
    h->jumps = history_chance(h, 20);
    for (int i = 0; i < CES; i++) {
        h->shapes[i][0] = (ob_resources){ .mcpu = 8000, .mem_mib = 8000, .gpus = 1 };
        h->shapes[i][1] = NEED(2, 2000);
        static const char *const names[] = { "one", "two", "three" };
        h->ces[i] = (engine_ce){
            .id = i + 1, .name = names[i], .cluster = "cluster", .shapes = h->shapes[i]
        };
        history_change_ce(h, i);
    }
    for (int i = 0; i < QUEUES; i++) {
        h->queues[i] = (engine_queue){ .id = i + 1, .name = "q", .enabled = true };
        if (i > 0) /* the first one comes when it is changed */
            history_change_queue(h, i);
    }
    bool compared = false;
    for (int i = 0; i < ROUNDS; i++) {
        history_happen(h);
        history_deliver(h);
        history_one_round(h);
        history_executors(h);
        if (!h->jumps && !compared && i > 10 && history_chance(h, 5)) {
            compared = true;
            history_compare_with_loaded(h);
        }
    }
    heal(h);
    return engine_db_events(h->w.db);
}

static int set_up(void **state)
{
    (void)state;
    current = ob_calloc(1, sizeof(*current));
    world_init(&current->w);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < INSTANCES + 1; i++)
        model_executor_done(&current->places[i].x);
    world_done(&current->w);
    free(current);
    current = NULL;
    return 0;
}

static void every_history_keeps_the_rules_and_ends(void **state)
{
    const char *one = getenv("OPENBATCH_TEST_SEED"), *many = getenv("OPENBATCH_TEST_HISTORIES");
    uint64_t histories = one ? 1 : many ? strtoull(many, NULL, 10) : HISTORIES;
    /* Half of them are the same each time, half are new. */
    uint64_t fresh = (uint64_t)time(NULL) * 1000003u;
    size_t events = 0, refusals = 0, withdrawn = 0, failed = 0, retries = 0, timed_out = 0,
           waits = 0, n = 0;
    for (uint64_t i = 0; i < histories; i++, n++) {
        uint64_t seed = one ? strtoull(one, NULL, 10) : i % 2 ? i : fresh + i;
        /* Told by the tear-down when it fails: cmocka leaves by longjmp. */
        *(uint64_t *)*state = seed;
        (void)set_up(NULL);
        events += run_history(seed);
        refusals += current->n_refusals;
        withdrawn += current->n_withdrawn;
        failed += current->n_dependents_failed;
        retries += current->n_retries;
        timed_out += current->n_timed_out;
        waits += current->n_waits;
        (void)tear_down(NULL);
    }
    *(uint64_t *)*state = 0;
    printf("%zu histories, %zu events, %zu refusals, %zu placements taken back, %zu steps of what "
           "waits for others, %zu failed"
           " with them, %zu retries, %zu timeouts\n",
           n, events, refusals, withdrawn, waits, failed, retries, timed_out);
    assert_true(one || histories < 100 ||
                (refusals && withdrawn && failed && retries && timed_out && waits));
}

static int seed_new(void **state)
{
    *state = ob_calloc(1, sizeof(uint64_t));
    return 0;
}

static int seed_tell(void **state)
{
    uint64_t seed = *(uint64_t *)*state;
    if (seed)
        printf("to see it again: OPENBATCH_TEST_SEED=%llu\n", (unsigned long long)seed);
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_history_keeps_the_rules_and_ends, seed_new,
                                        seed_tell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
