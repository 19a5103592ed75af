/* Paging tokens: base64url of a position, encrypted and authenticated (AES-256-GCM) together with
 * operation, account and region. Owns nothing; any thread. A client cannot forge a token, use it
 * for another operation, or read in it the name of a resource that it may not see. */
#include "paging.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include "ob/message.h"

#define NONCE_LEN 12
#define TAG_LEN 16
#define SEAL_LEN (NONCE_LEN + TAG_LEN) /* before the text */
#define POSITION_MAX 512

/* One direction of the cipher over 'len' bytes. False: 'seal' does not fit (or no memory). */
static bool crypt_position(
    const api_request *req, bool seal_it, uint8_t *seal, const void *in, size_t len, void *out)
{
    ob_cleanup(ob_freep) char *bound =
        ob_strf("%s\n%s\n%s", req->operation, req->account, req->region);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int tag = seal_it ? EVP_CTRL_GCM_GET_TAG : EVP_CTRL_GCM_SET_TAG;
    int n = 0;
    uint8_t rest[TAG_LEN];
    bool ok =
        ctx &&
        EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, req->ctx->token_key, seal, seal_it) == 1 &&
        (seal_it || EVP_CIPHER_CTX_ctrl(ctx, tag, TAG_LEN, seal + NONCE_LEN) == 1) &&
        EVP_CipherUpdate(ctx, NULL, &n, (const uint8_t *)bound, (int)strlen(bound)) == 1 &&
        EVP_CipherUpdate(ctx, out, &n, in, (int)len) == 1 &&
        EVP_CipherFinal_ex(ctx, rest, &n) == 1 &&
        (!seal_it || EVP_CIPHER_CTX_ctrl(ctx, tag, TAG_LEN, seal + NONCE_LEN) == 1);
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

char *page_token_new(const api_request *req, const char *position)
{
    size_t len = strnlen(position, POSITION_MAX);
    uint8_t raw[SEAL_LEN + POSITION_MAX];
    if (RAND_bytes(raw, NONCE_LEN) != 1 ||
        !crypt_position(req, true, raw, position, len, raw + SEAL_LEN))
        abort();
    char *out = ob_calloc(1, 4 * (sizeof raw + 2) / 3 + 4);
    int n = EVP_EncodeBlock((uint8_t *)out, raw, (int)(SEAL_LEN + len));
    for (int i = 0; i < n; i++) {
        if (out[i] == '+')
            out[i] = '-';
        else if (out[i] == '/')
            out[i] = '_';
        else if (out[i] == '=')
            out[i] = '\0';
    }
    return out;
}

static int decode(const char *token, uint8_t *out, size_t size)
{
    char text[4 * (SEAL_LEN + POSITION_MAX + 2) / 3 + 8];
    size_t len = strlen(token);
    if (len + 4 > sizeof text || len % 4 == 1)
        return -EINVAL;
    for (size_t i = 0; i < len; i++) {
        char c = token[i];
        if (c == '+' || c == '/' || c == '=')
            return -EINVAL;
        text[i] = c == '-' ? '+' : c == '_' ? '/' : c;
    }
    size_t padding = (4 - len % 4) % 4;
    memset(text + len, '=', padding);
    uint8_t raw[sizeof text];
    int n = EVP_DecodeBlock(raw, (const uint8_t *)text, (int)(len + padding));
    if (n < 0 || (size_t)n - padding > size)
        return -EINVAL;
    memcpy(out, raw, (size_t)n - padding);
    return n - (int)padding;
}

int page_token_read(const api_request *req, const char *token, char **ret, api_reply *rep)
{
    uint8_t raw[SEAL_LEN + POSITION_MAX];
    char position[POSITION_MAX + 1];
    int n = decode(token, raw, sizeof raw);
    size_t len = n >= SEAL_LEN ? (size_t)(n - SEAL_LEN) : 0;
    if (n < SEAL_LEN || !crypt_position(req, false, raw, raw + SEAL_LEN, len, position))
        return api_client_error(rep, "Invalid nextToken");
    position[len] = '\0';
    *ret = ob_strdup(position);
    return 0;
}

int page_read(api_request *req, int limit, int *ret_max, char **ret_position, api_reply *rep)
{
    *ret_position = NULL;
    int64_t max = ob_json_int(req->body, "maxResults", limit);
    *ret_max = max > limit ? limit : (int)max;
    const char *token = json_string_value(json_object_get(req->body, "nextToken"));
    return token && *token ? page_token_read(req, token, ret_position, rep) : 0;
}
