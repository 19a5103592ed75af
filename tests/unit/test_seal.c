/* Sealed messages: what opens, what does not, and which of them count. */
#include "unit.h"

#include <unistd.h>

#include "ob/clock.h"
#include "ob/message.h"
#include "ob/seal.h"
#include "ob/topics.h"
#include "random_bytes.h"

#define ME "i-0123456789abcdef0"
#define OTHER "i-0123456789abcdef1"
#define TEXT "{\"v\":1,\"type\":\"report\",\"epoch\":0,\"session\":\"s\"}"

static ob_seal copy; /* a service's */

static int set_up(void **state)
{
    (void)state;
    char file[] = "/tmp/test_seal.XXXXXX";
    int fd = mkstemp(file);
    char secret[65];
    ob_token_new(secret, 32);
    assert_int_equal(write(fd, secret, 64), 64);
    assert_int_equal(close(fd), 0);
    assert_int_equal(ob_seal_load(&copy, file, NULL), 0);
    return unlink(file);
}

/* An executor of an instance that is launched with this salt. */
static ob_seal executor_of(const char *instance, const char *salt, uint32_t generation)
{
    ob_seal seal = { 0 };
    ob_error err = { 0 };
    ob_seal_owner owner = { 0 };
    char token[OB_SEAL_TOKEN_TEXT];
    (void)snprintf(owner.instance, sizeof(owner.instance), "%s", instance);
    (void)snprintf(owner.salt, sizeof(owner.salt), "%s", salt);
    ob_seal_token(&copy, &owner, token);
    if (ob_seal_own(&seal, instance, token, generation, &err) < 0)
        fail_msg("%s", err.text);
    return seal;
}

static ob_seal some_executor(const char *instance)
{
    char salt[OB_SEAL_SALT_TEXT];
    ob_seal_salt_new(salt);
    return executor_of(instance, salt, 1);
}

typedef struct sealed {
    char *data;
    size_t len;
} sealed;

static sealed by(ob_seal *seal, const char *topic, const char *text)
{
    sealed s = { 0 };
    s.len = ob_seal_write(seal, NULL, topic, text, strlen(text), &s.data);
    return s;
}

static int read_at(const ob_seal *seal, const char *topic, sealed s)
{
    ob_seal_opened m = { 0 };
    int r = ob_seal_read(seal, topic, s.data, s.len, &m, NULL);
    free(m.text);
    return r;
}

static int parse(sealed s, const char *topic, json_t **ret)
{
    const char *type;
    int64_t epoch;
    *ret = NULL;
    return ob_seal_parse(&copy, &(ob_bus_msg){ .topic = topic, .data = s.data, .len = s.len }, ret,
                         &type, &epoch, NULL);
}

static json_t *parsed(ob_seal *seal, const char *text)
{
    json_t *json;
    sealed s = by(seal, OB_TOPIC_EXECUTIONS, text);
    assert_int_equal(parse(s, OB_TOPIC_EXECUTIONS, &json), 0);
    free(s.data);
    return json;
}

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

/* ---- Opening ---- */

static void what_was_sealed_opens_for_both_sides(void **state)
{
    ob_seal own = some_executor(ME);
    ob_seal_opened m;
    sealed report = by(&own, OB_TOPIC_EXECUTIONS, TEXT);
    assert_int_equal(report.len, strlen(TEXT) + OB_SEAL_MORE);
    assert_true(ob_seal_is(report.data, report.len));
    assert_int_equal(ob_seal_read(&copy, OB_TOPIC_EXECUTIONS, report.data, report.len, &m, NULL),
                     0);
    assert_string_equal(m.text, TEXT);
    assert_string_equal(m.owner.instance, ME);
    assert_string_equal(m.owner.salt, own.self.salt);
    free(m.text);
    sealed order = { 0 };
    order.len =
        ob_seal_write(&copy, &own.self, OB_TOPIC_PLACEMENTS, TEXT, strlen(TEXT), &order.data);
    assert_int_equal(ob_seal_read(&own, OB_TOPIC_PLACEMENTS, order.data, order.len, &m, NULL), 0);
    assert_string_equal(m.text, TEXT);
    free(m.text);
    free(order.data);
    free(report.data);
}

static void nothing_of_the_text_shows(void **state)
{
    ob_seal own = some_executor(ME);
    sealed a = by(&own, OB_TOPIC_LOGS, "the same text, twice, with a secret");
    sealed b = by(&own, OB_TOPIC_LOGS, "the same text, twice, with a secret");
    assert_null(memmem(a.data, a.len, "secret", 6));
    assert_int_not_equal(memcmp(a.data + OB_SEAL_MORE - 16, b.data + OB_SEAL_MORE - 16, 16), 0);
    free(a.data);
    free(b.data);
}

static void every_changed_bit_and_every_other_length_is_refused(void **state)
{
    ob_seal own = some_executor(ME);
    sealed s = by(&own, OB_TOPIC_EXECUTIONS, TEXT);
    for (size_t bit = 0; bit < 8 * s.len; bit++) {
        s.data[bit / 8] = (char)(s.data[bit / 8] ^ (1 << bit % 8));
        assert_int_not_equal(read_at(&copy, OB_TOPIC_EXECUTIONS, s), 0);
        s.data[bit / 8] = (char)(s.data[bit / 8] ^ (1 << bit % 8));
    }
    for (size_t len = 0; len < s.len; len++)
        assert_int_not_equal(read_at(&copy, OB_TOPIC_EXECUTIONS, (sealed){ s.data, len }), 0);
    assert_int_equal(read_at(&copy, OB_TOPIC_EXECUTIONS, s), 0);
    free(s.data);
}

static void a_message_opens_on_its_topic_and_for_its_instance_only(void **state)
{
    ob_seal own = some_executor(ME), other = some_executor(OTHER), again = some_executor(ME);
    sealed report = by(&own, OB_TOPIC_EXECUTIONS, TEXT);
    assert_int_equal(read_at(&copy, OB_TOPIC_LOGS, report), -EBADMSG);
    assert_int_equal(read_at(&copy, OB_TOPIC_PLACEMENTS, report), -EBADMSG);
    sealed order = { 0 };
    order.len =
        ob_seal_write(&copy, &own.self, OB_TOPIC_PLACEMENTS, TEXT, strlen(TEXT), &order.data);
    assert_int_equal(read_at(&other, OB_TOPIC_PLACEMENTS, order), -EACCES);
    assert_int_equal(read_at(&again, OB_TOPIC_PLACEMENTS, order), -EBADMSG); /* launched anew */
    /* One that claims to be the other: its key is not the other's. */
    other = own;
    memcpy(other.self.instance, OTHER, sizeof(OTHER));
    sealed forged = by(&other, OB_TOPIC_EXECUTIONS, TEXT);
    assert_int_equal(read_at(&copy, OB_TOPIC_EXECUTIONS, forged), -EBADMSG);
    /* Another copy has another secret. */
    ob_seal stranger = copy;
    stranger.key[31] ^= 1;
    assert_int_equal(read_at(&stranger, OB_TOPIC_EXECUTIONS, report), -EBADMSG);
    free(report.data);
    free(order.data);
    free(forged.data);
}

static void random_bytes_are_refused(void **state)
{
    char bytes[400];
    json_t *json;
    uint64_t seed = 7;
    for (int i = 0; i < 20000; i++) {
        size_t len = (size_t)(random_next(&seed) % sizeof(bytes));
        for (size_t k = 0; k < len; k++)
            bytes[k] = (char)random_next(&seed);
        if (i % 2 && len > 4)
            memcpy(bytes, "OBS1", 4);
        if (i % 4 == 3 && len > 71) {
            memcpy(bytes + 4, ME, 19);
            memset(bytes + 23, '0', 48);
        }
        assert_int_not_equal(parse((sealed){ bytes, len }, OB_TOPIC_EXECUTIONS, &json), 0);
        assert_null(json);
    }
}

static void the_longest_message_fits_and_measures_cover_what_sealing_adds(void **state)
{
    ob_seal own = some_executor(ME);
    size_t len = OB_MESSAGE_MAX - OB_SEAL_MORE;
    ob_cleanup(ob_freep) char *text = ob_calloc(1, len + 1);
    memset(text, 'x', len);
    int64_t begun_us = ob_mono_us();
    sealed s = by(&own, OB_TOPIC_LOGS, text);
    assert_int_equal(read_at(&copy, OB_TOPIC_LOGS, s), 0);
    print_message("512 KiB sealed and opened in %lld us\n", (long long)(ob_mono_us() - begun_us));
    assert_int_equal(s.len, OB_MESSAGE_MAX);
    free(s.data);
    enum { N = 5000 };
    begun_us = ob_mono_us();
    for (int i = 0; i < N; i++)
        free(by(&own, OB_TOPIC_EXECUTIONS, TEXT).data);
    int64_t sealed_us = ob_mono_us() - begun_us;
    s = by(&own, OB_TOPIC_EXECUTIONS, TEXT);
    begun_us = ob_mono_us();
    for (int i = 0; i < N; i++)
        assert_int_equal(read_at(&copy, OB_TOPIC_EXECUTIONS, s), 0);
    print_message("a short message sealed in %.1f us, opened in %.1f us\n", (double)sealed_us / N,
                  (double)(ob_mono_us() - begun_us) / N);
    free(s.data);
}

/* ---- Tokens ---- */

static void what_is_no_token_is_refused(void **state)
{
    ob_seal seal;
    ob_seal_owner owner = { .instance = ME };
    char token[OB_SEAL_TOKEN_TEXT], salt[OB_SEAL_SALT_TEXT];
    ob_seal_salt_new(salt);
    memcpy(owner.salt, salt, sizeof(salt));
    ob_seal_token(&copy, &owner, token);
    assert_int_equal(strlen(token), 113);
    assert_int_equal(ob_seal_own(&seal, "i-x", token, 1, NULL), -EINVAL);
    for (size_t len = 0; len < strlen(token); len++) {
        ob_cleanup(ob_freep) char *cut = ob_strdup(token);
        cut[len] = '\0';
        assert_int_equal(ob_seal_own(&seal, ME, cut, 1, NULL), -EINVAL);
        cut[len] = 'g';
        assert_int_equal(ob_seal_own(&seal, ME, cut, 1, NULL), -EINVAL);
    }
    token[48] = '0';
    assert_int_equal(ob_seal_own(&seal, ME, token, 1, NULL), -EINVAL);
}

static void a_host_that_joins_and_the_services_derive_the_same_key(void **state)
{
    char join[OB_SEAL_JOIN_TEXT], again[OB_SEAL_JOIN_TEXT], token[OB_SEAL_TOKEN_TEXT];
    ob_seal own = { 0 };
    ob_seal_join_new(&copy, join);
    assert_int_equal(strlen(join), 80);
    assert_int_equal(ob_seal_join_token(join, ME, NULL, token, NULL), 0);
    assert_int_equal(ob_seal_own(&own, ME, token, 1, NULL), 0);
    assert_true(ob_seal_join_of(&copy, own.self.salt, again));
    assert_string_equal(again, join);
    json_auto_t *msg = parsed(&own, TEXT);
    assert_string_equal(ob_json_str(msg, "instance", ""), ME);
    /* Another join token opens nothing of it, nor does one of an earlier version. */
    ob_seal_join_new(&copy, again);
    memcpy(join, again, 16);
    assert_int_equal(ob_seal_join_token(join, ME, NULL, token, NULL), 0);
    assert_int_equal(ob_seal_own(&own, ME, token, 1, NULL), 0);
    sealed s = by(&own, OB_TOPIC_EXECUTIONS, TEXT);
    assert_int_equal(read_at(&copy, OB_TOPIC_EXECUTIONS, s), -EBADMSG);
    free(s.data);
    ob_error err = { 0 };
    join[64] = '\0';
    assert_int_equal(ob_seal_join_token(join, ME, NULL, token, &err), -EINVAL);
    assert_non_null(strstr(err.text, "openbatch join"));
}

/* ---- What counts ---- */

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
        "\"started\":true,\"timedOut\":true,\"reason\":\"\",\"statusReason\":\"\"}";
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
        cmocka_unit_test(what_was_sealed_opens_for_both_sides),
        cmocka_unit_test(nothing_of_the_text_shows),
        cmocka_unit_test(every_changed_bit_and_every_other_length_is_refused),
        cmocka_unit_test(a_message_opens_on_its_topic_and_for_its_instance_only),
        cmocka_unit_test(random_bytes_are_refused),
        cmocka_unit_test(the_longest_message_fits_and_measures_cover_what_sealing_adds),
        cmocka_unit_test(what_is_no_token_is_refused),
        cmocka_unit_test(a_host_that_joins_and_the_services_derive_the_same_key),
        cmocka_unit_test(a_sender_is_who_its_key_says),
        cmocka_unit_test(the_row_decides_whether_a_message_counts),
        cmocka_unit_test(an_executor_of_an_earlier_version_counts_until_it_has_a_key),
        cmocka_unit_test(a_joined_executor_of_an_earlier_version_shows_its_former_token),
        cmocka_unit_test(a_message_full_of_small_values_is_refused),
        cmocka_unit_test(a_message_counts_once_and_none_before_it_counts_later),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
