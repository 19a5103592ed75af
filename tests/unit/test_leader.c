/* Leadership, in a database of its own: a stalled leader continues if there is no standby, and a
 * standby ends it; an active one is never ended. */
#include "unit.h"

#include <unistd.h>

#include "migrated.h"
#include "ob/clock.h"
#include "ob/leader.h"
#include "own_server.h"

#define STALL_MS 2500 /* a second is what a standby waits */
#define TAKEN_MS 7500 /* before the session ends by itself */

static own_server server;
static char conninfo[128];
static const ob_db_stmt none[] = { { 0 } };

static int start(void **state)
{
    (void)state;
    if (!own_postgres_start(&server))
        return 0;
    (void)snprintf(conninfo, sizeof(conninfo), "host=%s user=postgres dbname=postgres", server.dir);
    migrate(conninfo, SQL_DIR);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    if (server.pid)
        own_server_stop(&server);
    return 0;
}

static bool try(ob_leader *leader)
{
    ob_error err = { 0 };
    int r = ob_leader_try(leader, &err);
    if (r < 0)
        fail_msg("%s", err.text);
    return r == 1;
}

static void a_leader_that_stalls_goes_on_where_nobody_stands_by(void **state)
{
    (void)state;
    if (!server.pid)
        skip();
    ob_leader *leader = ob_leader_new(conninfo, "scaler", none);
    assert_true(try(leader));
    int64_t epoch = ob_leader_epoch(leader);
    (void)usleep(STALL_MS * 1000);
    assert_int_equal(ob_leader_keep(leader, NULL), 0);
    assert_int_equal(ob_leader_begin(leader, NULL), 0);
    assert_int_equal(ob_leader_commit(leader, OB_POINT_SCALER_STATUS, 5000, NULL, 0, NULL), 0);
    assert_int_equal(ob_leader_epoch(leader), epoch);
    ob_leader_free(leader);
}

/* For 'ms' the one keeps itself or not, and the other tries. True: the other leads now. */
static bool is_taken_over(ob_leader *one, ob_leader *other, bool keeps, int64_t ms)
{
    for (int64_t until_ms = ob_mono_ms() + ms; ob_mono_ms() < until_ms;) {
        if (keeps)
            assert_int_equal(ob_leader_keep(one, NULL), 0);
        if (try(other))
            return true;
        (void)usleep(OB_LEADER_TRY_MS * 1000 / 2);
    }
    return false;
}

static void a_standby_takes_over_from_who_stalls_and_from_nobody_else(void **state)
{
    (void)state;
    if (!server.pid)
        skip();
    ob_leader *one = ob_leader_new(conninfo, "scaler", none);
    ob_leader *other = ob_leader_new(conninfo, "scaler", none);
    assert_true(try(one));
    int64_t epoch = ob_leader_epoch(one);
    assert_false(is_taken_over(one, other, true, STALL_MS));
    assert_true(is_taken_over(one, other, false, TAKEN_MS));
    assert_true(ob_leader_epoch(other) > epoch);
    assert_true(ob_leader_keep(one, NULL) < 0);
    ob_leader_free(one);
    ob_leader_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leader_that_stalls_goes_on_where_nobody_stands_by),
        cmocka_unit_test(a_standby_takes_over_from_who_stalls_and_from_nobody_else),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
