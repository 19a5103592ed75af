/* The primitives that shared/src/seal.c takes from OpenSSL, in place of libcrypto's: fast, and
 * without a secret. Texts stay as they are; a key, a nonce, a head or a text that differs still
 * gives another tag, so who may read what, and what is refused, is the product's own code. One
 * thread. */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

struct evp_cipher_ctx_st {
    uint64_t hash;
    bool encrypts;
    uint8_t tag[16];
};

static EVP_CIPHER_CTX the; /* one message at a time */

static uint64_t mix(uint64_t hash, const void *data, size_t len)
{
    const uint8_t *at = data;
    for (; len >= sizeof(uint64_t); at += sizeof(uint64_t), len -= sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        hash = (hash ^ word) * 0xbf58476d1ce4e5b9u;
        hash ^= hash >> 29;
    }
    uint64_t rest = 0;
    memcpy(&rest, at, len);
    return dice_mix(hash ^ rest, len);
}

unsigned char *HMAC(const EVP_MD *md,
                    const void *key,
                    int key_len,
                    const unsigned char *data,
                    size_t len,
                    unsigned char *ret,
                    unsigned *ret_len)
{
    uint64_t hash = mix(mix(0, key, (size_t)key_len), data, len);
    (void)md;
    *ret_len = 32;
    for (unsigned i = 0; i < 4; i++) {
        uint64_t word = dice_mix(hash, i);
        memcpy(ret + 8 * (size_t)i, &word, sizeof(word));
    }
    return ret;
}

EVP_CIPHER_CTX *EVP_CIPHER_CTX_new(void)
{
    return &the;
}

void EVP_CIPHER_CTX_free(EVP_CIPHER_CTX *ctx)
{
    (void)ctx;
}

int EVP_CipherInit_ex(EVP_CIPHER_CTX *ctx,
                      const EVP_CIPHER *cipher,
                      ENGINE *engine,
                      const unsigned char *key,
                      const unsigned char *nonce,
                      int encrypts)
{
    (void)cipher, (void)engine;
    ctx->hash = mix(mix(0, key, 32), nonce, 12);
    ctx->encrypts = encrypts;
    return 1;
}

int EVP_CipherUpdate(
    EVP_CIPHER_CTX *ctx, unsigned char *out, int *ret_len, const unsigned char *in, int len)
{
    ctx->hash = mix(ctx->hash, in, (size_t)len);
    if (out)
        memmove(out, in, (size_t)len);
    *ret_len = len;
    return 1;
}

static void tag_of(const EVP_CIPHER_CTX *ctx, uint8_t tag[16])
{
    uint64_t words[2] = { ctx->hash, dice_mix(ctx->hash, 1) };
    memcpy(tag, words, sizeof(words));
}

int EVP_CIPHER_CTX_ctrl(EVP_CIPHER_CTX *ctx, int what, int len, void *tag)
{
    if (len != 16 || (what != EVP_CTRL_AEAD_SET_TAG && what != EVP_CTRL_AEAD_GET_TAG))
        abort();
    if (what == EVP_CTRL_AEAD_SET_TAG)
        memcpy(ctx->tag, tag, 16);
    else
        tag_of(ctx, tag);
    return 1;
}

int EVP_CipherFinal_ex(EVP_CIPHER_CTX *ctx, unsigned char *out, int *ret_len)
{
    uint8_t tag[16];
    (void)out;
    *ret_len = 0;
    tag_of(ctx, tag);
    return ctx->encrypts || memcmp(tag, ctx->tag, 16) == 0;
}
