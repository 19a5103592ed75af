/* Paging tokens: base64url of a position and its HMAC, which covers operation, account and region
 * too. Owns nothing; any thread. A client can neither make one up nor carry one over to another
 * operation. */
#include "page.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define MAC_LEN 16
#define POSITION_MAX 512

static void mac(const api_request *req, const char *position, size_t len, uint8_t out[MAC_LEN])
{
    ob_cleanup(ob_freep) char *text =
        ob_strf("%s\n%s\n%s\n%.*s", req->operation, req->account, req->region, (int)len, position);
    uint8_t full[32];
    unsigned full_len = sizeof full;
    if (!HMAC(EVP_sha256(), req->ctx->token_key, 32, (const uint8_t *)text, strlen(text), full,
              &full_len))
        abort();
    memcpy(out, full, MAC_LEN);
}

char *page_token_new(const api_request *req, const char *position)
{
    size_t len = strnlen(position, POSITION_MAX);
    uint8_t raw[MAC_LEN + POSITION_MAX];
    mac(req, position, len, raw);
    memcpy(raw + MAC_LEN, position, len);
    char *out = ob_calloc(1, 4 * (sizeof raw + 2) / 3 + 4);
    int n = EVP_EncodeBlock((uint8_t *)out, raw, (int)(MAC_LEN + len));
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
    char text[4 * (MAC_LEN + POSITION_MAX + 2) / 3 + 8];
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
    uint8_t raw[MAC_LEN + POSITION_MAX], expected[MAC_LEN];
    int n = decode(token, raw, sizeof raw);
    if (n >= MAC_LEN) {
        size_t len = (size_t)n - MAC_LEN;
        mac(req, (const char *)raw + MAC_LEN, len, expected);
        if (CRYPTO_memcmp(raw, expected, MAC_LEN) == 0) {
            *ret = ob_strf("%.*s", (int)len, (const char *)raw + MAC_LEN);
            return 0;
        }
    }
    return api_client_error(rep, "Invalid nextToken");
}

int page_read(api_request *req, int limit, int *ret_max, char **ret_position, api_reply *rep)
{
    *ret_position = NULL;
    json_int_t max = json_integer_value(json_object_get(req->body, "maxResults"));
    *ret_max = max < 1 || max > limit ? limit : (int)max;
    const char *token = json_string_value(json_object_get(req->body, "nextToken"));
    return token && *token ? page_token_read(req, token, ret_position, rep) : 0;
}
