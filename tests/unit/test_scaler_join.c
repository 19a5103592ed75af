/* Which executors, started by hand, are looked at for a row, and which environments get one of this
 * host. */
#include "unit.h"

#include <unistd.h>

#include "launches.h"
#include "ob/message.h"
#include "ob/topics.h"
#include "unmanaged.h"

#define ME "i-0123456789abcdef0"
#define OFFER                                                                                      \
    "{\"v\":1,\"type\":\"registered\",\"epoch\":0,\"session\":\"s\",\"ce\":\"hosts\","             \
    "\"join\":{\"mcpu\":1000,\"mem\":512,\"gpus\":0}}"

static scaler s;
static int64_t launched_for; /* the environment, 0: none */

__typeof__(launches_start) __wrap_launches_start;

int __wrap_launches_start(
    scaler *of, decide_launch *launches, env *const *envs, size_t n, int64_t now_ms, ob_error *err)
{
    (void)of, (void)launches, (void)now_ms, (void)err;
    assert_int_equal(n, 1);
    launched_for = envs[0]->id;
    return 0;
}

static int begin(void **state)
{
    char file[] = "/tmp/test_scaler_join.XXXXXX", secret[65];
    int fd = mkstemp(file);
    (void)state;
    ob_token_new(secret, 32);
    assert_int_equal(write(fd, secret, 64), 64);
    assert_int_equal(close(fd), 0);
    s = (scaler){ 0 };
    assert_int_equal(ob_seal_load(&s.seal, file, NULL), 0);
    return unlink(file);
}

static int end(void **state)
{
    (void)state;
    join_done(&s);
    ob_seal_done(&s.seal);
    return 0;
}

/* What an executor with this token offers, as the scaler reads it. */
static void offer(const char *token)
{
    ob_seal own = { 0 };
    ob_cleanup(ob_freep) char *data = NULL;
    json_auto_t *msg = NULL;
    const char *type = NULL;
    size_t len = 0;
    int64_t epoch = 0;
    assert_int_equal(ob_seal_own(&own, ME, token, 1, NULL), 0);
    assert_int_equal(
        ob_seal_write(&own, NULL, OB_TOPIC_EXECUTIONS, OFFER, strlen(OFFER), &data, &len, NULL), 0);
    ob_bus_msg one = { .topic = OB_TOPIC_EXECUTIONS, .data = data, .len = len };
    assert_int_equal(ob_seal_parse(&s.seal, &one, &msg, &type, &epoch, NULL), 0);
    join_note(&s, msg);
}

static void a_host_with_a_join_token_is_looked_at_once(void **state)
{
    char join[OB_SEAL_JOIN_TEXT], token[OB_SEAL_TOKEN_TEXT];
    ob_seal_join_new(&s.seal, join);
    assert_int_equal(ob_seal_join_token(join, ME, NULL, token, NULL), 0);
    offer(token);
    offer(token);
    assert_int_equal(s.n_offers, 1);
}

/* Its key opens, and follows from its join token: it is no key of its own. */
static void a_host_with_the_key_of_an_earlier_version_is_refused(void **state)
{
    char token[OB_SEAL_TOKEN_TEXT];
    const ob_seal_owner before = { .instance = ME,
                                   .salt = "0123456789abcdef00112233445566778899aabbccddeeff" };
    ob_seal_token(&s.seal, &before, token);
    offer(token);
    assert_int_equal(s.n_offers, 0);
    assert_true(s.join_refused_at_ms > 0);
}

static void a_launched_instance_is_no_host_that_joins(void **state)
{
    char token[OB_SEAL_TOKEN_TEXT];
    ob_seal_owner launched = { .instance = ME };
    ob_seal_salt_new(launched.salt);
    ob_seal_token(&s.seal, &launched, token);
    offer(token);
    assert_int_equal(s.n_offers, 0);
}

static void room(provider *p, provider_room *ret)
{
    (void)p;
    *ret = (provider_room){ .limited = true, .mcpu = 2000, .mem_mib = 512 };
}

/* The instances of a cluster are its nodes. */
static void no_executor_of_this_host_serves_a_cluster(void **state)
{
    (void)state;
    const provider_ops ops = { .room = room };
    provider local = { .ops = &ops };
    env of_hosts = { .id = 7, .enabled = true };
    s.provider = &local;
    s.config.unmanaged_local = true;
    HASH_ADD(hh, s.envs, id, sizeof(of_hosts.id), (&of_hosts));
    of_hosts.kubernetes = true;
    launched_for = 0;
    assert_int_equal(join_turn(&s, 1, NULL), 0);
    assert_int_equal(launched_for, 0);
    of_hosts.kubernetes = false;
    assert_int_equal(join_turn(&s, 1, NULL), 0);
    assert_int_equal(launched_for, 7);
    HASH_DEL(s.envs, (&of_hosts));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_host_with_a_join_token_is_looked_at_once, begin, end),
        cmocka_unit_test_setup_teardown(a_host_with_the_key_of_an_earlier_version_is_refused, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_launched_instance_is_no_host_that_joins, begin, end),
        cmocka_unit_test_setup_teardown(no_executor_of_this_host_serves_a_cluster, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
