/* Tokens of session keys. Owns their form and what is derived for a session: its secret, and the
 * key under which its token is sealed, both from the copy's sealing key and the session's access
 * key id. So every api process of a copy opens every token, and there is no table to clean up.
 * Never logs. Pure except for random numbers: any thread.
 *
 * A token is base64 of: the version (1 byte), a nonce (12), the tag (16), and under AES-256-GCM the
 * end (8 bytes, big endian), flags (1), the proof of the key's secret (16), the length of the key's
 * id (1), the id, the policy. The version and the access key id are authenticated too.
 *
 * Invariants: without the copy's sealing key nobody can make a token, change one, or use it with
 * another access key id; a token does not contain the session's secret. */
#include "session_token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#define VERSION 1
#define NONCE_LEN 12
#define TAG_LEN 16
#define HEAD_LEN (1 + NONCE_LEN + TAG_LEN)
#define END_LEN 8
#define FIXED_LEN (END_LEN + 1 + SESSION_PROOF + 1) /* before the key's id */
#define PLAIN_MAX (FIXED_LEN + 128 + SESSION_POLICY_MAX)
#define RAW_MAX (HEAD_LEN + PLAIN_MAX)
#define TOKEN_MAX ((RAW_MAX + 2) / 3 * 4)
#define MANAGES_KEYS 1 /* a flag */

static void derive(
    const uint8_t key[32], const char *label, const char *key_id, const char *more, uint8_t ret[32])
{
    char text[320];
    unsigned len = 32;
    int n = snprintf(text, sizeof text, "%s\n%s\n%s", label, key_id, more);
    if (n < 0 || (size_t)n >= sizeof text ||
        !HMAC(EVP_sha256(), key, 32, (const uint8_t *)text, (size_t)n, ret, &len))
        abort();
    OPENSSL_cleanse(text, sizeof text);
}

/* 40 characters, as AWS's secrets have. */
static void derive_secret(const uint8_t key[32], const char *key_id, char ret[41])
{
    uint8_t bytes[32];
    derive(key, "secret", key_id, "", bytes);
    (void)EVP_EncodeBlock((uint8_t *)ret, bytes, 30);
    OPENSSL_cleanse(bytes, sizeof bytes);
}

static void
prove(const uint8_t key[32], const char *key_id, const char *secret, uint8_t ret[SESSION_PROOF])
{
    uint8_t bytes[32];
    derive(key, "parent", key_id, secret, bytes);
    memcpy(ret, bytes, SESSION_PROOF);
    OPENSSL_cleanse(bytes, sizeof bytes);
}

/* One direction of the cipher over 'len' bytes; 'head' has the version and the nonce, and has or
 * gets the tag. False: it does not open. */
static bool crypt_plain(const uint8_t sealing_key[32],
                        const char *key_id,
                        bool seal_it,
                        uint8_t head[HEAD_LEN],
                        const uint8_t *in,
                        size_t len,
                        uint8_t *out)
{
    uint8_t key[32], rest[TAG_LEN], *nonce = head + 1, *tag = head + 1 + NONCE_LEN;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    derive(sealing_key, "token", key_id, "", key);
    bool ok = ctx && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce, seal_it) == 1 &&
              (seal_it || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_LEN, tag) == 1) &&
              EVP_CipherUpdate(ctx, NULL, &n, head, 1) == 1 &&
              EVP_CipherUpdate(ctx, NULL, &n, (const uint8_t *)key_id, (int)strlen(key_id)) == 1 &&
              EVP_CipherUpdate(ctx, out, &n, in, (int)len) == 1 &&
              EVP_CipherFinal_ex(ctx, rest, &n) == 1 &&
              (!seal_it || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_LEN, tag) == 1);
    EVP_CIPHER_CTX_free(ctx);
    OPENSSL_cleanse(key, sizeof key);
    return ok;
}

/* ---- making ---------------------------------------------------------------------------------- */

void session_credentials_done(session_credentials *c)
{
    if (c->token)
        OPENSSL_cleanse(c->token, strlen(c->token));
    free(c->token);
    OPENSSL_cleanse(c, sizeof *c);
}

/* Returns the length. */
static size_t write_plain(const api_key *parent,
                          const session_terms *terms,
                          const uint8_t proof[SESSION_PROOF],
                          uint8_t out[PLAIN_MAX])
{
    size_t id_len = strlen(parent->key_id), policy_len = terms->policy ? strlen(terms->policy) : 0;
    uint8_t *at = out;
    for (int shift = 56; shift >= 0; shift -= 8)
        *at++ = (uint8_t)((uint64_t)terms->ends_s >> shift);
    *at++ = terms->manages_keys ? MANAGES_KEYS : 0;
    memcpy(at, proof, SESSION_PROOF);
    at += SESSION_PROOF;
    *at++ = (uint8_t)id_len;
    memcpy(at, parent->key_id, id_len);
    if (policy_len > 0)
        memcpy(at + id_len, terms->policy, policy_len);
    return FIXED_LEN + id_len + policy_len;
}

int session_token_new(const uint8_t sealing_key[32],
                      const api_key *parent,
                      const session_terms *terms,
                      session_credentials *ret,
                      ob_error *err)
{
    uint8_t raw[RAW_MAX], plain[PLAIN_MAX], proof[SESSION_PROOF];
    memset(ret, 0, sizeof *ret);
    size_t policy_len = terms->policy ? strlen(terms->policy) : 0;
    if (terms->policy && policy_len == 0) /* in a token it would be none, which narrows nothing */
        return ob_fail(err, EINVAL, "the policy is empty");
    if (policy_len > SESSION_POLICY_MAX)
        return ob_fail(err, EINVAL, "the policy is longer than %d bytes", SESSION_POLICY_MAX);
    memcpy(ret->key_id, "ASIA", 4); /* the same form as AWS's keys of sessions */
    raw[0] = VERSION;
    if (!keys_draw(KEYS_ID_ALPHABET, 16, ret->key_id + 4) || RAND_bytes(raw + 1, NONCE_LEN) != 1)
        return ob_fail(err, EIO, "no random numbers are available");
    derive_secret(sealing_key, ret->key_id, ret->secret);
    prove(sealing_key, ret->key_id, parent->secret, proof);
    size_t len = write_plain(parent, terms, proof, plain);
    if (!crypt_plain(sealing_key, ret->key_id, true, raw, plain, len, raw + HEAD_LEN)) {
        session_credentials_done(ret);
        return ob_fail(err, EIO, "cannot seal the token of a session");
    }
    ret->token = ob_calloc(1, TOKEN_MAX + 1);
    (void)EVP_EncodeBlock((uint8_t *)ret->token, raw, (int)(HEAD_LEN + len));
    return 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

void session_claim_done(session_claim *claim)
{
    policy_unref(claim->policy);
    OPENSSL_cleanse(claim, sizeof *claim);
}

/* Returns the number of bytes, 0: it is not base64 of a token. */
static size_t decode(const char *token, uint8_t out[TOKEN_MAX])
{
    size_t len = strnlen(token, TOKEN_MAX + 1);
    size_t digits =
        strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    size_t padding = len - digits;
    if (len > TOKEN_MAX || len == 0 || len % 4 != 0 || padding > 2 ||
        strspn(token + digits, "=") != padding)
        return 0;
    int n = EVP_DecodeBlock(out, (const uint8_t *)token, (int)len);
    return n < 0 ? 0 : (size_t)n - padding;
}

/* 'plain' was sealed by session_token_new, so its form is wrong only if a version of ours was. */
static int read_plain(const uint8_t *plain, size_t len, session_claim *ret, ob_error *err)
{
    static const char why[] = "the token's content is damaged";
    const uint8_t *at = plain;
    uint64_t ends_s = 0;
    if (len < FIXED_LEN)
        return ob_fail(err, EBADMSG, "%s", why);
    for (int i = 0; i < END_LEN; i++)
        ends_s = ends_s << 8 | *at++;
    ret->ends_s = (int64_t)ends_s;
    ret->manages_keys = *at++ & MANAGES_KEYS;
    memcpy(ret->proof, at, SESSION_PROOF);
    at += SESSION_PROOF;
    size_t id_len = *at++, left = len - FIXED_LEN;
    if (id_len == 0 || id_len >= sizeof ret->parent || id_len > left)
        return ob_fail(err, EBADMSG, "%s", why);
    memcpy(ret->parent, at, id_len);
    ret->parent[id_len] = '\0';
    if (left == id_len)
        return 0;
    int r = policy_parse((const char *)at + id_len, left - id_len, &ret->policy, err);
    return r < 0 ? -EBADMSG : 0;
}

int session_token_open(const uint8_t sealing_key[32],
                       const char *key_id,
                       const char *token,
                       int64_t now_s,
                       session_claim *ret,
                       ob_error *err)
{
    uint8_t raw[TOKEN_MAX], plain[TOKEN_MAX];
    size_t len = decode(token, raw);
    memset(ret, 0, sizeof *ret);
    if (len <= HEAD_LEN || raw[0] != VERSION)
        return ob_fail(err, EBADMSG, "it is not the token of a session");
    if (!crypt_plain(sealing_key, key_id, false, raw, raw + HEAD_LEN, len - HEAD_LEN, plain))
        return ob_fail(err, EBADMSG, "the token was not made by this copy for %s", key_id);
    int r = read_plain(plain, len - HEAD_LEN, ret, err);
    if (r == 0 && ret->ends_s <= now_s)
        r = ob_fail(err, ESTALE, "the session has ended");
    if (r < 0)
        session_claim_done(ret);
    return r;
}

int session_token_adopt(const uint8_t sealing_key[32],
                        const char *key_id,
                        session_claim *claim,
                        api_key *key,
                        ob_error *err)
{
    uint8_t proof[SESSION_PROOF];
    prove(sealing_key, key_id, key->secret, proof);
    bool same = CRYPTO_memcmp(proof, claim->proof, sizeof proof) == 0;
    OPENSSL_cleanse(proof, sizeof proof);
    if (!same)
        return ob_fail(err, EACCES, "access key %s has been replaced", key->key_id);
    OPENSSL_cleanse(key->secret, sizeof key->secret);
    derive_secret(sealing_key, key_id, key->secret);
    (void)snprintf(key->session, sizeof key->session, "%s", key_id);
    key->manages_keys = claim->manages_keys;
    key->session_policy = ob_take(claim->policy);
    return 0;
}
