/* The pool of database connections, with a real server of its own. */
#include "unit.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "ob/clock.h"
#include "own_server.h"
#include "request/db_pool.h"

#define ROUNDS 200

static own_server server;
static char conninfo[128];

static const ob_db_stmt stmts[] = { { "pid", "SELECT pg_backend_pid()", false }, { 0 } };
static const ob_db_stmt *const tables[] = { stmts, NULL };

static ob_db *take(db_pool *pool)
{
    ob_db *db = NULL;
    ob_error err = { 0 };
    if (db_pool_take(pool, &db, &err) < 0)
        fail_msg("%s", err.text);
    return db;
}

static int64_t backend(ob_db *db)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_error err = { 0 };
    if (ob_db_exec(db, "pid", NULL, &res, &err) < 0)
        fail_msg("%s", err.text);
    return ob_col_int(res, 0, 0, -1);
}

static void a_connection_given_back_is_taken_again(void **state)
{
    db_pool *pool = db_pool_new(conninfo, tables, 2);
    ob_db *a = take(pool), *b = take(pool);
    int64_t pid = backend(b);
    assert_true(backend(a) != pid);
    db_pool_give(pool, a);
    db_pool_give(pool, b);
    db_pool_give(pool, NULL);
    a = take(pool);
    assert_int_equal(backend(a), pid); /* the last used first */
    db_pool_give(pool, a);
    db_pool_free(pool);
}

static void an_empty_pool_is_waited_for_two_seconds(void **state)
{
    db_pool *pool = db_pool_new(conninfo, tables, 1);
    ob_db *a = take(pool), *b = NULL;
    ob_error err = { 0 };
    int64_t start = ob_mono_ms();
    assert_int_equal(db_pool_take(pool, &b, &err), -EBUSY);
    assert_true(err.retriable);
    assert_in_range(ob_mono_ms() - start, 1990, 10000);
    db_pool_give(pool, a);
    b = take(pool);
    db_pool_give(pool, b);
    db_pool_free(pool);
}

static void what_is_broken_or_in_a_transaction_is_replaced(void **state)
{
    db_pool *pool = db_pool_new(conninfo, tables, 1);
    ob_error err = { 0 };
    ob_db *a = take(pool);
    int64_t first = backend(a);
    assert_int_equal(ob_db_sql(a, "BEGIN", NULL, NULL, &err), 0);
    db_pool_give(pool, a);
    a = take(pool);
    int64_t second = backend(a);
    assert_true(second != first);
    db_pool_give(pool, a);
    /* Ended by the server while nobody has it. */
    assert_int_equal(kill((pid_t)second, SIGTERM), 0);
    for (int i = 0; i < 500 && kill((pid_t)second, 0) == 0; i++)
        (void)nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    a = take(pool);
    assert_true(backend(a) != second);
    db_pool_give(pool, a);
    db_pool_free(pool);
}

static void a_server_that_is_away_is_told_at_once(void **state)
{
    db_pool *pool = db_pool_new("host=/nonexistent user=x", tables, 1);
    ob_error err = { 0 };
    ob_db *db = NULL;
    assert_int_equal(db_pool_take(pool, &db, &err), -EIO);
    assert_true(err.retriable);
    assert_int_equal(db_pool_take(pool, &db, &err), -ENOTCONN);
    assert_true(err.retriable);
    assert_null(db);
    db_pool_free(pool);
}

typedef struct crowd {
    db_pool *pool;
    atomic_int inside, most, failed;
} crowd;

static void *use_often(void *arg)
{
    crowd *c = arg;
    for (int i = 0; i < ROUNDS; i++) {
        ob_db *db = NULL;
        if (db_pool_take(c->pool, &db, NULL) < 0) {
            (void)atomic_fetch_add(&c->failed, 1);
            continue;
        }
        int n = atomic_fetch_add(&c->inside, 1) + 1;
        for (int most = atomic_load(&c->most);
             n > most && !atomic_compare_exchange_weak(&c->most, &most, n);)
            ;
        if (ob_db_exec(db, "pid", NULL, NULL, NULL) < 0)
            (void)atomic_fetch_add(&c->failed, 1);
        (void)atomic_fetch_sub(&c->inside, 1);
        db_pool_give(c->pool, db);
    }
    return NULL;
}

static void many_threads_share_few_connections(void **state)
{
    crowd c = { .pool = db_pool_new(conninfo, tables, 3) };
    pthread_t threads[12];
    for (int i = 0; i < 12; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_often, &c), 0);
    for (int i = 0; i < 12; i++)
        (void)pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&c.failed), 0);
    assert_in_range(atomic_load(&c.most), 1, 3);
    db_pool_free(c.pool);
}

int main(void)
{
    if (!own_postgres_start(&server))
        return 77;
    (void)snprintf(conninfo, sizeof(conninfo), "host=%s user=postgres dbname=postgres", server.dir);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_given_back_is_taken_again),
        cmocka_unit_test(an_empty_pool_is_waited_for_two_seconds),
        cmocka_unit_test(what_is_broken_or_in_a_transaction_is_replaced),
        cmocka_unit_test(a_server_that_is_away_is_told_at_once),
        cmocka_unit_test(many_threads_share_few_connections),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    own_server_stop(&server);
    return failed;
}
