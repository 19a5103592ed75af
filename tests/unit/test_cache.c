/* The Redis wrapper, with a real server of its own. */
#include "unit.h"

#include <signal.h>

#include "ob/cache.h"
#include "ob/clock.h"
#include "own_server.h"

static own_server server;
static char address[128];

/* A command of words. */
static int command(ob_cache *cache, const char *text, redisReply **ret, ob_error *err)
{
    ob_cleanup(ob_freep) char *copy = ob_strdup(text);
    const char *argv[8];
    char *rest = NULL;
    int argc = 0;
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        argv[argc++] = word;
    return ob_cache_argv(cache, OB_POINT_SCALER_COUNTERS, argc, argv, NULL, ret, err);
}

static void commands_go_round_with_binary_values(void **state)
{
    ob_cache *cache = ob_cache_new(address, "secret", 2000);
    ob_error err = { 0 };
    redisReply *reply = NULL;
    const char *argv[] = { "SET", "k", "a\0b" };
    const size_t lens[] = { 3, 1, 3 };
    if (ob_cache_argv(cache, OB_POINT_SCALER_COUNTERS, 3, argv, lens, NULL, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(command(cache, "GET k", &reply, &err), 0);
    assert_int_equal(reply->len, 3);
    assert_memory_equal(reply->str, "a\0b", 3);
    freeReplyObject(reply);
    ob_cache_free(cache);
    ob_cache_free(NULL);
}

static void an_error_answer_keeps_the_connection(void **state)
{
    ob_cache *cache = ob_cache_new(address, "secret", 2000);
    ob_error err = { 0 };
    assert_int_equal(command(cache, "SET n text", NULL, &err), 0);
    assert_int_equal(command(cache, "INCR n", NULL, &err), -EPROTO);
    assert_false(err.retriable);
    assert_int_equal(command(cache, "PING", NULL, &err), 0);
    ob_cache_free(cache);
}

static void a_wrong_password_is_refused(void **state)
{
    const char *const passwords[] = { "wrong", NULL };
    for (int i = 0; i < 2; i++) {
        ob_cache *cache = ob_cache_new(address, passwords[i], 2000);
        ob_error err = { 0 };
        assert_int_equal(command(cache, "PING", NULL, &err), -EPROTO);
        assert_int_equal(command(cache, "PING", NULL, &err), -EPROTO);
        ob_cache_free(cache);
    }
}

static void a_silent_server_costs_the_timeout_and_no_more(void **state)
{
    ob_cache *cache = ob_cache_new(address, "secret", 200);
    ob_error err = { 0 };
    assert_int_equal(command(cache, "PING", NULL, &err), 0);
    (void)kill(server.pid, SIGSTOP);
    int64_t start = ob_mono_ms();
    assert_int_equal(command(cache, "PING", NULL, &err), -EIO);
    assert_true(err.retriable);
    assert_true(ob_mono_ms() - start < 2000);
    (void)kill(server.pid, SIGCONT);
    redisReply *reply = NULL; /* the late answer to the first PING is not taken for this one's */
    assert_int_equal(command(cache, "ECHO new", &reply, &err), 0);
    assert_string_equal(reply->str, "new");
    freeReplyObject(reply);
    ob_cache_free(cache);
}

static void a_server_that_went_is_away(void **state)
{
    ob_cache *cache = ob_cache_new(address, "secret", 500);
    ob_error err = { 0 };
    assert_int_equal(command(cache, "PING", NULL, &err), 0);
    own_server_kill(&server);
    for (int i = 0; i < 2; i++) {
        err = (ob_error){ 0 };
        assert_int_equal(command(cache, "PING", NULL, &err), -EIO);
        assert_true(err.retriable);
    }
    ob_cache_free(cache);
    cache = ob_cache_new("127.0.0.1:1", NULL, 500);
    assert_int_equal(command(cache, "PING", NULL, &err), -EIO);
    ob_cache_free(cache);
}

int main(void)
{
    if (!own_redis_start(&server, "secret"))
        return 77;
    (void)snprintf(address, sizeof(address), "%s/redis.sock", server.dir);
    (void)signal(SIGPIPE, SIG_IGN); /* as ob_service_init does: hiredis writes to what is closed */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_go_round_with_binary_values),
        cmocka_unit_test(an_error_answer_keeps_the_connection),
        cmocka_unit_test(a_wrong_password_is_refused),
        cmocka_unit_test(a_silent_server_costs_the_timeout_and_no_more),
        cmocka_unit_test(a_server_that_went_is_away),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    own_server_stop(&server);
    return failed;
}
