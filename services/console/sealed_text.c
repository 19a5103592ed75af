/* Owns the form of sealed texts: base64url, without padding, of a nonce (12 bytes), the tag (16)
 * and the text under AES-256-GCM, with the purpose as what is authenticated too. Nonces are random:
 * a copy makes far fewer than the 2^32 texts for which that is safe. Never logs. */
#include "sealed_text.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <string.h>

#include "ob/config.h"
#include "ob/hex.h"

#define NONCE_LEN 12
#define TAG_LEN 16
#define HEAD_LEN (NONCE_LEN + TAG_LEN)
#define RAW_MAX (HEAD_LEN + SEALED_PLAIN_MAX)
#define TEXT_MAX ((RAW_MAX + 2) / 3 * 4)

/* One direction of the cipher; 'head' has the nonce, and has or gets the tag. */
static bool crypt_text(const uint8_t key[SEALED_KEY],
                       const char *purpose,
                       bool seal_it,
                       uint8_t head[HEAD_LEN],
                       const uint8_t *in,
                       size_t len,
                       uint8_t *out)
{
    uint8_t rest[TAG_LEN], *tag = head + NONCE_LEN;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    bool ok =
        ctx && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, head, seal_it) == 1 &&
        (seal_it || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_LEN, tag) == 1) &&
        EVP_CipherUpdate(ctx, NULL, &n, (const uint8_t *)purpose, (int)strlen(purpose)) == 1 &&
        EVP_CipherUpdate(ctx, out, &n, in, (int)len) == 1 &&
        EVP_CipherFinal_ex(ctx, rest, &n) == 1 &&
        (!seal_it || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_LEN, tag) == 1);
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

static void to_url(char *text)
{
    for (; *text; text++) {
        if (*text == '+')
            *text = '-';
        else if (*text == '/')
            *text = '_';
        else if (*text == '=')
            *text = '\0';
    }
}

/* Returns the number of bytes; 0: it is not base64url of at most RAW_MAX bytes. */
static size_t decode(const char *sealed, uint8_t out[TEXT_MAX])
{
    char text[TEXT_MAX + 1];
    size_t len = strnlen(sealed, TEXT_MAX + 1), padding = (4 - len % 4) % 4;
    if (len + padding > TEXT_MAX || padding == 3)
        return 0;
    for (size_t i = 0; i < len; i++) {
        char c = sealed[i];
        if (c == '+' || c == '/' || c == '=')
            return 0;
        text[i] = c == '-' ? '+' : c == '_' ? '/' : c;
    }
    memset(text + len, '=', padding);
    int n = EVP_DecodeBlock(out, (const uint8_t *)text, (int)(len + padding));
    return n < 0 || (size_t)n < padding ? 0 : (size_t)n - padding;
}

int sealed_text_make(
    const uint8_t key[SEALED_KEY], const char *purpose, const char *text, char **ret, ob_error *err)
{
    size_t len = strlen(text);
    uint8_t raw[RAW_MAX];
    if (len > SEALED_PLAIN_MAX)
        return ob_fail(err, EMSGSIZE, "a text of %zu bytes is too long to be sealed", len);
    if (RAND_bytes(raw, NONCE_LEN) != 1 ||
        !crypt_text(key, purpose, true, raw, (const uint8_t *)text, len, raw + HEAD_LEN))
        return ob_fail(err, EIO, "a text cannot be sealed");
    *ret = ob_calloc(1, TEXT_MAX + 1);
    (void)EVP_EncodeBlock((uint8_t *)*ret, raw, (int)(HEAD_LEN + len));
    to_url(*ret);
    return 0;
}

int sealed_text_open(const uint8_t key[SEALED_KEY],
                     const char *purpose,
                     const char *sealed,
                     char **ret,
                     ob_error *err)
{
    uint8_t raw[TEXT_MAX];
    size_t n = decode(sealed, raw);
    if (n < HEAD_LEN)
        return ob_fail(err, EBADMSG, "this is not a sealed text");
    char *text = ob_calloc(1, n - HEAD_LEN + 1);
    if (!crypt_text(key, purpose, false, raw, raw + HEAD_LEN, n - HEAD_LEN, (uint8_t *)text)) {
        OPENSSL_cleanse(text, n - HEAD_LEN);
        free(text);
        return ob_fail(err, EBADMSG, "the sealed text does not open");
    }
    *ret = text;
    return 0;
}

void sealed_text_forget(char *text)
{
    if (text)
        OPENSSL_cleanse(text, strlen(text));
    free(text);
}

static int read_digits(const char *hex, uint8_t ret[SEALED_KEY])
{
    if (strlen(hex) != (size_t)2 * SEALED_KEY)
        return -EINVAL;
    for (size_t i = 0; i < SEALED_KEY; i++) {
        int high = ob_hex_value(hex[2 * i]), low = ob_hex_value(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return -EINVAL;
        ret[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

int sealed_key_read(const char *file, uint8_t ret[SEALED_KEY], ob_error *err)
{
    char *hex = NULL;
    if (!*file)
        return RAND_bytes(ret, SEALED_KEY) == 1 ? 0 : ob_fail(err, EIO, "no random numbers");
    int r = ob_config_read_secret(file, &hex, err);
    if (r < 0)
        return r;
    r = read_digits(hex, ret);
    sealed_text_forget(hex);
    return r < 0 ? ob_fail(err, EINVAL, "%s must hold 64 hexadecimal digits", file) : 0;
}

int sealed_random(char *out, size_t digits, ob_error *err)
{
    uint8_t bytes[64];
    size_t n = digits / 2;
    if (n > sizeof bytes || RAND_bytes(bytes, (int)n) != 1)
        return ob_fail(err, EIO, "no random numbers are available");
    ob_hex(bytes, n, out);
    return 0;
}
