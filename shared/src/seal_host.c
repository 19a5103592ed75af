/* Keys of hosts that join (ob/seal.h). Owns what a service has for them: the copy's key pair, and
 * the keys that it has computed. Never logs, never writes a key down.
 *
 * The copy has a key pair (X25519), whose private key is derived from its secret; a join token
 * carries the public one. A host makes a key pair of its own, and its salt carries the public key.
 * The key of its instance is derived from what the two have in common and from the join token. So
 * the join token lets a host in, but whoever knows it, and all that is sent, can compute no key:
 * that takes one of the two private keys.
 *
 * Invariant: both sides refuse a public key that has nothing in common with anybody's (points of
 * low order), because then the join token alone would give the key. One thread; only
 * ob_seal_join_new is for any. */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdio.h>
#include <string.h>
#include <uthash.h>

#include "ob/hex.h"
#include "ob/mem.h"
#include "seal_internal.h"

#define LABEL_PAIR "OpenBatch: the copy's key pair for hosts that join"
#define LABEL_KEY "OpenBatch: the key of an instance that joined"
#define LABEL_TOKEN "join token 2" /* another one than that of earlier versions */
#define PUBLIC_TEXT (2 * OB_SEAL_KEY)
#define BEFORE_LEN (SEAL_NAME_LEN + 2 * OB_SEAL_KEY) /* a join token of an earlier version */
#define KNOWN_MAX                                                                                  \
    4096 /* keys; then all are forgotten, which is simpler than to look for the oldest */

_Static_assert(OB_SEAL_SALT_TEXT == SEAL_HOST_SALT_LEN + 1, "the longest salt");
_Static_assert(OB_SEAL_JOIN_TEXT == BEFORE_LEN + PUBLIC_TEXT + 1, "name, key, public key, NUL");

typedef struct known_key {
    char owner[OB_INSTANCE_TEXT + OB_SEAL_SALT_TEXT];
    uint8_t key[OB_SEAL_KEY];
    UT_hash_handle hh;
} known_key;

struct ob_seal_hosts {
    EVP_PKEY *pair;
    char public_key[PUBLIC_TEXT + 1];
    known_key *known;
};

/* ---- Arithmetic ---- */

static void
hkdf(const uint8_t *secret, size_t len, const char *info, size_t info_len, uint8_t ret[OB_SEAL_KEY])
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret, len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info, info_len),
        OSSL_PARAM_construct_end(),
    };
    if (!ctx || EVP_KDF_derive(ctx, ret, OB_SEAL_KEY, params) != 1)
        abort(); /* out of memory */
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
}

static EVP_PKEY *pair_of(const uint8_t own[OB_SEAL_KEY])
{
    EVP_PKEY *pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, own, OB_SEAL_KEY);
    if (!pair)
        abort();
    return pair;
}

static void write_public(const EVP_PKEY *pair, char out[PUBLIC_TEXT + 1])
{
    uint8_t bytes[OB_SEAL_KEY];
    size_t len = sizeof(bytes);
    if (EVP_PKEY_get_raw_public_key(pair, bytes, &len) != 1 || len != sizeof(bytes))
        abort();
    ob_hex(bytes, sizeof(bytes), out);
}

/* What a pair has in common with another one, of which 'theirs' is the public key in 64 digits.
 * false: nothing. */
static bool common_secret(EVP_PKEY *pair, const char *theirs, uint8_t ret[OB_SEAL_KEY])
{
    static const uint8_t nothing[OB_SEAL_KEY];
    uint8_t bytes[OB_SEAL_KEY];
    size_t len = OB_SEAL_KEY;
    if (!seal_read_hex(theirs, bytes, sizeof(bytes)))
        return false;
    EVP_PKEY *other = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, bytes, sizeof(bytes));
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pair, NULL);
    bool good = other && ctx && EVP_PKEY_derive_init(ctx) == 1 &&
                EVP_PKEY_derive_set_peer(ctx, other) == 1 && EVP_PKEY_derive(ctx, ret, &len) == 1 &&
                len == OB_SEAL_KEY && CRYPTO_memcmp(ret, nothing, OB_SEAL_KEY) != 0;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(other);
    return good;
}

/* common: what the two pairs have in common; token: the key of the join token. */
static void key_from(const uint8_t common[OB_SEAL_KEY],
                     const uint8_t token[OB_SEAL_KEY],
                     const ob_seal_owner *owner,
                     const char *copys_public,
                     uint8_t ret[OB_SEAL_KEY])
{
    uint8_t both[2 * OB_SEAL_KEY];
    char info[256];
    memcpy(both, common, OB_SEAL_KEY);
    memcpy(both + OB_SEAL_KEY, token, OB_SEAL_KEY);
    int len = snprintf(info, sizeof(info), "%s\n%s\n%s\n%s", LABEL_KEY, owner->instance,
                       owner->salt, copys_public);
    hkdf(both, sizeof(both), info, (size_t)len, ret);
    OPENSSL_cleanse(both, sizeof(both));
}

/* ---- A service ---- */

ob_seal_hosts *seal_hosts_new(const uint8_t secret[OB_SEAL_KEY])
{
    uint8_t own[OB_SEAL_KEY];
    ob_seal_hosts *hosts = ob_calloc(1, sizeof(*hosts));
    hkdf(secret, OB_SEAL_KEY, LABEL_PAIR, strlen(LABEL_PAIR), own);
    hosts->pair = pair_of(own);
    write_public(hosts->pair, hosts->public_key);
    OPENSSL_cleanse(own, sizeof(own));
    return hosts;
}

static void forget_all(ob_seal_hosts *hosts)
{
    known_key *one, *next;
    HASH_ITER(hh, hosts->known, one, next)
    {
        HASH_DEL(hosts->known, one);
        OPENSSL_cleanse(one, sizeof(*one));
        free(one);
    }
}

void seal_hosts_free(ob_seal_hosts *hosts)
{
    if (!hosts)
        return;
    forget_all(hosts);
    EVP_PKEY_free(hosts->pair);
    free(hosts);
}

static known_key *find_known(const ob_seal *seal, const ob_seal_owner *owner, known_key *ret_new)
{
    known_key *found;
    (void)snprintf(ret_new->owner, sizeof(ret_new->owner), "%s.%s", owner->instance, owner->salt);
    HASH_FIND_STR(seal->hosts->known, ret_new->owner, found);
    return found;
}

void seal_host_remember(const ob_seal *seal,
                        const ob_seal_owner *owner,
                        const uint8_t key[OB_SEAL_KEY])
{
    known_key one = { 0 };
    if (strlen(owner->salt) != SEAL_HOST_SALT_LEN || find_known(seal, owner, &one))
        return;
    if (HASH_COUNT(seal->hosts->known) >= KNOWN_MAX)
        forget_all(seal->hosts);
    known_key *stays = ob_calloc(1, sizeof(*stays));
    memcpy(stays->owner, one.owner, sizeof(one.owner));
    memcpy(stays->key, key, OB_SEAL_KEY);
    HASH_ADD_STR(seal->hosts->known, owner, stays);
}

bool seal_host_key(const ob_seal *seal, const ob_seal_owner *owner, uint8_t ret[OB_SEAL_KEY])
{
    uint8_t common[OB_SEAL_KEY], token[OB_SEAL_KEY];
    known_key one = { 0 };
    const known_key *known = seal->hosts ? find_known(seal, owner, &one) : NULL;
    if (known) {
        memcpy(ret, known->key, OB_SEAL_KEY);
        return true;
    }
    if (!seal->hosts || !common_secret(seal->hosts->pair, owner->salt + SEAL_NAME_LEN, common))
        return false;
    seal_derive(seal->key, LABEL_TOKEN, "", owner->salt, SEAL_NAME_LEN, token);
    key_from(common, token, owner, seal->hosts->public_key, ret);
    OPENSSL_cleanse(common, sizeof(common));
    OPENSSL_cleanse(token, sizeof(token));
    return true;
}

bool ob_seal_join_of(const ob_seal *seal, const char *salt, char out[OB_SEAL_JOIN_TEXT])
{
    uint8_t token[OB_SEAL_KEY];
    if (strlen(salt) != SEAL_HOST_SALT_LEN || !seal->hosts)
        return false;
    seal_derive(seal->key, LABEL_TOKEN, "", salt, SEAL_NAME_LEN, token);
    memcpy(out, salt, SEAL_NAME_LEN);
    ob_hex(token, OB_SEAL_KEY, out + SEAL_NAME_LEN);
    memcpy(out + BEFORE_LEN, seal->hosts->public_key, PUBLIC_TEXT + 1);
    OPENSSL_cleanse(token, sizeof(token));
    return true;
}

void ob_seal_join_new(const ob_seal *seal, char out[OB_SEAL_JOIN_TEXT])
{
    char salt[OB_SEAL_SALT_TEXT];
    ob_token_new(salt, SEAL_HOST_SALT_LEN / 2); /* of which only the name counts */
    (void)ob_seal_join_of(seal, salt, out);
}

/* ---- A host ---- */

int seal_host_join(const char *join_token,
                   const uint8_t own[OB_SEAL_KEY],
                   ob_seal_owner *owner,
                   uint8_t ret[OB_SEAL_KEY],
                   ob_error *err)
{
    uint8_t token[OB_SEAL_KEY], common[OB_SEAL_KEY];
    size_t len = strlen(join_token);
    if (strspn(join_token, "0123456789abcdef") == BEFORE_LEN && len == BEFORE_LEN)
        return ob_fail(err, EINVAL,
                       "OPENBATCH_JOIN_TOKEN is of an earlier version, and no host can join by it "
                       "any more; run ./openbatch join again");
    if (strspn(join_token, "0123456789abcdef") != len || len != OB_SEAL_JOIN_TEXT - 1)
        return ob_fail(err, EINVAL,
                       "OPENBATCH_JOIN_TOKEN is not a join token; ./openbatch join prints one");
    EVP_PKEY *pair = pair_of(own);
    memcpy(owner->salt, join_token, SEAL_NAME_LEN);
    write_public(pair, owner->salt + SEAL_NAME_LEN);
    bool good = common_secret(pair, join_token + BEFORE_LEN, common) &&
                seal_read_hex(join_token + SEAL_NAME_LEN, token, OB_SEAL_KEY);
    if (good)
        key_from(common, token, owner, join_token + BEFORE_LEN, ret);
    EVP_PKEY_free(pair);
    OPENSSL_cleanse(common, sizeof(common));
    OPENSSL_cleanse(token, sizeof(token));
    return good ? 0
                : ob_fail(err, EINVAL,
                          "OPENBATCH_JOIN_TOKEN is damaged; run ./openbatch join again");
}
