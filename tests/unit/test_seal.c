/* Sealed messages: what opens and what does not, and which tokens are refused. */
#include "sealing.h"

#include "ob/clock.h"
#include "random_bytes.h"

/* ---- Opening ---- */

static void what_was_sealed_opens_for_both_sides(void **state)
{
    char join[OB_SEAL_JOIN_TEXT];
    ob_seal_join_new(&copy, join);
    ob_seal executors[] = { some_executor(ME), joined_by(join, ME) };
    for (size_t i = 0; i < ARRAY_SIZE(executors); i++)
        opens_for_both(&executors[i], i == 0 ? LAUNCHED_MORE : OB_SEAL_MORE);
}

static void nothing_of_the_text_shows(void **state)
{
    ob_seal own = some_executor(ME);
    sealed a = by(&own, OB_TOPIC_LOGS, "the same text, twice, with a secret");
    sealed b = by(&own, OB_TOPIC_LOGS, "the same text, twice, with a secret");
    assert_null(memmem(a.data, a.len, "secret", 6));
    size_t text = LAUNCHED_MORE - 16;
    assert_int_not_equal(memcmp(a.data + text, b.data + text, 16), 0);
    free(a.data);
    free(b.data);
}

static void no_changed_bit_and_no_other_length_opens(ob_seal *own)
{
    sealed s = by(own, OB_TOPIC_EXECUTIONS, TEXT);
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

static void every_changed_bit_and_every_other_length_is_refused(void **state)
{
    char join[OB_SEAL_JOIN_TEXT];
    ob_seal_join_new(&copy, join);
    ob_seal executors[] = { some_executor(ME), joined_by(join, ME) };
    for (size_t i = 0; i < ARRAY_SIZE(executors); i++)
        no_changed_bit_and_no_other_length_opens(&executors[i]);
}

static void a_message_opens_on_its_topic_and_for_its_instance_only(void **state)
{
    ob_seal own = some_executor(ME), other = some_executor(OTHER), again = some_executor(ME);
    sealed report = by(&own, OB_TOPIC_EXECUTIONS, TEXT);
    assert_int_equal(read_at(&copy, OB_TOPIC_LOGS, report), -EBADMSG);
    assert_int_equal(read_at(&copy, OB_TOPIC_PLACEMENTS, report), -EBADMSG);
    sealed order = order_for(&copy, &own.self);
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
            memcpy(bytes, i % 8 == 7 ? "OBS2" : "OBS1", 4);
        if (i % 4 == 3 && len > 103) {
            memcpy(bytes + 4, ME, 19);
            memset(bytes + 23, i % 8 == 7 ? '1' : '0', 80);
        }
        assert_int_not_equal(parse((sealed){ bytes, len }, OB_TOPIC_EXECUTIONS, &json), 0);
        assert_null(json);
    }
}

static void the_longest_message_fits_and_measures_cover_what_sealing_adds(void **state)
{
    char join[OB_SEAL_JOIN_TEXT];
    ob_seal_join_new(&copy, join);
    ob_seal own = joined_by(join, ME); /* its salt is the longest */
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
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
