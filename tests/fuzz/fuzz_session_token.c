/* Tokens of sessions: any text does not open; one that was made opens to what it was made of, and
 * does not after any change.
 * Covers: services/api/auth/session_token.c */
#include "fuzz.h"

#include "auth/session_token.h"

static const uint8_t copy[32] = { 1 };

static int opened(const char *key_id, const char *token, session_claim *ret)
{
    return session_token_open(copy, key_id, token, 1000, ret, NULL);
}

static void check_made(const session_terms *terms, const api_key *key, uint8_t where)
{
    session_credentials c;
    session_claim claim;
    int r = session_token_new(copy, key, terms, &c, NULL);
    size_t policy_len = terms->policy ? strlen(terms->policy) : 1;
    FUZZ_CHECK((r < 0) == (policy_len == 0 || policy_len > SESSION_POLICY_MAX));
    if (r < 0)
        return;
    r = opened(c.key_id, c.token, &claim);
    if (terms->ends_s <= 1000) {
        FUZZ_CHECK(r == -ESTALE || r == -EBADMSG);
    } else if (r == 0) {
        FUZZ_CHECK(strcmp(claim.parent, key->key_id) == 0 && claim.ends_s == terms->ends_s);
        FUZZ_CHECK((claim.policy != NULL) == (terms->policy != NULL));
    } else { /* a policy that cannot be read gives nothing */
        FUZZ_CHECK(r == -EBADMSG && terms->policy);
    }
    session_claim_done(&claim);
    size_t at = where % strcspn(c.token, "=");
    c.token[at] = c.token[at] == 'A' ? 'B' : 'A';
    r = opened(c.key_id, c.token, &claim);
    /* the last digit may have bits that count for nothing */
    FUZZ_CHECK(r == -EBADMSG || at + 1 == strcspn(c.token, "="));
    session_claim_done(&claim);
    session_credentials_done(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = fuzz_begin(data, size);
    session_claim claim;
    uint8_t where = fuzz_byte(&in), ends = fuzz_byte(&in);
    ob_cleanup(ob_freep) char *text = fuzz_part(&in, NULL), *policy_json = fuzz_rest(&in, NULL);
    FUZZ_CHECK(opened("ASIAAAAAAAAAAAAAAAAA", text, &claim) == -EBADMSG);
    api_key key = { .secret = "s" };
    (void)snprintf(key.key_id, sizeof(key.key_id), "A%.100s", text);
    const session_terms terms = { .ends_s = ends * INT64_C(100),
                                  .policy = where & 1 ? policy_json : NULL };
    check_made(&terms, &key, where);
    return 0;
}
