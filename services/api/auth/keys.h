/* Access keys: stored encrypted (AES-256-GCM with the master key), decrypted on demand, and cached
 * for less than a second, so that a change reaches all api processes within a second. */
#pragma once

#include "key_policy.h"
#include "request/operation.h"

#define KEY_NAME_MAX 64
#define SESSION_ID_TEXT 21 /* "ASIA" and 16 characters, with NUL */

/* A key, or a session of it (session_token.h): the session then has its own id, secret and policy,
 * and all the rest is its key's. */
typedef struct api_key {
    char key_id[129];
    char account[16];
    char secret[129];
    char name[KEY_NAME_MAX + 1];   /* may be empty */
    bool root;                     /* may do everything */
    policy *policy;                /* a reference of its own; NULL: may do nothing */
    char session[SESSION_ID_TEXT]; /* the session's access key id; "": it is the key itself */
    policy *session_policy;        /* a reference of its own; NULL: takes nothing away */
    bool manages_keys;             /* of a session: may it call operations on keys? */
} api_key;
/* Forgets the secret, drops the policies. */
void api_key_done(api_key *key);

/* Reads the master key (64 hex digits). Errors: -EINVAL, -errno. */
int keys_new(const char *master_key_file, api_keys **ret, ob_error *err);
void keys_free(api_keys *keys);

/* 32 bytes for another purpose, derived from the master key. */
void keys_derive(const api_keys *keys, const char *purpose, uint8_t ret[32]);

/* 'n' random characters of an alphabet of 32 or 64, n at most 64, and a NUL. False: no random
 * numbers are available. */
bool keys_draw(const char *alphabet, size_t n, char *out);
#define KEYS_ID_ALPHABET "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

/* Makes the key of a two-line file (id, secret) the root key of 'account' and removes an older one;
 * does nothing if the table already has it. Errors: -EINVAL, database errors. *ret_changed: it was
 * stored. Thread: the owner of 'db'. */
int keys_import(api_keys *keys,
                ob_db *db,
                const char *path,
                const char *account,
                bool *ret_changed,
                ob_error *err);

/* Finds a key; free *ret with api_key_done. Errors: -ENOENT (the key does not exist), database
 * errors, -EBADMSG (it was encrypted with another master key, or its policy cannot be read). Any
 * thread with its own db; makes no database call while another look-up of the same key is fresh. */
int keys_find(api_keys *keys, ob_db *db, const char *key_id, api_key *ret, ob_error *err);

/* The answer of keys_find if it needs no database call; false: it needs one. Any thread. */
bool keys_recall(api_keys *keys, const char *key_id, api_key *ret);

/* A new key with a secret of its own: fills 'ret'. name: at most KEY_NAME_MAX bytes; policy: a
 * document that policy_parse has read, or NULL. Thread: the owner of 'db'. */
int keys_create(api_keys *keys,
                ob_db *db,
                const char *account,
                const char *name,
                const char *policy,
                api_key *ret,
                ob_error *err);
/* Errors of both: -ENOENT (no such key in the account), -EPERM (the root key). */
int keys_revoke(api_keys *keys, ob_db *db, const char *account, const char *key_id, ob_error *err);
int keys_set_policy(api_keys *keys,
                    ob_db *db,
                    const char *account,
                    const char *key_id,
                    const char *policy,
                    ob_error *err);

/* Rows of all keys of an account, oldest first; or of one key (key_id not NULL). */
int keys_list(ob_db *db, const char *account, const char *key_id, PGresult **ret, ob_error *err);

/* The parts, for tests. A sealed secret is nonce (12), ciphertext, tag (16), bound to the key id
 * and the account. */
int keys_seal(const api_keys *keys,
              const api_key *key,
              uint8_t *ret,
              size_t size,
              size_t *ret_len,
              ob_error *err);
/* Decrypts the secret into a key that has its id and account. Errors: -EBADMSG. */
int keys_open(const api_keys *keys, const uint8_t *sealed, size_t len, api_key *key, ob_error *err);
