/* The scaler's counters, against a real Redis of their own. */
#include "unit.h"

#include <string.h>

#include "counters.h"
#include "ob/cache.h"
#include "own_server.h"

static own_server server;
static char address[128];

static json_t *all_with(int runs)
{
    return json_pack("{s:{s:s, s:i, s:i, s:i}, s:{s:s, s:i}}", "ce:7", "name", "blue",
                     "provisionedVcpus", 8, "allocatedMcpu", 3000, "runs", runs, "instance:i-1",
                     "type", "m5.large", "runs", runs);
}

static void redis(const char *command)
{
    ob_cache *cache = ob_cache_new(address, NULL, 2000);
    ob_error err = { 0 };
    if (ob_cache_cmd(cache, NULL, &err, command) < 0)
        fail_msg("%s", err.text);
    ob_cache_free(cache);
}

static void counters_are_rebuilt_before_they_are_written(void **state)
{
    (void)state;
    counters *c = counters_new(address, NULL);
    ob_error err = { 0 };
    counters_totals sum = { 0 };
    json_auto_t *first = all_with(2);
    json_auto_t *second = all_with(5);
    counters_begin(c, 10);
    assert_true(counters_lost(c));
    assert_int_equal(counters_write(c, first, false, &err), -ESTALE);
    assert_int_equal(counters_write(c, first, true, &err), 0);
    assert_false(counters_lost(c));
    assert_int_equal(counters_write(c, second, false, &err), 0);
    assert_int_equal(counters_sum(c, &sum, &err), 0);
    assert_int_equal(sum.provisioned_vcpus, 8);
    assert_int_equal(sum.allocated_mcpu, 3000);
    assert_int_equal(sum.runs, 5);
    assert_int_equal(sum.heartbeats, 0);
    assert_int_equal(counters_beat(c, (const char *[]){ "i-1", "i-2" }, 2, 60000, &err), 0);
    assert_int_equal(counters_sum(c, &sum, &err), 0);
    assert_int_equal(sum.heartbeats, 1); /* of the instances that are counted */

    /* What is no longer there goes. */
    json_auto_t *none = json_object();
    assert_int_equal(counters_write(c, none, false, &err), 0);
    assert_int_equal(counters_sum(c, &sum, &err), 0);
    assert_int_equal(sum.runs + sum.provisioned_vcpus + sum.heartbeats, 0);
    counters_free(c);
}

static void flushed_counters_are_found_lost(void **state)
{
    (void)state;
    counters *c = counters_new(address, NULL);
    ob_error err = { 0 };
    counters_totals sum = { 0 };
    json_auto_t *first = all_with(1);
    json_auto_t *second = all_with(2);
    counters_begin(c, 11);
    assert_int_equal(counters_write(c, first, true, &err), 0);
    redis("FLUSHALL");
    assert_int_equal(counters_sum(c, &sum, &err), -ESTALE);
    assert_true(counters_lost(c));
    assert_int_equal(counters_write(c, second, true, &err), 0);
    redis("FLUSHALL");
    assert_int_equal(counters_write(c, first, false, &err), -ESTALE);
    assert_true(counters_lost(c));
    assert_int_equal(counters_write(c, first, true, &err), 0);
    assert_int_equal(counters_sum(c, &sum, &err), 0);
    assert_int_equal(sum.runs, 1);
    counters_free(c);
}

static void a_foreign_version_is_not_built_upon(void **state)
{
    (void)state;
    counters *c = counters_new(address, NULL);
    ob_error err = { 0 };
    json_auto_t *first = all_with(1);
    json_auto_t *second = all_with(2);
    counters_begin(c, 12);
    assert_int_equal(counters_write(c, first, true, &err), 0);
    redis("HSET openbatch:counters version 99");
    assert_int_equal(counters_write(c, second, false, &err), -ESTALE);
    assert_true(counters_lost(c));
    counters_free(c);
}

static void an_older_leader_writes_nothing_over_a_later_one(void **state)
{
    (void)state;
    counters *old = counters_new(address, NULL), *new = counters_new(address, NULL);
    ob_error err = { 0 };
    counters_totals sum = { 0 };
    json_auto_t *first = all_with(1);
    json_auto_t *second = all_with(2);
    counters_begin(old, 20);
    counters_begin(new, 21);
    assert_int_equal(counters_write(old, first, true, &err), 0);
    assert_int_equal(counters_write(new, second, true, &err), 0);
    json_auto_t *third = all_with(3);
    assert_int_equal(counters_write(old, third, false, &err), -EPERM);
    assert_int_equal(counters_write(old, third, true, &err), -EPERM);
    assert_int_equal(counters_sum(new, &sum, &err), 0);
    assert_int_equal(sum.runs, 2);
    counters_free(old);
    counters_free(new);
}

/* Runs last: it ends the server. */
static void a_redis_that_is_away_is_an_error_and_no_more(void **state)
{
    (void)state;
    counters *c = counters_new(address, NULL);
    ob_error err = { 0 };
    json_auto_t *first = all_with(1);
    counters_begin(c, 30);
    own_server_kill(&server);
    assert_int_equal(counters_write(c, first, true, &err), -EIO);
    assert_true(counters_lost(c));
    assert_true(err.retriable);
    counters_free(c);
}

int main(void)
{
    if (!own_redis_start(&server, NULL)) {
        print_message("redis-server is not installed\n");
        return 77;
    }
    (void)snprintf(address, sizeof(address), "%s/redis.sock", server.dir);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_are_rebuilt_before_they_are_written),
        cmocka_unit_test(flushed_counters_are_found_lost),
        cmocka_unit_test(a_foreign_version_is_not_built_upon),
        cmocka_unit_test(an_older_leader_writes_nothing_over_a_later_one),
        cmocka_unit_test(a_redis_that_is_away_is_an_error_and_no_more),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    own_server_stop(&server);
    return failed;
}
