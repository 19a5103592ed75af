/* Tokens of sessions: what opens them, and what a session is made of. */
#include "unit.h"

#include <openssl/evp.h>

#include "auth/session_token.h"

#define NOW 1800000000
#define NARROW                                                                                     \
    "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"batch:Describe*" \
    "\","                                                                                          \
    "\"Resource\":\"*\"}}"

static const uint8_t copy[32] = { 1, 2, 3 }, other_copy[32] = { 1, 2, 4 };
static const api_key parent = { .key_id = "AKIAPARENT", .account = "1", .secret = "its secret" };

static session_credentials made(const session_terms *terms)
{
    session_credentials c;
    assert_int_equal(session_token_new(copy, &parent, terms, &c, NULL), 0);
    return c;
}

static int opened(const uint8_t key[32], const char *key_id, const char *token)
{
    session_claim claim;
    int r = session_token_open(key, key_id, token, NOW, &claim, NULL);
    session_claim_done(&claim);
    return r;
}

static void a_token_says_what_its_session_may_be(void **state)
{
    (void)state;
    session_credentials c =
        made(&(session_terms){ .ends_s = NOW + 900, .manages_keys = true, .policy = NARROW });
    session_claim claim;
    api_key key = parent;
    assert_int_equal(strncmp(c.key_id, "ASIA", 4), 0);
    assert_int_equal(strlen(c.key_id), 20);
    assert_int_equal(strlen(c.secret), 40);
    assert_int_equal(session_token_open(copy, c.key_id, c.token, NOW, &claim, NULL), 0);
    assert_string_equal(claim.parent, "AKIAPARENT");
    assert_int_equal(claim.ends_s, NOW + 900);
    assert_true(claim.manages_keys);
    assert_string_equal(policy_text(claim.policy), NARROW);

    assert_int_equal(session_token_adopt(copy, c.key_id, &claim, &key, NULL), 0);
    assert_string_equal(key.secret, c.secret);
    assert_string_equal(key.session, c.key_id);
    assert_string_equal(key.key_id, "AKIAPARENT");
    assert_non_null(key.session_policy);
    assert_null(claim.policy);
    api_key_done(&key);
    session_claim_done(&claim);
    session_credentials_done(&c);
}

static void two_sessions_have_nothing_in_common(void **state)
{
    (void)state;
    const session_terms terms = { .ends_s = NOW + 900 };
    session_credentials a = made(&terms), b = made(&terms);
    assert_string_not_equal(a.key_id, b.key_id);
    assert_string_not_equal(a.secret, b.secret);
    assert_int_equal(opened(copy, a.key_id, b.token), -EBADMSG);
    session_credentials_done(&a);
    session_credentials_done(&b);
}

/* Each character changed, in each place; cut everywhere; of another copy; under another id. */
static void nobody_else_makes_or_changes_a_token(void **state)
{
    (void)state;
    session_credentials c = made(&(session_terms){ .ends_s = NOW + 900, .policy = NARROW });
    size_t len = strlen(c.token);
    size_t digits = strcspn(c.token, "=");
    assert_int_equal(opened(copy, c.key_id, c.token), 0);
    assert_int_equal(opened(other_copy, c.key_id, c.token), -EBADMSG);
    assert_int_equal(opened(copy, "ASIAAAAAAAAAAAAAAAAA", c.token), -EBADMSG);
    assert_int_equal(opened(copy, "AKIAPARENT", c.token), -EBADMSG);
    for (size_t i = 0; i + 1 < digits; i++) { /* bits of the last digit may count for nothing */
        char was = c.token[i];
        c.token[i] = was == 'A' ? 'B' : 'A';
        assert_int_equal(opened(copy, c.key_id, c.token), -EBADMSG);
        c.token[i] = was;
    }
    for (size_t n = 0; n < len; n++) {
        ob_cleanup(ob_freep) char *cut = ob_strf("%.*s", (int)n, c.token);
        assert_int_equal(opened(copy, c.key_id, cut), -EBADMSG);
    }
    ob_cleanup(ob_freep) char *longer = ob_strf("%sAAAA", c.token);
    assert_int_equal(opened(copy, c.key_id, longer), -EBADMSG);
    session_credentials_done(&c);
}

static void what_is_not_base64_of_a_token_does_not_open(void **state)
{
    (void)state;
    static const char *const tokens[] = {
        "", "x", "====", "AAAA", "AQAA", "A=AA", "\n", "AQ==", " AQAA", "AQAA\n", "\xff\xff\xff\xff"
    };
    for (size_t i = 0; i < ARRAY_SIZE(tokens); i++)
        assert_int_equal(opened(copy, "ASIAAAAAAAAAAAAAAAAA", tokens[i]), -EBADMSG);
    ob_cleanup(ob_freep) char *huge = ob_calloc(1, 100001);
    memset(huge, 'A', 100000);
    assert_int_equal(opened(copy, "ASIAAAAAAAAAAAAAAAAA", huge), -EBADMSG);
}

static void a_session_ends(void **state)
{
    (void)state;
    session_credentials over = made(&(session_terms){ .ends_s = NOW });
    session_credentials last = made(&(session_terms){ .ends_s = NOW + 1 });
    assert_int_equal(opened(copy, over.key_id, over.token), -ESTALE);
    assert_int_equal(opened(copy, last.key_id, last.token), 0);
    /* Whether it has ended is told to its owner only. */
    assert_int_equal(opened(other_copy, over.key_id, over.token), -EBADMSG);
    session_credentials_done(&over);
    session_credentials_done(&last);
}

static void a_session_ends_with_the_secret_of_its_key(void **state)
{
    (void)state;
    session_credentials c = made(&(session_terms){ .ends_s = NOW + 900 });
    session_claim claim;
    api_key replaced = { .key_id = "AKIAPARENT", .account = "1", .secret = "another secret" };
    assert_int_equal(session_token_open(copy, c.key_id, c.token, NOW, &claim, NULL), 0);
    assert_int_equal(session_token_adopt(copy, c.key_id, &claim, &replaced, NULL), -EACCES);
    assert_string_equal(replaced.secret, "another secret");
    assert_string_equal(replaced.session, "");
    session_claim_done(&claim);
    session_credentials_done(&c);
}

static void a_policy_has_a_limit_and_the_longest_fits(void **state)
{
    (void)state;
    char policy_json[SESSION_POLICY_MAX + 2], id[129];
    (void)snprintf(policy_json, sizeof policy_json, "%s", NARROW);
    memset(policy_json + strlen(NARROW), ' ', sizeof policy_json - strlen(NARROW) - 1);
    policy_json[SESSION_POLICY_MAX] = '\0';
    memset(id, 'A', 128);
    id[128] = '\0';
    api_key long_id = parent;
    (void)snprintf(long_id.key_id, sizeof long_id.key_id, "%s", id);
    const session_terms terms = { .ends_s = NOW + 900, .policy = policy_json };
    session_credentials c;
    session_claim claim;
    assert_int_equal(session_token_new(copy, &long_id, &terms, &c, NULL), 0);
    assert_true(strlen(c.token) < 3072);
    assert_int_equal(session_token_open(copy, c.key_id, c.token, NOW, &claim, NULL), 0);
    assert_string_equal(claim.parent, id);
    assert_string_equal(policy_text(claim.policy), policy_json);
    session_claim_done(&claim);
    session_credentials_done(&c);
    policy_json[SESSION_POLICY_MAX] = ' ';
    policy_json[SESSION_POLICY_MAX + 1] = '\0';
    assert_int_equal(session_token_new(copy, &long_id, &terms, &c, NULL), -EINVAL);
    policy_json[0] = '\0'; /* it would narrow nothing */
    assert_int_equal(session_token_new(copy, &long_id, &terms, &c, NULL), -EINVAL);
}

/* Nothing of a token can be read without the copy's key. */
static void a_token_shows_nothing(void **state)
{
    (void)state;
    session_credentials c = made(&(session_terms){ .ends_s = NOW + 900, .policy = NARROW });
    uint8_t raw[4096];
    int n = EVP_DecodeBlock(raw, (const uint8_t *)c.token, (int)strlen(c.token));
    assert_true(n > 0);
    static const char *const hidden[] = { "AKIAPARENT", "its secret", "Describe" };
    for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
        assert_null(memmem(raw, (size_t)n, hidden[i], strlen(hidden[i])));
    assert_null(memmem(raw, (size_t)n, c.secret, strlen(c.secret)));
    session_credentials_done(&c);
    assert_null(c.token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_says_what_its_session_may_be),
        cmocka_unit_test(two_sessions_have_nothing_in_common),
        cmocka_unit_test(nobody_else_makes_or_changes_a_token),
        cmocka_unit_test(what_is_not_base64_of_a_token_does_not_open),
        cmocka_unit_test(a_session_ends),
        cmocka_unit_test(a_session_ends_with_the_secret_of_its_key),
        cmocka_unit_test(a_policy_has_a_limit_and_the_longest_fits),
        cmocka_unit_test(a_token_shows_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
