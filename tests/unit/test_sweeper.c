/* Periodic work, with a real server of its own. */
#include "unit.h"

#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "ob/clock.h"
#include "ob/sweeper.h"
#include "own_server.h"

static atomic_llong ahead_s; /* of the wall clock */

/* In place of libc's. */
int clock_gettime(clockid_t clock, struct timespec *ts)
{
    int r = (int)syscall(SYS_clock_gettime, clock, ts);
    if (clock == CLOCK_REALTIME)
        ts->tv_sec += atomic_load(&ahead_s);
    return r;
}

static own_server server;
static char conninfo[128];
static const ob_db_stmt stmts[] = { { "one", "SELECT 1", false }, { 0 } };

static atomic_int passes, failures, rests;
static atomic_bool rested;

static void on_failure(int r, const ob_error *err, void *arg)
{
    (void)atomic_fetch_add(&failures, 1);
}

static int one_statement(ob_sweeper *sweeper, ob_db *db, void *arg, ob_error *err)
{
    int r = ob_db_exec(db, "one", NULL, NULL, err);
    if (r == 0)
        (void)atomic_fetch_add(&passes, 1);
    return r;
}

static int endless(ob_sweeper *sweeper, ob_db *db, void *arg, ob_error *err)
{
    while (ob_sweeper_rest(sweeper))
        (void)atomic_fetch_add(&rests, 1);
    atomic_store(&rested, true);
    return -ECANCELED;
}

static ob_sweeper *start(ob_sweep sweep)
{
    ob_sweeper *sweeper = NULL;
    assert_int_equal(ob_sweeper_start(&(ob_sweeper_config){ .conninfo = conninfo,
                                                            .application = "test",
                                                            .stmts = stmts,
                                                            .every_ms = 5,
                                                            .sweep = sweep,
                                                            .failed = on_failure },
                                      &sweeper, NULL),
                     0);
    return sweeper;
}

/* Until the counter has reached 'n'. */
static void wait_for(atomic_int *counter, int n)
{
    const struct timespec nap = { .tv_nsec = 5000000 };
    int64_t until_ms = ob_mono_ms() + 20000;
    while (atomic_load(counter) < n) {
        assert_true(ob_mono_ms() < until_ms);
        (void)nanosleep(&nap, NULL);
    }
}

static void passes_come_again_also_after_the_server_was_away(void **state)
{
    ob_sweeper *sweeper = start(one_statement);
    wait_for(&passes, 3);
    own_server_kill(&server);
    wait_for(&failures, 2);
    own_postgres_restart(&server);
    wait_for(&passes, atomic_load(&passes) + 2);
    ob_sweeper_stop(sweeper);
    int after = atomic_load(&passes);
    const struct timespec nap = { .tv_nsec = 50000000 };
    (void)nanosleep(&nap, NULL);
    assert_int_equal(atomic_load(&passes), after);
}

static void a_stop_ends_a_long_pass_between_two_steps(void **state)
{
    ob_sweeper *sweeper = start(endless);
    wait_for(&rests, 3);
    ob_sweeper_stop(sweeper);
    assert_true(atomic_load(&rested));
    ob_sweeper_stop(NULL);
}

static void retention_is_looked_after_in_good_time(void **state)
{
    assert_int_equal(ob_sweeper_interval(1), 500);
    assert_int_equal(ob_sweeper_interval(3600), 3600);
    assert_int_equal(ob_sweeper_interval(7 * 86400), 600000);
}

/* The last one: it stays so for an hour. */
static void nothing_goes_by_its_age_while_the_clock_was_set_a_moment_ago(void **state)
{
    const struct timespec nap = { .tv_nsec = 300000000 };
    (void)ob_wall_ms();
    atomic_store(&ahead_s, 86400);
    int before = atomic_load(&passes);
    ob_sweeper *sweeper = start(one_statement);
    (void)nanosleep(&nap, NULL);
    ob_sweeper_stop(sweeper);
    assert_int_equal(atomic_load(&passes), before);
}

int main(void)
{
    if (!own_postgres_start(&server))
        return 77;
    (void)snprintf(conninfo, sizeof(conninfo), "host=%s user=postgres dbname=postgres", server.dir);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_come_again_also_after_the_server_was_away),
        cmocka_unit_test(a_stop_ends_a_long_pass_between_two_steps),
        cmocka_unit_test(retention_is_looked_after_in_good_time),
        cmocka_unit_test(nothing_goes_by_its_age_while_the_clock_was_set_a_moment_ago),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    own_server_stop(&server);
    return failed;
}
