/* Access keys: stored encrypted (AES-256-GCM under the master key), decrypted on demand, kept in
 * memory for seconds. */
#pragma once

#include "ops.h"

typedef struct api_key {
    char key_id[129];
    char account[16];
    char secret[129];
} api_key;

extern const ob_db_stmt keys_stmts[];

/* Reads the master key (64 hex digits). Errors: -EINVAL, -errno. */
int keys_new(const char *master_key_file, api_keys **ret, ob_error *err);
void keys_free(api_keys *keys);

/* 32 bytes for another purpose, derived from the master key. */
void keys_derive(const api_keys *keys, const char *purpose, uint8_t ret[32]);

/* Stores the key of a two-line file (id, secret) for 'account', unless the table has it as it is.
 * Errors: -EINVAL, database errors. *ret_changed: it was stored anew. Thread: the owner of 'db'. */
int keys_import(api_keys *keys,
                ob_db *db,
                const char *path,
                const char *account,
                bool *ret_changed,
                ob_error *err);

/* Errors: -ENOENT (no such key), database errors, -EBADMSG (it was encrypted under another master
 * key). Any thread with its own db; no database call while another look-up of the same key is some
 * seconds old. */
int keys_find(api_keys *keys, ob_db *db, const char *key_id, api_key *ret, ob_error *err);

/* What keys_find would answer without a database call; false: it would make one. Any thread. */
bool keys_recall(api_keys *keys, const char *key_id, api_key *ret);

/* The parts, for tests. A sealed secret is nonce (12), ciphertext, tag (16), bound to the key id
 * and the account. */
int keys_seal(const api_keys *keys,
              const char *key_id,
              const char *account,
              const char *secret,
              uint8_t *ret,
              size_t size,
              size_t *ret_len,
              ob_error *err);
int keys_open(const api_keys *keys,
              const char *key_id,
              const char *account,
              const uint8_t *sealed,
              size_t len,
              char *ret,
              size_t size,
              ob_error *err);
