/* Access keys. Owns the master key, the table access_key and the cache of recently used keys.
 * Secrets are given only to the signature check, and once to the creator of a key. Never logs a
 * secret, never decides what a key may do. Invariant: an encrypted secret can be decrypted only
 * with its own key id and account, so rows cannot be exchanged. One lock for the cache; it is not
 * held during database calls. */
#include "keys.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <uthash.h>

#include "keys_sql.h"
#include "ob/clock.h"
#include "ob/hex.h"

#define NONCE_LEN 12
#define TAG_LEN 16
#define KEEP_MS 800 /* a change reaches every process within a second */
#define KEEP_MAX 4096

typedef struct kept {
    api_key key;
    int64_t loaded_ms;
    UT_hash_handle hh;
} kept;

struct api_keys {
    uint8_t master[32];
    pthread_mutex_t lock; /* over 'kept' */
    kept *kept;
};

void api_key_done(api_key *key)
{
    policy_unref(key->policy);
    policy_unref(key->session_policy);
    OPENSSL_cleanse(key, sizeof *key);
}

int keys_new(const char *master_key_file, api_keys **ret, ob_error *err)
{
    char *hex = NULL;
    int r = ob_config_read_secret(master_key_file, &hex, err);
    if (r < 0)
        return r;
    api_keys *keys = ob_calloc(1, sizeof *keys);
    (void)pthread_mutex_init(&keys->lock, NULL);
    r = strlen(hex) == 64 ? 0 : -EINVAL;
    for (size_t i = 0; r == 0 && i < 32; i++) {
        int high = ob_hex_value(hex[2 * i]), low = ob_hex_value(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            r = -EINVAL;
        else
            keys->master[i] = (uint8_t)(high << 4 | low);
    }
    OPENSSL_cleanse(hex, strlen(hex));
    free(hex);
    if (r < 0) {
        keys_free(keys);
        return ob_fail(err, EINVAL, "%s must hold 64 hexadecimal digits", master_key_file);
    }
    *ret = keys;
    return 0;
}

void keys_free(api_keys *keys)
{
    if (!keys)
        return;
    kept *k, *next;
    HASH_ITER(hh, keys->kept, k, next)
    {
        HASH_DEL(keys->kept, k);
        api_key_done(&k->key);
        free(k);
    }
    (void)pthread_mutex_destroy(&keys->lock);
    OPENSSL_cleanse(keys->master, sizeof keys->master);
    free(keys);
}

void keys_derive(const api_keys *keys, const char *purpose, uint8_t ret[32])
{
    unsigned len = 32;
    if (!HMAC(EVP_sha256(), keys->master, sizeof keys->master, (const uint8_t *)purpose,
              strlen(purpose), ret, &len))
        abort();
}

static void bound_to(const api_key *key, char out[192])
{
    (void)snprintf(out, 192, "%s/%s", key->account, key->key_id);
}

int keys_seal(const api_keys *keys,
              const api_key *key,
              uint8_t *ret,
              size_t size,
              size_t *ret_len,
              ob_error *err)
{
    size_t n = strlen(key->secret);
    const uint8_t *secret = (const uint8_t *)key->secret;
    char aad[192];
    bound_to(key, aad);
    if (size < NONCE_LEN + n + TAG_LEN)
        return ob_fail(err, EINVAL, "the secret of %s is too long", key->key_id);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len = 0, rest = 0;
    bool ok = ctx && RAND_bytes(ret, NONCE_LEN) == 1 &&
              EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, keys->master, ret) &&
              EVP_EncryptUpdate(ctx, NULL, &len, (const uint8_t *)aad, (int)strlen(aad)) &&
              EVP_EncryptUpdate(ctx, ret + NONCE_LEN, &len, secret, (int)n) &&
              EVP_EncryptFinal_ex(ctx, ret + NONCE_LEN + len, &rest) &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_LEN, ret + NONCE_LEN + n);
    EVP_CIPHER_CTX_free(ctx);
    if (!ok)
        return ob_fail(err, EIO, "cannot encrypt the secret of %s", key->key_id);
    *ret_len = NONCE_LEN + n + TAG_LEN;
    return 0;
}

int keys_open(const api_keys *keys, const uint8_t *sealed, size_t len, api_key *key, ob_error *err)
{
    if (len < NONCE_LEN + TAG_LEN + 1 || len - NONCE_LEN - TAG_LEN >= sizeof key->secret)
        return ob_fail(err, EBADMSG, "the stored secret of %s is damaged", key->key_id);
    size_t n = len - NONCE_LEN - TAG_LEN;
    uint8_t *secret = (uint8_t *)key->secret;
    char aad[192];
    bound_to(key, aad);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int out = 0, rest = 0;
    bool ok = ctx && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, keys->master, sealed) &&
              EVP_DecryptUpdate(ctx, NULL, &out, (const uint8_t *)aad, (int)strlen(aad)) &&
              EVP_DecryptUpdate(ctx, secret, &out, sealed + NONCE_LEN, (int)n) &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_LEN,
                                  (void *)(uintptr_t)(sealed + NONCE_LEN + n)) &&
              EVP_DecryptFinal_ex(ctx, secret + out, &rest) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (!ok) {
        OPENSSL_cleanse(key->secret, sizeof key->secret);
        return ob_fail(err, EBADMSG,
                       "the stored secret of %s cannot be decrypted with this master key",
                       key->key_id);
    }
    key->secret[n] = '\0';
    return 0;
}

/* The cached entry of the key, even if it is old: if the text of its policy is the same, it need
 * not be parsed again. *ret is a reference or NULL. */
static policy *kept_policy(api_keys *keys, const char *key_id, const char *text)
{
    kept *k = NULL;
    policy *found = NULL;
    (void)pthread_mutex_lock(&keys->lock);
    HASH_FIND_STR(keys->kept, key_id, k);
    if (k && k->key.policy && strcmp(policy_text(k->key.policy), text) == 0)
        found = policy_ref(k->key.policy);
    (void)pthread_mutex_unlock(&keys->lock);
    return found;
}

static int load(api_keys *keys, ob_db *db, const char *key_id, api_key *ret, ob_error *err)
{
    ob_params p = { 0 };
    ob_param_text(&p, key_id);
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = ob_db_exec(db, STMT_KEY_FIND, &p, &res, err);
    ob_params_done(&p);
    if (r < 0)
        return r;
    if (PQntuples(res) == 0)
        return ob_fail(err, ENOENT, "no access key %s", key_id);
    ob_cleanup(ob_freep) void *sealed = NULL;
    size_t len = 0;
    r = ob_col_bytes(res, 0, KEY_FOUND_COL_SECRET, &sealed, &len);
    if (r < 0)
        return ob_fail(err, EBADMSG, "the stored secret of %s is damaged", key_id);
    api_key key = { .root = ob_col_bool(res, 0, KEY_FOUND_COL_ROOT) };
    (void)snprintf(key.key_id, sizeof key.key_id, "%s", key_id);
    (void)snprintf(key.account, sizeof key.account, "%s", ob_col(res, 0, KEY_FOUND_COL_ACCOUNT));
    (void)snprintf(key.name, sizeof key.name, "%s", ob_col(res, 0, KEY_FOUND_COL_NAME));
    r = keys_open(keys, sealed, len, &key, err);
    const char *text = ob_col(res, 0, KEY_FOUND_COL_POLICY);
    if (r == 0 && text)
        key.policy = kept_policy(keys, key_id, text);
    if (r == 0 && text && !key.policy && policy_parse(text, strlen(text), &key.policy, err) < 0) {
        ob_error_context(err, "the stored policy of %s", key_id);
        r = -EBADMSG;
    }
    if (r < 0)
        api_key_done(&key);
    else
        *ret = key;
    return r;
}

bool keys_recall(api_keys *keys, const char *key_id, api_key *ret)
{
    kept *k = NULL;
    (void)pthread_mutex_lock(&keys->lock);
    HASH_FIND_STR(keys->kept, key_id, k);
    bool fresh = k && ob_mono_ms() - k->loaded_ms < KEEP_MS;
    if (fresh) {
        *ret = k->key;
        (void)policy_ref(ret->policy);
    }
    (void)pthread_mutex_unlock(&keys->lock);
    return fresh;
}

/* asked_ms: the time of the database call, so that its result is not used for longer than
 * KEEP_MS. */
static void remember(api_keys *keys, const api_key *key, int64_t asked_ms)
{
    kept *k = NULL;
    (void)pthread_mutex_lock(&keys->lock);
    HASH_FIND_STR(keys->kept, key->key_id, k);
    if (k && k->loaded_ms > asked_ms) {
        (void)pthread_mutex_unlock(&keys->lock);
        return; /* a later call has already stored its result */
    }
    if (k) {
        api_key_done(&k->key);
        k->key = *key;
    } else if (HASH_COUNT(keys->kept) < KEEP_MAX) {
        k = ob_calloc(1, sizeof *k);
        k->key = *key;
        HASH_ADD_STR(keys->kept, key.key_id, k);
    }
    if (k) {
        (void)policy_ref(k->key.policy);
        k->loaded_ms = asked_ms;
    }
    (void)pthread_mutex_unlock(&keys->lock);
}

static void forget(api_keys *keys, const char *key_id)
{
    kept *k = NULL;
    (void)pthread_mutex_lock(&keys->lock);
    HASH_FIND_STR(keys->kept, key_id, k);
    if (k) {
        HASH_DEL(keys->kept, k);
        api_key_done(&k->key);
        free(k);
    }
    (void)pthread_mutex_unlock(&keys->lock);
}

int keys_find(api_keys *keys, ob_db *db, const char *key_id, api_key *ret, ob_error *err)
{
    if (keys_recall(keys, key_id, ret))
        return 0;
    int64_t asked_ms = ob_mono_ms();
    int r = load(keys, db, key_id, ret, err);
    if (r == 0)
        remember(keys, ret, asked_ms);
    else if (r == -ENOENT || r == -EBADMSG)
        forget(keys, key_id);
    return r;
}

/* ---- changes --------------------------------------------------------------------------------- */

/* Seals the secret and stores the key by one of two statements. */
static int store(api_keys *keys,
                 ob_db *db,
                 ob_point point,
                 const char *statement,
                 const api_key *key,
                 const char *policy_json,
                 ob_error *err)
{
    uint8_t sealed[NONCE_LEN + sizeof key->secret + TAG_LEN];
    size_t len = 0;
    int r = keys_seal(keys, key, sealed, sizeof sealed, &len, err);
    if (r < 0)
        return r;
    ob_params p = { 0 };
    ob_param_text(&p, key->key_id);
    ob_param_text(&p, key->account);
    ob_param_bytes(&p, sealed, len);
    ob_param_int(&p, ob_wall_ms());
    if (!key->root) {
        ob_param_text(&p, key->name);
        ob_param_text(&p, policy_json);
    }
    r = ob_db_write(db, point, statement, &p, NULL, err);
    ob_params_done(&p);
    return r;
}

bool keys_draw(const char *alphabet, size_t n, char *out)
{
    uint8_t bytes[64];
    size_t mask = strlen(alphabet) - 1;
    if (n > sizeof bytes || RAND_bytes(bytes, (int)n) != 1)
        return false;
    for (size_t i = 0; i < n; i++)
        out[i] = alphabet[bytes[i] & mask];
    out[n] = '\0';
    OPENSSL_cleanse(bytes, sizeof bytes);
    return true;
}

int keys_create(api_keys *keys,
                ob_db *db,
                const char *account,
                const char *name,
                const char *policy_json,
                api_key *ret,
                ob_error *err)
{
    /* The same form as AWS's keys, because tools check it. */
    memset(ret, 0, sizeof *ret);
    memcpy(ret->key_id, "AKIA", 5);
    if (!keys_draw(KEYS_ID_ALPHABET, 16, ret->key_id + 4) ||
        !keys_draw("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 40,
                   ret->secret))
        return ob_fail(err, EIO, "no random numbers are available");
    (void)snprintf(ret->account, sizeof ret->account, "%s", account);
    (void)snprintf(ret->name, sizeof ret->name, "%s", name);
    return store(keys, db, OB_POINT_API_KEY_CREATE, STMT_KEY_CREATE, ret, policy_json, err);
}

/* Runs a statement that returns the key's row unless it is the root's. */
static int change(api_keys *keys,
                  ob_db *db,
                  ob_point point,
                  const char *statement,
                  ob_params *p,
                  const char *account,
                  const char *key_id,
                  ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *changed = NULL, *there = NULL;
    int r = ob_db_write(db, point, statement, p, &changed, err);
    if (r < 0)
        return r;
    forget(keys, key_id);
    if (PQntuples(changed) > 0)
        return 0;
    r = keys_list(db, account, key_id, &there, err);
    if (r < 0)
        return r;
    return PQntuples(there) > 0 ? ob_fail(err, EPERM, "access key %s is the root key", key_id)
                                : ob_fail(err, ENOENT, "access key %s does not exist", key_id);
}

int keys_revoke(api_keys *keys, ob_db *db, const char *account, const char *key_id, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_text(&p, account);
    ob_param_text(&p, key_id);
    return change(keys, db, OB_POINT_API_KEY_REVOKE, STMT_KEY_REVOKE, &p, account, key_id, err);
}

int keys_set_policy(api_keys *keys,
                    ob_db *db,
                    const char *account,
                    const char *key_id,
                    const char *policy_json,
                    ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_text(&p, account);
    ob_param_text(&p, key_id);
    ob_param_text(&p, policy_json);
    return change(keys, db, OB_POINT_API_KEY_POLICY, STMT_KEY_POLICY, &p, account, key_id, err);
}

int keys_list(ob_db *db, const char *account, const char *key_id, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_text(&p, account);
    ob_param_text(&p, key_id);
    return ob_db_exec(db, STMT_KEY_LIST, &p, ret, err);
}

int keys_import(api_keys *keys,
                ob_db *db,
                const char *path,
                const char *account,
                bool *ret_changed,
                ob_error *err)
{
    *ret_changed = false;
    char *text = NULL;
    int r = ob_config_read_secret(path, &text, err);
    if (r < 0)
        return r;
    api_key key = { .root = true }, known = { 0 };
    char more[2] = "";
    int fields = sscanf(text, "%128s %128s %1s", key.key_id, key.secret, more);
    OPENSSL_cleanse(text, strlen(text));
    free(text);
    (void)snprintf(key.account, sizeof key.account, "%s", account);
    if (fields != 2)
        return ob_fail(err, EINVAL, "%s must hold two lines: access key id and secret", path);

    r = load(keys, db, key.key_id, &known, err);
    bool same = r == 0 && known.root && strcmp(known.account, account) == 0 &&
                strcmp(known.secret, key.secret) == 0;
    api_key_done(&known);
    if (!same && (r == 0 || r == -ENOENT || r == -EBADMSG)) {
        r = store(keys, db, OB_POINT_API_ROOT_KEY, STMT_KEY_PUT_ROOT, &key, NULL, err);
        *ret_changed = r == 0;
    }
    api_key_done(&key);
    return r;
}
