/* Calls to the api, one at a time: signed with a session or a key, bounded in size and time. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "allow_list.h"
#include "ob/error.h"

#define API_ANSWER_MAX (8 * 1024 * 1024)
#define API_TIMEOUT_S 25

typedef struct api_client api_client;

/* For one thread. base: "http://host:port". */
int api_client_new(const char *base, api_client **ret, ob_error *err);
void api_client_free(api_client *c);

/* From now on, 'goes_on' is asked a few times a second while a call waits. When it says no, the
 * call is given up, as one without an answer. NULL: calls wait for API_TIMEOUT_S. */
typedef bool api_goes_on(void *arg);
void api_client_while(api_client *c, api_goes_on *goes_on, void *arg);

/* Who signs. token: NULL for an ordinary key. All are printable ASCII without a line break. */
typedef struct api_signer {
    const char *key_id, *secret, *token, *region;
} api_signer;

typedef struct api_answer {
    int status; /* 0: no answer, and 'body' says why */
    char *body; /* owned, never NULL */
    size_t len;
} api_answer;
void api_answer_done(api_answer *answer);
/* Does the api say that the session's key is gone, or that its end has come by the api's clock? */
bool api_answer_ends_session(const api_answer *answer);

/* body: JSON text. once: NULL, or an id for all tries of one submission. client: the address of
 * whoever asks, for the api's audit; NULL: nobody. */
void api_client_call(api_client *c,
                     const allowed_operation *op,
                     const api_signer *signer,
                     const char *body,
                     const char *once,
                     const char *client,
                     api_answer *ret);
/* GET /healthz, without a signature. */
void api_client_health(api_client *c, api_answer *ret);

/* Makes a session of 'signer', which is a key: access key id, secret, token. Errors: -EACCES (the
 * api refuses; the text is its own), -EIO (no usable answer). */
struct web_session;
int api_client_create_session(api_client *c,
                              const api_signer *signer,
                              int64_t seconds,
                              const char *client,
                              struct web_session *ret,
                              ob_error *err);
