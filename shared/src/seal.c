/* Keys of instances, and messages under them (ob/seal.h); seal_host.c has the keys of hosts that
 * join. Owns nothing. Never logs.
 *
 * The form of a message: "OBS1" or, with the longer salt of a host that joined, "OBS2"; the
 * instance's id, its salt, the sender's stream, the number (8 bytes, big endian), the text under
 * AES-256-GCM, the tag (16 bytes). What comes before the text is authenticated too, and so is the
 * topic.
 *
 * Invariant: a key is used once with a nonce. The key of a message follows from the instance's key,
 * the topic and the sender's stream, which is 128 random bits; the nonce is the number, which only
 * grows within a stream. */
#include "ob/seal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "ob/config.h"
#include "ob/hex.h"
#include "seal_internal.h"

#define MAGIC "OBS1"
#define MAGIC_HOST "OBS2"
#define MAGIC_LEN 4
#define INSTANCE_LEN (OB_INSTANCE_TEXT - 1)
#define STREAM_LEN 16
#define NUMBER_LEN 8
#define TAG_LEN 16
#define HEAD_LEN(salt_len) (MAGIC_LEN + INSTANCE_LEN + (salt_len) + STREAM_LEN + NUMBER_LEN)
#define LAUNCHED "0000000000000000"
#define GENERATION_SHIFT 40 /* a process sends fewer messages than 2^40 */
#define TOPIC_MAX 64

_Static_assert(HEAD_LEN(SEAL_HOST_SALT_LEN) + TAG_LEN == OB_SEAL_MORE,
               "the header says how much sealing adds at most");

/* ---- Keys ---- */

void seal_derive(const uint8_t key[OB_SEAL_KEY],
                 const char *label,
                 const char *first,
                 const void *second,
                 size_t second_len,
                 uint8_t ret[OB_SEAL_KEY])
{
    uint8_t text[256];
    size_t label_len = strlen(label) + 1, first_len = strlen(first) + 1;
    unsigned len = OB_SEAL_KEY;
    if (label_len + first_len + second_len > sizeof(text))
        abort();
    memcpy(text, label, label_len);
    memcpy(text + label_len, first, first_len);
    memcpy(text + label_len + first_len, second, second_len);
    if (!HMAC(EVP_sha256(), key, OB_SEAL_KEY, text, label_len + first_len + second_len, ret, &len))
        abort();
}

bool seal_read_hex(const char *text, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int high = ob_hex_value(text[2 * i]);
        int low = high < 0 ? -1 : ob_hex_value(text[2 * i + 1]);
        if (low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool is_lower_hex(const char *text, size_t n)
{
    return strspn(text, "0123456789abcdef") >= n;
}

static bool is_salt(const char *salt)
{
    size_t len = strlen(salt);
    return (len == SEAL_SALT_LEN || len == SEAL_HOST_SALT_LEN) && is_lower_hex(salt, len);
}

bool ob_seal_is_host_of_before(const char *salt)
{
    return strlen(salt) == SEAL_SALT_LEN && strncmp(salt, LAUNCHED, SEAL_NAME_LEN) != 0;
}

static void
key_under(const uint8_t parent[OB_SEAL_KEY], const ob_seal_owner *owner, uint8_t ret[OB_SEAL_KEY])
{
    seal_derive(parent, "instance", owner->instance, owner->salt, SEAL_SALT_LEN, ret);
}

/* false: there is none for such a salt. */
static bool key_of(const ob_seal *seal, const ob_seal_owner *owner, uint8_t ret[OB_SEAL_KEY])
{
    uint8_t parent[OB_SEAL_KEY];
    if (*seal->self.instance) {
        memcpy(ret, seal->key, OB_SEAL_KEY);
        return true;
    }
    if (strlen(owner->salt) == SEAL_HOST_SALT_LEN)
        return seal_host_key(seal, owner, ret);
    if (!ob_seal_is_host_of_before(owner->salt)) {
        key_under(seal->key, owner, ret);
        return true;
    }
    seal_derive(seal->key, "join token", "", owner->salt, SEAL_NAME_LEN, parent);
    key_under(parent, owner, ret);
    OPENSSL_cleanse(parent, sizeof(parent));
    return true;
}

static void begin_stream(ob_seal *seal, uint32_t generation)
{
    char hex[2 * sizeof(seal->stream) + 1];
    ob_token_new(hex, sizeof(seal->stream)); /* the one source of random bytes */
    (void)seal_read_hex(hex, seal->stream, sizeof(seal->stream));
    seal->number = (uint64_t)generation << GENERATION_SHIFT;
}

int ob_seal_load(ob_seal *seal, const char *file, ob_error *err)
{
    char *hex = NULL;
    int r = ob_config_read_secret(file, &hex, err);
    if (r < 0)
        return r;
    bool good =
        strlen(hex) == 2 * (size_t)OB_SEAL_KEY && seal_read_hex(hex, seal->key, OB_SEAL_KEY);
    OPENSSL_cleanse(hex, strlen(hex));
    free(hex);
    if (!good)
        return ob_fail(err, EINVAL, "%s must hold 64 hexadecimal digits", file);
    begin_stream(seal, 0);
    seal->hosts = seal_hosts_new(seal->key);
    return 0;
}

int ob_seal_own(
    ob_seal *seal, const char *instance, const char *token, uint32_t generation, ob_error *err)
{
    size_t len = strlen(token), salt_len = strcspn(token, ".");
    size_t whole = salt_len + 1 + 2 * (size_t)OB_SEAL_KEY;
    ob_seal_owner self = { 0 };
    if (!ob_instance_id_is(instance) || salt_len >= sizeof(self.salt) || len < whole)
        return ob_fail(err, EINVAL, "the token of instance %s holds no key", instance);
    memcpy(self.instance, instance, INSTANCE_LEN);
    memcpy(self.salt, token, salt_len);
    bool good = is_salt(self.salt) && seal_read_hex(token + salt_len + 1, seal->key, OB_SEAL_KEY) &&
                (len == whole || (token[whole] == '.' && len - whole - 1 < sizeof(seal->former)));
    if (!good)
        return ob_fail(err, EINVAL, "the token of instance %s holds no key", instance);
    seal->self = self;
    seal->hosts = NULL;
    (void)snprintf(seal->former, sizeof(seal->former), "%s", len > whole ? token + whole + 1 : "");
    begin_stream(seal, generation);
    return 0;
}

void ob_seal_done(ob_seal *seal)
{
    seal_hosts_free(seal->hosts);
    OPENSSL_cleanse(seal, sizeof(*seal));
}

void ob_seal_salt_new(char out[OB_SEAL_SALT_TEXT])
{
    memcpy(out, LAUNCHED, SEAL_NAME_LEN);
    ob_token_new(out + SEAL_NAME_LEN, (SEAL_SALT_LEN - SEAL_NAME_LEN) / 2);
}

static void write_token(const ob_seal_owner *owner,
                        const uint8_t key[OB_SEAL_KEY],
                        const char *former,
                        char out[OB_SEAL_TOKEN_TEXT])
{
    char hex[2 * OB_SEAL_KEY + 1];
    ob_hex(key, OB_SEAL_KEY, hex);
    (void)snprintf(out, OB_SEAL_TOKEN_TEXT, "%s.%s%s%s", owner->salt, hex, former ? "." : "",
                   former ? former : "");
    OPENSSL_cleanse(hex, sizeof(hex));
}

void ob_seal_token(const ob_seal *seal, const ob_seal_owner *owner, char out[OB_SEAL_TOKEN_TEXT])
{
    uint8_t key[OB_SEAL_KEY];
    if (!key_of(seal, owner, key))
        abort(); /* the salt is not one of a launched instance */
    write_token(owner, key, NULL, out);
    OPENSSL_cleanse(key, sizeof(key));
}

int ob_seal_join_token(const char *join_token,
                       const char *instance,
                       const char *former,
                       char out[OB_SEAL_TOKEN_TEXT],
                       ob_error *err)
{
    uint8_t own[OB_SEAL_KEY], key[OB_SEAL_KEY];
    char hex[2 * OB_SEAL_KEY + 1];
    ob_seal_owner owner = { 0 };
    (void)snprintf(owner.instance, sizeof(owner.instance), "%s", instance);
    ob_token_new(hex, OB_SEAL_KEY);
    (void)seal_read_hex(hex, own, OB_SEAL_KEY);
    int r = seal_host_join(join_token, own, &owner, key, err);
    if (r == 0)
        write_token(&owner, key, former, out);
    OPENSSL_cleanse(hex, sizeof(hex));
    OPENSSL_cleanse(own, sizeof(own)); /* its work is done: nobody needs it again */
    OPENSSL_cleanse(key, sizeof(key));
    return r;
}

bool ob_seal_is_under(const char *token, const char *join_token)
{
    return strlen(token) >= SEAL_NAME_LEN && strncmp(token, join_token, SEAL_NAME_LEN) == 0;
}

/* ---- Messages ---- */

/* Of a salt's length in the head; 0: it is not the head of a sealed message. */
static size_t salt_len_in(const char *data, size_t len)
{
    size_t salt_len = len < MAGIC_LEN                            ? 0
                      : memcmp(data, MAGIC, MAGIC_LEN) == 0      ? SEAL_SALT_LEN
                      : memcmp(data, MAGIC_HOST, MAGIC_LEN) == 0 ? SEAL_HOST_SALT_LEN
                                                                 : 0;
    return len >= HEAD_LEN(salt_len) + TAG_LEN ? salt_len : 0;
}

/* Encrypts or decrypts 'len' bytes behind the head; the tag is behind them. */
static bool transform(const uint8_t key[OB_SEAL_KEY],
                      const char *topic,
                      const uint8_t *head,
                      size_t head_len,
                      const uint8_t *from,
                      int len,
                      uint8_t *to,
                      uint8_t *tag,
                      bool encrypt)
{
    uint8_t own[OB_SEAL_KEY], nonce[12] = { 0 };
    const uint8_t *number = head + head_len - NUMBER_LEN;
    seal_derive(key, "message", topic, number - STREAM_LEN, STREAM_LEN, own);
    memcpy(nonce, number, NUMBER_LEN);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0, rest = 0;
    bool good = ctx && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, own, nonce, encrypt) == 1 &&
                EVP_CipherUpdate(ctx, NULL, &n, (const uint8_t *)topic, (int)strlen(topic)) == 1 &&
                EVP_CipherUpdate(ctx, NULL, &n, head, (int)head_len) == 1 &&
                EVP_CipherUpdate(ctx, to, &n, from, len) == 1 &&
                (encrypt || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) == 1) &&
                EVP_CipherFinal_ex(ctx, to + n, &rest) == 1 &&
                (!encrypt || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, tag) == 1);
    EVP_CIPHER_CTX_free(ctx);
    OPENSSL_cleanse(own, sizeof(own));
    return good;
}

int ob_seal_write(ob_seal *seal,
                  const ob_seal_owner *owner,
                  const char *topic,
                  const char *text,
                  size_t len,
                  char **ret,
                  size_t *ret_len,
                  ob_error *err)
{
    uint8_t key[OB_SEAL_KEY];
    const ob_seal_owner *whose = owner ? owner : &seal->self;
    if (!is_salt(whose->salt) || !key_of(seal, whose, key))
        return ob_fail(err, EINVAL, "instance %s has no key", whose->instance);
    bool is_host = strlen(whose->salt) == SEAL_HOST_SALT_LEN;
    size_t salt_len = strlen(whose->salt), head_len = HEAD_LEN(salt_len);
    uint8_t *out = ob_calloc(1, head_len + len + TAG_LEN);
    uint8_t *at = out;
    uint64_t number = ++seal->number;
    memcpy(at, is_host ? MAGIC_HOST : MAGIC, MAGIC_LEN);
    at += MAGIC_LEN;
    memcpy(at, whose->instance, strnlen(whose->instance, INSTANCE_LEN));
    at += INSTANCE_LEN;
    memcpy(at, whose->salt, salt_len);
    at += salt_len;
    memcpy(at, seal->stream, STREAM_LEN);
    at += STREAM_LEN;
    for (int i = 0; i < NUMBER_LEN; i++)
        *at++ = (uint8_t)(number >> (56 - 8 * i));
    if (!transform(key, topic, out, head_len, (const uint8_t *)text, (int)len, at, at + len, true))
        abort(); /* out of memory */
    OPENSSL_cleanse(key, sizeof(key));
    *ret = (char *)out;
    *ret_len = head_len + len + TAG_LEN;
    return 0;
}

bool ob_seal_is(const char *data, size_t len)
{
    return salt_len_in(data, len) > 0;
}

int ob_seal_read(const ob_seal *seal,
                 const char *topic,
                 const char *data,
                 size_t len,
                 ob_seal_opened *ret,
                 ob_error *err)
{
    uint8_t key[OB_SEAL_KEY], tag[TAG_LEN];
    const uint8_t *head = (const uint8_t *)data;
    size_t salt_len = salt_len_in(data, len), head_len = HEAD_LEN(salt_len);
    if (salt_len == 0 || len > INT32_MAX)
        return ob_fail(err, EINVAL, "the message is not sealed");
    ob_seal_opened m = { .len = len - head_len - TAG_LEN };
    memcpy(m.owner.instance, data + MAGIC_LEN, INSTANCE_LEN);
    memcpy(m.owner.salt, data + MAGIC_LEN + INSTANCE_LEN, salt_len);
    for (size_t i = head_len - NUMBER_LEN; i < head_len; i++)
        m.number = m.number << 8 | head[i];
    if (*seal->self.instance && strcmp(seal->self.instance, m.owner.instance) != 0)
        return ob_fail(err, EACCES, "the message is for another instance");
    if (!ob_instance_id_is(m.owner.instance) || strlen(m.owner.salt) != salt_len ||
        !is_lower_hex(m.owner.salt, salt_len) ||
        (*seal->self.instance && strcmp(seal->self.salt, m.owner.salt) != 0) ||
        !key_of(seal, &m.owner, key))
        return ob_fail(err, EBADMSG, "the message is sealed with another key");
    m.text = ob_calloc(1, m.len + 1);
    memcpy(tag, data + len - TAG_LEN, TAG_LEN);
    bool good = transform(key, topic, head, head_len, head + head_len, (int)m.len,
                          (uint8_t *)m.text, tag, false);
    if (good && seal->hosts)
        seal_host_remember(seal, &m.owner, key);
    OPENSSL_cleanse(key, sizeof(key));
    if (!good) {
        OPENSSL_cleanse(m.text, m.len);
        free(m.text);
        return ob_fail(err, EBADMSG, "the message does not open: it is forged or was changed");
    }
    *ret = m;
    return 0;
}
