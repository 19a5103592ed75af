/* Sealed messages of hosts that join: keys, join tokens, and hosts of earlier versions. */
#include "sealing.h"

#include "../../shared/src/seal_internal.h"
#include "ob/clock.h"

#define NAME "0123456789abcdef"
#define SALT_BEFORE NAME "00112233445566778899aabbccddeeff"

static void a_host_that_joins_and_the_services_derive_the_same_key(void **state)
{
    char join[OB_SEAL_JOIN_TEXT], again[OB_SEAL_JOIN_TEXT];
    ob_seal_join_new(&copy, join);
    assert_int_equal(strlen(join), 144);
    ob_seal own = joined_by(join, ME);
    assert_true(ob_seal_join_of(&copy, own.self.salt, again));
    assert_string_equal(again, join);
    assert_false(ob_seal_is_host_of_before(own.self.salt));
    for (int i = 0; i < 2; i++) { /* computed, and remembered */
        json_auto_t *msg = parsed(&own, TEXT);
        assert_string_equal(ob_json_str(msg, "instance", ""), ME);
        assert_string_equal(ob_seal_salt_of(msg), own.self.salt);
    }
    /* Another join token opens nothing of it. */
    ob_seal_join_new(&copy, again);
    memcpy(join, again, 16);
    own = joined_by(join, ME);
    sealed s = by(&own, OB_TOPIC_EXECUTIONS, TEXT);
    assert_int_equal(read_at(&copy, OB_TOPIC_EXECUTIONS, s), -EBADMSG);
    free(s.data);
}

/* Computed by Python: hmac, and HKDF and X25519 of its package cryptography, from docs/messages.md.
 * The copy's secret is the bytes 0 to 31, the host's private key the bytes 100 to 131. */
static void keys_are_those_of_another_program(void **state)
{
    static const char join[] =
        NAME "73ad5fd6808b6d7052f26118f784fcb07a7d59ad31cb8d2b634c7924d098d376"
             "00c00117a6e250e9e168e9c8264af9f8b84916febc222c2ec0b9c41cbcf8c402";
    static const char salt[] =
        NAME "7d9c24316539825c1896e57f28197746793ce60cbee3ad47da9d07b85fa55e2a";
    static const struct {
        const char *salt, *key;
    } keys[] = {
        { salt, "33d0a1ddad6150cb7edbc1f4444d9c5580deb92600daa687559602c18c74cc2d" },
        { SALT_BEFORE, "98693e5e697a80cbeb9361db4525c9ebd59eb62d75cbe32c3727e6bdab282170" },
        { "000000000000000000112233445566778899aabbccddeeff",
          "8712d301db6cf4a906342243e1397cff353f5b4e7a6c41ad275b6451f9039a4f" },
    };
    ob_seal known = { 0 };
    ob_seal_owner host = { .instance = ME };
    char text[OB_SEAL_JOIN_TEXT], token[OB_SEAL_TOKEN_TEXT];
    uint8_t own[OB_SEAL_KEY], key[OB_SEAL_KEY], expected[OB_SEAL_KEY];
    load(&known, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        ob_seal_owner owner = { .instance = ME };
        (void)snprintf(owner.salt, sizeof(owner.salt), "%s", keys[i].salt);
        ob_seal_token(&known, &owner, token);
        assert_string_equal(strchr(token, '.') + 1, keys[i].key);
    }
    assert_true(ob_seal_join_of(&known, salt, text));
    assert_string_equal(text, join);
    for (size_t i = 0; i < sizeof(own); i++)
        own[i] = (uint8_t)(100 + i);
    assert_int_equal(seal_host_join(join, own, &host, key, NULL), 0);
    assert_string_equal(host.salt, salt);
    assert_true(seal_read_hex(keys[0].key, expected, sizeof(expected)));
    assert_memory_equal(key, expected, sizeof(key));
    ob_seal_done(&known);
}

/* With the join token, and the ids and salts of all that joined by it, nobody is another one. */
static void a_join_token_gives_no_key_of_others(void **state)
{
    char join[OB_SEAL_JOIN_TEXT];
    ob_seal_join_new(&copy, join);
    ob_seal victim = joined_by(join, OTHER), attacker = joined_by(join, ME);
    sealed order = order_for(&copy, &victim.self);
    ob_seal tries[3];
    tries[0] = joined_by(join, OTHER); /* its id, under a key pair of its own */
    tries[1] = attacker;               /* its head, under the own key */
    tries[1].self = victim.self;
    tries[2] = attacker; /* as in earlier versions: from the join token alone */
    memset(&tries[2].self, 0, sizeof(tries[2].self));
    memcpy(tries[2].self.instance, OTHER, sizeof(OTHER));
    memcpy(tries[2].self.salt, victim.self.salt, 48);
    uint8_t token[OB_SEAL_KEY];
    assert_true(seal_read_hex(join + 16, token, sizeof(token)));
    seal_derive(token, "instance", OTHER, tries[2].self.salt, 48, tries[2].key);
    ob_seal_trust trust = { 0 };
    ob_seal_trust_set(&trust, victim.self.salt, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
        json_t *msg = NULL;
        sealed forged = by(&tries[i], OB_TOPIC_EXECUTIONS, TEXT);
        assert_true(parse(forged, OB_TOPIC_EXECUTIONS, &msg) < 0 || !ob_seal_accepts(&trust, msg));
        json_decref(msg);
        ob_seal reader = tries[i];
        reader.self = victim.self; /* it does not care what the head says */
        assert_int_equal(read_at(&reader, OB_TOPIC_PLACEMENTS, order), -EBADMSG);
        free(forged.data);
    }
    assert_int_equal(read_at(&victim, OB_TOPIC_PLACEMENTS, order), 0);
    free(order.data);
}

/* Public keys with which everybody has the same in common, and what a change of a bit makes of
 * them. */
static void a_public_key_of_low_order_is_refused(void **state)
{
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };
    char join[OB_SEAL_JOIN_TEXT], token[OB_SEAL_TOKEN_TEXT];
    ob_error err = { 0 };
    sealed s;
    ob_seal_join_new(&copy, join);
    ob_seal own = joined_by(join, ME);
    for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
        ob_seal_owner owner = own.self;
        memcpy(owner.salt + 16, points[i], 64);
        assert_int_equal(ob_seal_write(&copy, &owner, OB_TOPIC_PLACEMENTS, TEXT, strlen(TEXT),
                                       &s.data, &s.len, &err),
                         -EINVAL);
        ob_seal forged = own;
        forged.self = owner;
        s = by(&forged, OB_TOPIC_EXECUTIONS, TEXT);
        assert_int_equal(read_at(&copy, OB_TOPIC_EXECUTIONS, s), -EBADMSG);
        free(s.data);
        memcpy(join + 80, points[i], 64);
        assert_int_equal(ob_seal_join_token(join, ME, NULL, token, &err), -EINVAL);
        assert_non_null(strstr(err.text, "openbatch join"));
    }
}

static void what_is_no_join_token_is_refused(void **state)
{
    char join[OB_SEAL_JOIN_TEXT], token[OB_SEAL_TOKEN_TEXT];
    ob_error err = { 0 };
    ob_seal_join_new(&copy, join);
    for (size_t len = 0; len < strlen(join); len++) {
        ob_cleanup(ob_freep) char *cut = ob_strdup(join);
        cut[len] = 'A';
        assert_int_equal(ob_seal_join_token(cut, ME, NULL, token, &err), -EINVAL);
        cut[len] = '\0';
        assert_int_equal(ob_seal_join_token(cut, ME, NULL, token, &err), -EINVAL);
        assert_non_null(strstr(err.text, "openbatch join"));
        assert_true((len == 80) == (strstr(err.text, "earlier version") != NULL));
    }
}

/* It works as long as it is the same instance, and no new one is taken in (test_scaler_join.c).
 */
static void a_host_that_joined_with_an_earlier_version_goes_on(void **state)
{
    char join[OB_SEAL_JOIN_TEXT];
    ob_seal own = executor_of(ME, SALT_BEFORE, 1);
    ob_seal_trust trust = { 0 };
    ob_seal_trust_set(&trust, SALT_BEFORE, NULL);
    opens_for_both(&own, LAUNCHED_MORE);
    json_auto_t *msg = parsed(&own, TEXT);
    assert_true(ob_seal_accepts(&trust, msg));
    assert_true(ob_seal_is_host_of_before(own.self.salt));
    assert_false(ob_seal_join_of(&copy, own.self.salt, join));
    assert_false(ob_seal_is_host_of_before(OB_SEAL_FIRST_SALT));
    assert_false(ob_seal_join_of(&copy, OB_SEAL_FIRST_SALT, join));
}

/* More of them than a service remembers the keys of. */
static void many_hosts_may_join(void **state)
{
    enum { FIRST = 20, MANY = 5000 };
    char join[OB_SEAL_JOIN_TEXT];
    uint8_t key[OB_SEAL_KEY], same[OB_SEAL_KEY];
    ob_seal_owner owner = { .instance = ME };
    ob_seal_join_new(&copy, join);
    int64_t first_us = 0, later_us = 0;
    for (int i = 0; i < FIRST; i++) {
        ob_seal own = joined_by(join, ME);
        sealed s = by(&own, OB_TOPIC_EXECUTIONS, TEXT);
        int64_t begun_us = ob_mono_us();
        assert_int_equal(read_at(&copy, OB_TOPIC_EXECUTIONS, s), 0);
        first_us += ob_mono_us() - begun_us;
        begun_us = ob_mono_us();
        assert_int_equal(read_at(&copy, OB_TOPIC_EXECUTIONS, s), 0);
        later_us += ob_mono_us() - begun_us;
        free(s.data);
    }
    print_message("a host's first message opened in %.1f us, a later one in %.1f us\n",
                  (double)first_us / FIRST, (double)later_us / FIRST);
    ob_seal last = joined_by(join, ME);
    sealed s = by(&last, OB_TOPIC_EXECUTIONS, TEXT);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(owner.salt, sizeof(owner.salt), "%080x", i);
        memset(key, i, sizeof(key));
        seal_host_remember(&copy, &owner, key);
        assert_true(seal_host_key(&copy, &owner, same));
        assert_memory_equal(same, key, sizeof(key));
        if (i % 1000 == 0)
            assert_int_equal(read_at(&copy, OB_TOPIC_EXECUTIONS, s), 0);
    }
    free(s.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_that_joins_and_the_services_derive_the_same_key),
        cmocka_unit_test(keys_are_those_of_another_program),
        cmocka_unit_test(a_join_token_gives_no_key_of_others),
        cmocka_unit_test(a_public_key_of_low_order_is_refused),
        cmocka_unit_test(what_is_no_join_token_is_refused),
        cmocka_unit_test(a_host_that_joined_with_an_earlier_version_goes_on),
        cmocka_unit_test(many_hosts_may_join),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
