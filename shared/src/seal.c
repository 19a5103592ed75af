/* Keys of instances, and messages under them (ob/seal.h). Owns nothing. Never logs.
 *
 * The form of a message: "OBS1", the instance's id, its salt, the sender's stream, the number
 * (8 bytes, big endian), the text under AES-256-GCM, the tag (16 bytes). What comes before the text
 * is authenticated too, and so is the topic.
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

#define MAGIC "OBS1"
#define MAGIC_LEN 4
#define INSTANCE_LEN (OB_INSTANCE_TEXT - 1)
#define SALT_LEN (OB_SEAL_SALT_TEXT - 1)
#define STREAM_LEN 16
#define NUMBER_LEN 8
#define TAG_LEN 16
#define HEAD_LEN (MAGIC_LEN + INSTANCE_LEN + SALT_LEN + STREAM_LEN + NUMBER_LEN)
#define NAME_LEN 16 /* of a join token, at the beginning of a salt */
#define LAUNCHED "0000000000000000"
#define GENERATION_SHIFT 40 /* a process sends fewer messages than 2^40 */
#define TOPIC_MAX 64

_Static_assert(HEAD_LEN + TAG_LEN == OB_SEAL_MORE, "the header says how much sealing adds");

/* ---- Keys ---- */

/* HMAC-SHA-256 under 'key' of the label and two parts, with NUL between them. */
static void derive(const uint8_t key[OB_SEAL_KEY],
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

static void write_hex(const uint8_t *bytes, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* Exactly 'n' bytes of hex. */
static bool read_hex(const char *text, uint8_t *out, size_t n)
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

static bool salt_is_launched(const char *salt)
{
    return strncmp(salt, LAUNCHED, NAME_LEN) == 0;
}

/* The key of the join token that the salt begins with. */
static void join_key(const uint8_t secret[OB_SEAL_KEY], const char *salt, uint8_t ret[OB_SEAL_KEY])
{
    derive(secret, "join token", "", salt, NAME_LEN, ret);
}

static void
key_under(const uint8_t parent[OB_SEAL_KEY], const ob_seal_owner *owner, uint8_t ret[OB_SEAL_KEY])
{
    derive(parent, "instance", owner->instance, owner->salt, SALT_LEN, ret);
}

static void key_of(const ob_seal *seal, const ob_seal_owner *owner, uint8_t ret[OB_SEAL_KEY])
{
    uint8_t parent[OB_SEAL_KEY];
    if (*seal->self.instance) {
        memcpy(ret, seal->key, OB_SEAL_KEY);
        return;
    }
    if (salt_is_launched(owner->salt)) {
        key_under(seal->key, owner, ret);
        return;
    }
    join_key(seal->key, owner->salt, parent);
    key_under(parent, owner, ret);
    OPENSSL_cleanse(parent, sizeof(parent));
}

static void begin_stream(ob_seal *seal, uint32_t generation)
{
    char hex[2 * sizeof(seal->stream) + 1];
    ob_token_new(hex, sizeof(seal->stream)); /* the one source of random bytes */
    (void)read_hex(hex, seal->stream, sizeof(seal->stream));
    seal->number = (uint64_t)generation << GENERATION_SHIFT;
}

int ob_seal_load(ob_seal *seal, const char *file, ob_error *err)
{
    char *hex = NULL;
    int r = ob_config_read_secret(file, &hex, err);
    if (r < 0)
        return r;
    bool good = strlen(hex) == 2 * (size_t)OB_SEAL_KEY && read_hex(hex, seal->key, OB_SEAL_KEY);
    OPENSSL_cleanse(hex, strlen(hex));
    free(hex);
    if (!good)
        return ob_fail(err, EINVAL, "%s must hold 64 hexadecimal digits", file);
    begin_stream(seal, 0);
    return 0;
}

int ob_seal_own(
    ob_seal *seal, const char *instance, const char *token, uint32_t generation, ob_error *err)
{
    size_t len = strlen(token), whole = SALT_LEN + 1 + 2 * (size_t)OB_SEAL_KEY;
    bool good = ob_instance_id_is(instance) && len >= whole && is_lower_hex(token, SALT_LEN) &&
                token[SALT_LEN] == '.' && read_hex(token + SALT_LEN + 1, seal->key, OB_SEAL_KEY) &&
                (len == whole || (token[whole] == '.' && len - whole - 1 < sizeof(seal->former)));
    if (!good)
        return ob_fail(err, EINVAL, "the token of instance %s holds no key", instance);
    memcpy(seal->self.instance, instance, INSTANCE_LEN + 1);
    memcpy(seal->self.salt, token, SALT_LEN);
    seal->self.salt[SALT_LEN] = '\0';
    (void)snprintf(seal->former, sizeof(seal->former), "%s", len > whole ? token + whole + 1 : "");
    begin_stream(seal, generation);
    return 0;
}

void ob_seal_done(ob_seal *seal)
{
    OPENSSL_cleanse(seal, sizeof(*seal));
}

void ob_seal_salt_new(char out[OB_SEAL_SALT_TEXT])
{
    memcpy(out, LAUNCHED, NAME_LEN);
    ob_token_new(out + NAME_LEN, (SALT_LEN - NAME_LEN) / 2);
}

static void write_token(const ob_seal_owner *owner,
                        const uint8_t key[OB_SEAL_KEY],
                        const char *former,
                        char out[OB_SEAL_TOKEN_TEXT])
{
    char hex[2 * OB_SEAL_KEY + 1];
    write_hex(key, OB_SEAL_KEY, hex);
    (void)snprintf(out, OB_SEAL_TOKEN_TEXT, "%s.%s%s%s", owner->salt, hex, former ? "." : "",
                   former ? former : "");
    OPENSSL_cleanse(hex, sizeof(hex));
}

void ob_seal_token(const ob_seal *seal, const ob_seal_owner *owner, char out[OB_SEAL_TOKEN_TEXT])
{
    uint8_t key[OB_SEAL_KEY];
    key_of(seal, owner, key);
    write_token(owner, key, NULL, out);
    OPENSSL_cleanse(key, sizeof(key));
}

bool ob_seal_join_of(const ob_seal *seal, const char *salt, char out[OB_SEAL_JOIN_TEXT])
{
    uint8_t key[OB_SEAL_KEY];
    if (salt_is_launched(salt))
        return false;
    join_key(seal->key, salt, key);
    memcpy(out, salt, NAME_LEN);
    write_hex(key, OB_SEAL_KEY, out + NAME_LEN);
    OPENSSL_cleanse(key, sizeof(key));
    return true;
}

void ob_seal_join_new(const ob_seal *seal, char out[OB_SEAL_JOIN_TEXT])
{
    char name[NAME_LEN + 1];
    do
        ob_token_new(name, NAME_LEN / 2);
    while (!ob_seal_join_of(seal, name, out));
}

int ob_seal_join_token(const char *join_token,
                       const char *instance,
                       const char *former,
                       char out[OB_SEAL_TOKEN_TEXT],
                       ob_error *err)
{
    uint8_t parent[OB_SEAL_KEY], key[OB_SEAL_KEY];
    ob_seal_owner owner = { 0 };
    if (strlen(join_token) != OB_SEAL_JOIN_TEXT - 1 || !is_lower_hex(join_token, NAME_LEN) ||
        salt_is_launched(join_token) || !read_hex(join_token + NAME_LEN, parent, OB_SEAL_KEY))
        return ob_fail(err, EINVAL,
                       "OPENBATCH_JOIN_TOKEN is not a join token of this version; "
                       "./openbatch join prints a new one");
    (void)snprintf(owner.instance, sizeof(owner.instance), "%s", instance);
    memcpy(owner.salt, join_token, NAME_LEN);
    ob_token_new(owner.salt + NAME_LEN, (SALT_LEN - NAME_LEN) / 2);
    key_under(parent, &owner, key);
    write_token(&owner, key, former, out);
    OPENSSL_cleanse(parent, sizeof(parent));
    OPENSSL_cleanse(key, sizeof(key));
    return 0;
}

bool ob_seal_is_under(const char *token, const char *join_token)
{
    return strlen(token) >= NAME_LEN && strncmp(token, join_token, NAME_LEN) == 0;
}

/* ---- Messages ---- */

/* Encrypts or decrypts 'len' bytes behind the head; the tag is behind them. */
static bool transform(const uint8_t key[OB_SEAL_KEY],
                      const char *topic,
                      const uint8_t *head,
                      const uint8_t *from,
                      int len,
                      uint8_t *to,
                      uint8_t *tag,
                      bool encrypt)
{
    uint8_t own[OB_SEAL_KEY], nonce[12] = { 0 };
    const uint8_t *number = head + HEAD_LEN - NUMBER_LEN;
    derive(key, "message", topic, number - STREAM_LEN, STREAM_LEN, own);
    memcpy(nonce, number, NUMBER_LEN);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0, rest = 0;
    bool good = ctx && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, own, nonce, encrypt) == 1 &&
                EVP_CipherUpdate(ctx, NULL, &n, (const uint8_t *)topic, (int)strlen(topic)) == 1 &&
                EVP_CipherUpdate(ctx, NULL, &n, head, HEAD_LEN) == 1 &&
                EVP_CipherUpdate(ctx, to, &n, from, len) == 1 &&
                (encrypt || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) == 1) &&
                EVP_CipherFinal_ex(ctx, to + n, &rest) == 1 &&
                (!encrypt || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, tag) == 1);
    EVP_CIPHER_CTX_free(ctx);
    OPENSSL_cleanse(own, sizeof(own));
    return good;
}

size_t ob_seal_write(ob_seal *seal,
                     const ob_seal_owner *owner,
                     const char *topic,
                     const char *text,
                     size_t len,
                     char **ret)
{
    uint8_t key[OB_SEAL_KEY];
    const ob_seal_owner *whose = owner ? owner : &seal->self;
    uint8_t *out = ob_calloc(1, len + OB_SEAL_MORE);
    uint8_t *at = out;
    uint64_t number = ++seal->number;
    memcpy(at, MAGIC, MAGIC_LEN);
    at += MAGIC_LEN;
    memcpy(at, whose->instance, strnlen(whose->instance, INSTANCE_LEN));
    at += INSTANCE_LEN;
    memcpy(at, whose->salt, strnlen(whose->salt, SALT_LEN));
    at += SALT_LEN;
    memcpy(at, seal->stream, STREAM_LEN);
    at += STREAM_LEN;
    for (int i = 0; i < NUMBER_LEN; i++)
        *at++ = (uint8_t)(number >> (56 - 8 * i));
    key_of(seal, whose, key);
    if (!transform(key, topic, out, (const uint8_t *)text, (int)len, at, at + len, true))
        abort(); /* out of memory */
    OPENSSL_cleanse(key, sizeof(key));
    *ret = (char *)out;
    return len + OB_SEAL_MORE;
}

bool ob_seal_is(const char *data, size_t len)
{
    return len >= OB_SEAL_MORE && memcmp(data, MAGIC, MAGIC_LEN) == 0;
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
    ob_seal_opened m = { .len = len - OB_SEAL_MORE };
    if (!ob_seal_is(data, len) || len > INT32_MAX)
        return ob_fail(err, EINVAL, "the message is not sealed");
    memcpy(m.owner.instance, data + MAGIC_LEN, INSTANCE_LEN);
    memcpy(m.owner.salt, data + MAGIC_LEN + INSTANCE_LEN, SALT_LEN);
    for (int i = 0; i < NUMBER_LEN; i++)
        m.number = m.number << 8 | head[HEAD_LEN - NUMBER_LEN + i];
    if (*seal->self.instance && strcmp(seal->self.instance, m.owner.instance) != 0)
        return ob_fail(err, EACCES, "the message is for another instance");
    if (!ob_instance_id_is(m.owner.instance) || !is_lower_hex(m.owner.salt, SALT_LEN) ||
        (*seal->self.instance && strcmp(seal->self.salt, m.owner.salt) != 0))
        return ob_fail(err, EBADMSG, "the message is sealed with another key");
    m.text = ob_calloc(1, m.len + 1);
    memcpy(tag, data + len - TAG_LEN, TAG_LEN);
    key_of(seal, &m.owner, key);
    bool good =
        transform(key, topic, head, head + HEAD_LEN, (int)m.len, (uint8_t *)m.text, tag, false);
    OPENSSL_cleanse(key, sizeof(key));
    if (!good) {
        OPENSSL_cleanse(m.text, m.len);
        free(m.text);
        return ob_fail(err, EBADMSG, "the message does not open: it is forged or was changed");
    }
    *ret = m;
    return 0;
}
