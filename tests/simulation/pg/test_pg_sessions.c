/* The simulated PostgreSQL does what the real one does: sessions and transactions that end because
 * they are idle, and texts without a name. */
#include "pairs.h"

#include <time.h>

static void exec_int(pair *p, const char *stmt, int64_t value)
{
    ob_cleanup(ob_params_done) ob_params params = { 0 };
    ob_param_int(&params, value);
    (void)pair_exec(p, declared_find(shared_declarations, stmt), NULL, &params);
}

static void pause_ms(int64_t ms)
{
    (void)nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

static void sessions_end_in_the_same_way(void **state)
{
    (void)state;
    if (!api)
        skip();
    open_all();
    pair *holder = &connections[0].pair, *rival = &connections[1].pair;
    assert_true(pair_exec(holder, NULL, "SET idle_session_timeout = '2s'", NULL) >= 0);
    exec_int(holder, "leader_lock", OB_ROLE_SCHEDULER);
    exec_int(rival, "leader_lock", OB_ROLE_SCHEDULER);
    exec_int(rival, "leader_end_stalled", OB_ROLE_SCHEDULER); /* too early */
    pause_ms(1200);
    exec_int(rival, "leader_end_stalled", OB_ROLE_SCHEDULER);
    pause_ms(100); /* the backend needs a moment to end */
    exec_int(rival, "leader_lock", OB_ROLE_SCHEDULER);
    assert_int_equal(pair_exec(holder, NULL, "SELECT 1", NULL), -1);
    assert_false(real_side.ok(holder->real));
    assert_false(sim_side.ok(holder->sim));

    assert_true(pair_exec(rival, NULL, "SET idle_session_timeout = '500ms'", NULL) >= 0);
    assert_int_equal(sim_pg_leader(OB_ROLE_SCHEDULER), 1);
    pause_ms(800);
    assert_int_equal(sim_pg_leader(OB_ROLE_SCHEDULER), -1);
    exec_int(&connections[2].pair, "leader_lock", OB_ROLE_SCHEDULER);
    assert_int_equal(pair_exec(rival, NULL, "SELECT 1", NULL), -1);
}

static void transactions_that_are_idle_end_in_the_same_way(void **state)
{
    (void)state;
    if (!api)
        skip();
    open_all();
    pair *p = &connections[0].pair;
    assert_true(pair_exec(p, NULL, "SET idle_in_transaction_session_timeout = '300ms'", NULL) >= 0);
    assert_true(pair_exec(p, NULL, "BEGIN", NULL) >= 0);
    exec_int(p, "leader_lock", OB_ROLE_SCHEDULER);
    pause_ms(600);
    assert_int_equal(pair_exec(p, NULL, "SELECT 1", NULL), -1);
}

static void texts_without_a_name_have_the_same_results(void **state)
{
    (void)state;
    if (!api)
        skip();
    open_all();
    char sql[64];
    (void)snprintf(sql, sizeof(sql), "INSERT INTO schema_migration VALUES (%d)", OB_SCHEMA_VERSION);
    assert_int_equal(real_side.sql(api, sql, NULL, NULL, NULL), 0);
    int n = 0;
    for (const declared *d = shared_declarations; d->name; d++)
        if (strcmp(d->table, "none") == 0 && ++n)
            assert_true(pair_exec(&connections[0].pair, NULL, d->sql, NULL) >= 0);
    assert_int_equal(n, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(sessions_end_in_the_same_way, close_all),
        cmocka_unit_test_teardown(transactions_that_are_idle_end_in_the_same_way, close_all),
        cmocka_unit_test_teardown(texts_without_a_name_have_the_same_results, close_all),
    };
    return cmocka_run_group_tests(tests, start, end);
}
