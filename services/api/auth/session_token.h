/* Session keys: temporary access keys of another key, with an end. Nothing is stored: all that the
 * api must know of a session is in its token, which the client sends as X-Amz-Security-Token. */
#pragma once

#include "keys.h"

#define SESSION_POLICY_MAX 2048 /* AWS quota: characters of a session policy */
#define SESSION_SECONDS_MIN 900
#define SESSION_SECONDS_MAX 129600
#define SESSION_SECONDS_DEFAULT 43200
#define SESSION_SECONDS_OF_OWNER 3600 /* of GetSessionToken with the root key, at most */
#define SESSION_PROOF 16

/* What a session may be. */
typedef struct session_terms {
    int64_t ends_s;     /* seconds since 1970 */
    bool manages_keys;  /* may it call operations on keys? */
    const char *policy; /* narrows the rights of its key; at most SESSION_POLICY_MAX; NULL: none */
} session_terms;

typedef struct session_credentials {
    char key_id[SESSION_ID_TEXT];
    char secret[41];
    char *token; /* owned */
} session_credentials;
/* Forgets the secret and the token. */
void session_credentials_done(session_credentials *c);

/* A new session of 'parent', which is a key and not a session. sealing_key: api_ctx.session_key.
 * Errors: -EINVAL (the policy is too long, or empty), -EIO (no random numbers). Any thread, as all
 * here. */
int session_token_new(const uint8_t sealing_key[32],
                      const api_key *parent,
                      const session_terms *terms,
                      session_credentials *ret,
                      ob_error *err);

/* What a token says. Zero-initialise. */
typedef struct session_claim {
    char parent[129]; /* the id of its key */
    int64_t ends_s;
    bool manages_keys;
    uint8_t proof[SESSION_PROOF]; /* of the secret that its key had */
    policy *policy;               /* owned; NULL: none */
} session_claim;
void session_claim_done(session_claim *claim);

/* Opens the token that came with this access key id. Errors: -EBADMSG (forged, changed, of another
 * copy, or of another access key id), -ESTALE (the session has ended); then *ret is empty. */
int session_token_open(const uint8_t sealing_key[32],
                       const char *key_id,
                       const char *token,
                       int64_t now_s,
                       session_claim *ret,
                       ob_error *err);

/* Makes the session out of its key: 'key' is claim->parent as it is now, and gets the session's id,
 * secret and policy; the policy is taken out of 'claim'. Errors: -EACCES (the key has another
 * secret than when the session was made: it has been replaced). */
int session_token_adopt(const uint8_t sealing_key[32],
                        const char *key_id,
                        session_claim *claim,
                        api_key *key,
                        ob_error *err);
