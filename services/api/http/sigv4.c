/* AWS Signature Version 4: checks a request with a secret. Owns the signing keys of the day; never
 * looks up a key, never logs. A sigv4_ctx belongs to one thread. */
#include "sigv4.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "ob/hash.h"
#include "ob/hex.h"
#include "sigv4_canonical.h"

#define MAX_SKEW_S 300
#define KEY_SLOTS 64

typedef struct signing_key {
    char scope[300]; /* key id, date, region, service */
    char secret[129];
    uint8_t key[32];
} signing_key;

struct sigv4_ctx {
    EVP_MAC *mac;
    EVP_MAC_CTX *mac_ctx;
    signing_key slots[KEY_SLOTS]; /* direct-mapped */
};

sigv4_ctx *sigv4_new(void)
{
    sigv4_ctx *ctx = ob_calloc(1, sizeof *ctx);
    ctx->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    ctx->mac_ctx = EVP_MAC_CTX_new(ctx->mac);
    OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string("digest", (char *)"SHA256", 0),
                            OSSL_PARAM_construct_end() };
    if (!ctx->mac_ctx || !EVP_MAC_CTX_set_params(ctx->mac_ctx, params))
        abort(); /* this OpenSSL has no SHA-256 */
    return ctx;
}

void sigv4_free(sigv4_ctx *ctx)
{
    if (!ctx)
        return;
    EVP_MAC_CTX_free(ctx->mac_ctx);
    EVP_MAC_free(ctx->mac);
    OPENSSL_cleanse(ctx->slots, sizeof ctx->slots);
    free(ctx);
}

static void hmac(sigv4_ctx *ctx,
                 const uint8_t *key,
                 size_t key_len,
                 const char *data,
                 size_t len,
                 uint8_t out[32])
{
    size_t out_len = 32;
    if (!EVP_MAC_init(ctx->mac_ctx, key, key_len, NULL) ||
        !EVP_MAC_update(ctx->mac_ctx, (const uint8_t *)data, len) ||
        !EVP_MAC_final(ctx->mac_ctx, out, &out_len, 32))
        abort();
}

/* The day's signing key, made once a day, key, region and service. */
static const uint8_t *signing_key_of(sigv4_ctx *ctx, const sigv4_auth *auth, const char *secret)
{
    char scope[sizeof ctx->slots[0].scope];
    (void)snprintf(scope, sizeof scope, "%s/%s/%s/%s", auth->key_id, auth->date, auth->region,
                   auth->service);
    signing_key *slot = &ctx->slots[ob_hash32(OB_HASH32, scope) % KEY_SLOTS];
    if (strcmp(slot->scope, scope) == 0 && strcmp(slot->secret, secret) == 0)
        return slot->key;

    char first[160];
    (void)snprintf(first, sizeof first, "AWS4%s", secret);
    hmac(ctx, (const uint8_t *)first, strlen(first), auth->date, strlen(auth->date), slot->key);
    hmac(ctx, slot->key, 32, auth->region, strlen(auth->region), slot->key);
    hmac(ctx, slot->key, 32, auth->service, strlen(auth->service), slot->key);
    hmac(ctx, slot->key, 32, "aws4_request", 12, slot->key);
    OPENSSL_cleanse(first, sizeof first);
    (void)snprintf(slot->scope, sizeof slot->scope, "%s", scope);
    (void)snprintf(slot->secret, sizeof slot->secret, "%s", secret);
    return slot->key;
}

void sigv4_signature(sigv4_ctx *ctx,
                     const sigv4_auth *auth,
                     const char *secret,
                     const char *string_to_sign,
                     char ret_hex[65])
{
    uint8_t out[32];
    hmac(ctx, signing_key_of(ctx, auth, secret), 32, string_to_sign, strlen(string_to_sign), out);
    ob_hex(out, sizeof out, ret_hex);
}

static bool is_signed(const sigv4_auth *auth, const char *name)
{
    size_t name_len = strlen(name);
    const char *at = auth->signed_headers, *end = at + auth->signed_headers_len;
    while (at < end) {
        const char *stop = memchr(at, ';', (size_t)(end - at));
        size_t len = (size_t)((stop ? stop : end) - at);
        if (len == name_len && strncasecmp(at, name, len) == 0)
            return true;
        at += len + 1;
    }
    return false;
}

static int check_clock(const sigv4_auth *auth, int64_t now_s, sigv4_refusal *refusal)
{
    static const char code[] = "InvalidSignatureException";
    char now[17], edge[17];
    sigv4_time_text(now_s, now);
    if (auth->time_s < now_s - MAX_SKEW_S) {
        sigv4_time_text(now_s - MAX_SKEW_S, edge);
        return sigv4_refuse(refusal, code,
                            "Signature expired: %s is now earlier than %s (%s - %d min.)",
                            auth->time, edge, now, MAX_SKEW_S / 60);
    }
    if (auth->time_s > now_s + MAX_SKEW_S) {
        sigv4_time_text(now_s + MAX_SKEW_S, edge);
        return sigv4_refuse(refusal, code,
                            "Signature not yet current: %s is still later than %s (%s + %d min.)",
                            auth->time, edge, now, MAX_SKEW_S / 60);
    }
    return 0;
}

int sigv4_verify(sigv4_ctx *ctx,
                 const sigv4_request *req,
                 const sigv4_auth *auth,
                 const char *service,
                 const char *secret,
                 int64_t now_s,
                 sigv4_refusal *refusal)
{
    static const char code[] = "InvalidSignatureException";
    if (strcmp(auth->service, service) != 0)
        return sigv4_refuse(refusal, code, "Credential should be scoped to correct service: '%s'.",
                            service);
    if (strncmp(auth->time, auth->date, 8) != 0)
        return sigv4_refuse(
            refusal, code,
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of "
            "date from HTTP: "
            "'%s' != '%.8s', from '%s'.",
            auth->date, auth->time, auth->time);
    int r = check_clock(auth, now_s, refusal);
    if (r < 0)
        return r;
    if (!is_signed(auth, "host"))
        return sigv4_refuse(
            refusal, code,
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
    if (!sigv4_header_value(req, "x-amz-date") && !is_signed(auth, "date"))
        return sigv4_refuse(refusal, code,
                            "'Date' must be a 'SignedHeader' in the AWS Authorization.");
    for (size_t i = 0; i < req->n_headers; i++)
        if (strncasecmp(req->headers[i].name, "x-amz-", 6) == 0 &&
            !is_signed(auth, req->headers[i].name))
            return sigv4_refuse(refusal, code,
                                "'%.100s' must be a 'SignedHeader' in the AWS Authorization.",
                                req->headers[i].name);

    const char *claimed = sigv4_header_value(req, "x-amz-content-sha256");
    if (claimed) {
        char hash[65];
        sigv4_sha256(req->body ? req->body : "", req->body_len, hash);
        if (strcasecmp(claimed, hash) != 0)
            return sigv4_refuse(
                refusal, code,
                "The value of 'x-amz-content-sha256' is not the SHA-256 hash of the "
                "request's body.");
    }

    ob_cleanup(ob_freep) char *canonical = sigv4_canonical_request(req, auth);
    ob_cleanup(ob_freep) char *to_sign = sigv4_string_to_sign(auth, canonical);
    char expected[65];
    sigv4_signature(ctx, auth, secret, to_sign, expected);
    if (CRYPTO_memcmp(expected, auth->signature, 64) != 0)
        return sigv4_refuse(
            refusal, code,
            "The request signature we calculated does not match the signature you provided. Check "
            "your AWS "
            "Secret Access Key and signing method. Consult the service documentation for details.");
    return 0;
}
