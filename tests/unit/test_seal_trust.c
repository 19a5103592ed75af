/* Sealed messages: which of those that open count, and whose they are. */
#include "sealing.h"

/* A list of 'n' such entries in a message; what parsing it returns, sealed or not. */
static int parse_list(ob_seal *seal, const char *topic, const char *entry, int n)
{
    json_t *json;
    ob_cleanup(ob_freep) char *text = ob_calloc(100 + (size_t)n * (strlen(entry) + 1), 1);
    char *at = stpcpy(text, "{\"v\":1,\"type\":\"report\",\"runs\":[");
    for (int i = 0; i < n; i++)
        at = stpcpy(stpcpy(at, i ? "," : ""), entry);
    (void)stpcpy(at, "]}");
    sealed s = seal ? by(seal, topic, text) : (sealed){ text, strlen(text) };
    int r = parse(s, topic, &json);
    json_decref(json);
    if (seal)
        free(s.data);
    return r;
}

static json_t *in_clear(const char *text)
{
    json_t *json;
    assert_int_equal(
        parse((sealed){ (char *)(uintptr_t)text, strlen(text) }, OB_TOPIC_EXECUTIONS, &json), 0);
    return json;
}

static bool accepts(ob_seal_trust *trust, json_t *msg)
{
    bool ok = ob_seal_accepts(trust, msg);
    json_decref(msg);
    return ok;
}

static bool repeats(ob_seal_trust *trust, json_t *msg)
{
    bool is = ob_seal_repeats(trust, msg);
    json_decref(msg);
    return is;
}

static void a_sender_is_who_its_key_says(void **state)
{
    ob_seal own = some_executor(ME);
    json_auto_t *msg = parsed(&own, "{\"v\":1,\"type\":\"report\",\"epoch\":0,\"instance\":\"" OTHER
                                    "\",\"seal\":{\"salt\":\"x\",\"counted\":true}}");
    assert_string_equal(ob_json_str(msg, "instance", ""), ME);
    assert_string_equal(ob_seal_salt_of(msg), own.self.salt);
    json_auto_t *clear = in_clear("{\"v\":1,\"type\":\"report\",\"epoch\":0,\"instance\":\"" ME
                                  "\",\"seal\":{\"salt\":\"x\",\"number\":1}}");
    assert_false(ob_seal_is_sealed(clear));
}

static void the_row_decides_whether_a_message_counts(void **state)
{
    ob_seal own = some_executor(ME), before = some_executor(ME);
    ob_seal_trust trust = { 0 };
    char hash[OB_TOKEN_HASH_TEXT];
    ob_token_hash("t", hash);
    ob_seal_trust_set(&trust, own.self.salt, hash);
    assert_true(accepts(&trust, parsed(&own, TEXT)));
    assert_false(accepts(&trust, parsed(&before, TEXT))); /* the key of an earlier launch */
    assert_false(accepts(&trust, in_clear("{\"v\":1,\"type\":\"report\",\"token\":\"t\"}")));
    assert_false(accepts(&trust, in_clear("{\"v\":1,\"type\":\"report\",\"token\":\"\"}")));
}

static void an_executor_of_an_earlier_version_counts_until_it_has_a_key(void **state)
{
    static const char with_token[] = "{\"v\":1,\"type\":\"report\",\"token\":\"t\"}";
    ob_seal own = executor_of(ME, OB_SEAL_FIRST_SALT, 1), foreign = some_executor(ME);
    ob_seal_trust trust = { 0 };
    char hash[OB_TOKEN_HASH_TEXT];
    assert_false(accepts(&trust, in_clear("{\"v\":1,\"type\":\"report\",\"token\":\"\"}")));
    ob_token_hash("t", hash);
    ob_seal_trust_set(&trust, NULL, hash);
    assert_true(accepts(&trust, in_clear(with_token)));
    assert_false(accepts(&trust, in_clear("{\"v\":1,\"type\":\"report\",\"token\":\"u\"}")));
    assert_false(accepts(&trust, parsed(&foreign, TEXT)));
    assert_true(accepts(&trust, parsed(&own, TEXT)));
    assert_false(accepts(&trust, in_clear(with_token))); /* there is no way back */
    ob_seal_trust_set(&trust, NULL, hash);               /* the row does not have it yet */
    assert_false(accepts(&trust, in_clear(with_token)));
    assert_true(accepts(&trust, parsed(&own, TEXT)));
}

/* One that had joined: with another join token, and the token that its row knows. */
static void a_joined_executor_of_an_earlier_version_shows_its_former_token(void **state)
{
    char join[OB_SEAL_JOIN_TEXT], token[OB_SEAL_TOKEN_TEXT], former[65], hash[OB_TOKEN_HASH_TEXT];
    ob_seal own = { 0 };
    ob_seal_trust trust = { 0 };
    ob_token_new(former, 32);
    ob_token_hash(former, hash);
    ob_seal_trust_set(&trust, NULL, hash);
    ob_seal_join_new(&copy, join);
    assert_int_equal(ob_seal_join_token(join, ME, former, token, NULL), 0);
    assert_int_equal(ob_seal_own(&own, ME, token, 1, NULL), 0);
    assert_string_equal(own.former, former);
    assert_false(accepts(&trust, parsed(&own, TEXT)));
    ob_cleanup(ob_freep) char *text =
        ob_strf("{\"v\":1,\"type\":\"report\",\"token\":\"%s\"}", former);
    assert_true(accepts(&trust, parsed(&own, text)));
    assert_true(accepts(&trust, parsed(&own, TEXT)));
    assert_false(accepts(&trust, in_clear(text)));
}

static void a_message_counts_once_and_none_before_it_counts_later(void **state)
{
    char salt[OB_SEAL_SALT_TEXT];
    ob_seal_salt_new(salt);
    ob_seal first = executor_of(ME, salt, 1), second = executor_of(ME, salt, 2);
    ob_seal_trust trust = { 0 };
    ob_seal_trust_set(&trust, salt, NULL);
    json_t *a = parsed(&first, TEXT), *b = parsed(&first, TEXT), *c = parsed(&first, TEXT);
    json_t *b_again = json_deep_copy(b), *c_again = json_deep_copy(c);
    assert_false(ob_seal_repeats(&trust, b));
    assert_false(ob_seal_repeats(&trust, b)); /* the same object, fed again after a failed round */
    assert_true(repeats(&trust, b_again));
    assert_true(repeats(&trust, a));   /* an earlier one, late */
    json_t *d = parsed(&second, TEXT); /* its next process */
    assert_false(repeats(&trust, d));
    assert_true(repeats(&trust, c));
    assert_true(repeats(&trust, c_again));
    assert_true(repeats(&trust, parsed(&first, TEXT)));
    assert_false(repeats(&trust, parsed(&second, TEXT)));
    ob_seal_salt_new(salt); /* launched anew: another key, another count */
    ob_seal_trust_set(&trust, salt, NULL);
    ob_seal third = executor_of(ME, salt, 1);
    assert_false(repeats(&trust, parsed(&third, TEXT)));
    json_decref(b);
}

/* They would cost far more than a report of that length. */
static void a_message_full_of_small_values_is_refused(void **state)
{
    static const char *const small[] = { "{}", "[]", "1", "\"\"", "[[[]]]", "{\"run\":\"\"}" };
    static const char *const run =
        "{\"run\":\"018f0000-0000-7000-8000-000000000001:9999/1\",\"state\":\"exited\","
        "\"startedAt\":1700000000000,\"stoppedAt\":1700000000000,\"exitCode\":0,\"oom\":true,"
        "\"cpuMs\":1,\"peakBytes\":4096,\"started\":true,\"timedOut\":true,\"reason\":\"\","
        "\"statusReason\":\"\"}";
    ob_seal own = some_executor(ME);
    for (size_t i = 0; i < ARRAY_SIZE(small); i++) {
        assert_int_equal(parse_list(&own, OB_TOPIC_EXECUTIONS, small[i], 20000), -EINVAL);
        assert_int_equal(parse_list(NULL, OB_TOPIC_EXECUTIONS, small[i], 20000), -EINVAL);
        assert_int_equal(parse_list(&own, OB_TOPIC_EXECUTIONS, small[i], 10), 0);
        assert_int_equal(parse_list(&own, OB_TOPIC_LOGS, small[i], 20000), 0);
    }
    assert_int_equal(parse_list(&own, OB_TOPIC_EXECUTIONS, run, 2000), 0);
    assert_int_equal(
        parse_list(&own, OB_TOPIC_EXECUTIONS,
                   "{\"run\":\"018f0000-0000-7000-8000-000000000001/1\",\"state\":\"running\"}",
                   7000),
        0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sender_is_who_its_key_says),
        cmocka_unit_test(the_row_decides_whether_a_message_counts),
        cmocka_unit_test(an_executor_of_an_earlier_version_counts_until_it_has_a_key),
        cmocka_unit_test(a_joined_executor_of_an_earlier_version_shows_its_former_token),
        cmocka_unit_test(a_message_full_of_small_values_is_refused),
        cmocka_unit_test(a_message_counts_once_and_none_before_it_counts_later),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
