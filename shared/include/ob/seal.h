/* Sealed messages: all that travels between the services and the executor of one instance
 * (batch.placements, batch.executions, batch.logs; docs/messages.md, "Sealed messages"). A message
 * is encrypted and authenticated (AES-256-GCM) under a key of its instance, so an executor can read
 * only its own orders and can speak only for itself.
 *
 * A key is derived from the copy's secret, the instance's id and a salt, which is in the instance's
 * row. So the services, which have the secret, can read the messages of every instance, and no
 * table has a key. A launched instance gets its key as a text, the token. An executor that was
 * started by hand (a host that joins) makes a key pair; its salt names its join token and has its
 * public key. Its key is derived from the join token and from what its private key and the copy's
 * key pair have in common, so whoever has the join token cannot compute it.
 *
 * Nothing here stores a key or writes it to a log. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ob/bus.h"
#include "ob/error.h"
#include "ob/id.h"

#define OB_SEAL_KEY 32
/* With NUL. A launched instance's: 16 zeros, 32 random digits. A host's: 16 digits that name the
 * join token, 64 of its public key. That of a host which joined with an earlier version: 16 digits
 * that name the join token, 32 random ones. */
#define OB_SEAL_SALT_TEXT 81
#define OB_SEAL_TOKEN_TEXT 211 /* <salt>.<key>, or <salt>.<key>.<token of before>, with NUL */
#define OB_SEAL_JOIN_TEXT                                                                          \
    145 /* 16 digits that name it, 64 of its key, 64 of the copy's public key */
/* Bytes that sealing adds to a message at most. */
#define OB_SEAL_MORE (4 + (OB_INSTANCE_TEXT - 1) + (OB_SEAL_SALT_TEXT - 1) + 16 + 8 + 16)

/* The row that decides which salt counts for it has no salt: an executor of an earlier version. */
#define OB_SEAL_FIRST_SALT "000000000000000000000000000000000000000000000000"

/* Whose key a message is sealed with. */
typedef struct ob_seal_owner {
    char instance[OB_INSTANCE_TEXT];
    char salt[OB_SEAL_SALT_TEXT];
} ob_seal_owner;

typedef struct ob_seal_hosts ob_seal_hosts;

/* What a process seals and opens with. One owner thread; ob_seal_join_new is for any. */
typedef struct ob_seal {
    uint8_t key[OB_SEAL_KEY]; /* the copy's secret; an executor's: the key of its instance */
    ob_seal_owner self;       /* an executor's; empty: a service, which has the copy's secret */
    char former[65];          /* the token that its instance had before it had a key; or empty */
    uint8_t stream[16];       /* random: no other process uses the same keys for its messages */
    uint64_t number;          /* of the last message */
    ob_seal_hosts *hosts;     /* a service's: the copy's key pair, and keys that it has computed */
} ob_seal;

/* For a service: reads the secret (64 hexadecimal digits). Errors: -EINVAL, -errno of the file. */
int ob_seal_load(ob_seal *seal, const char *file, ob_error *err);
/* For an executor: from the token of its instance. generation: a number that is higher each time
 * that an executor of this instance starts; it orders the messages of several processes. Errors:
 * -EINVAL (not a token). */
int ob_seal_own(
    ob_seal *seal, const char *instance, const char *token, uint32_t generation, ob_error *err);
/* Clears the keys. */
void ob_seal_done(ob_seal *seal);

/* A new salt of an instance that is launched. */
void ob_seal_salt_new(char out[OB_SEAL_SALT_TEXT]);
/* The token that the instance gets. seal: a service's. */
void ob_seal_token(const ob_seal *seal, const ob_seal_owner *owner, char out[OB_SEAL_TOKEN_TEXT]);
/* A new join token. seal: a service's. */
void ob_seal_join_new(const ob_seal *seal, char out[OB_SEAL_JOIN_TEXT]);
/* The join token that a host's salt names; false: it is the salt of a launched instance, or of a
 * host that joined with an earlier version. */
bool ob_seal_join_of(const ob_seal *seal, const char *salt, char out[OB_SEAL_JOIN_TEXT]);
/* Is it the salt of a host that joined with an earlier version? Its join token gives its key. */
bool ob_seal_is_host_of_before(const char *salt);
/* An executor that joins: the token of an instance that it has named itself, another one each time.
 * former: the token that it had in an earlier version, or NULL. Errors: -EINVAL (not a join token
 * of this version). */
int ob_seal_join_token(const char *join_token,
                       const char *instance,
                       const char *former,
                       char out[OB_SEAL_TOKEN_TEXT],
                       ob_error *err);

/* Is it the token of an instance that joined with this join token? */
bool ob_seal_is_under(const char *token, const char *join_token);

/* Seals a text. owner: NULL for an executor, which seals with its own key. *ret is new, free() it;
 * *ret_len is at most len + OB_SEAL_MORE. Errors: -EINVAL (no key follows from the owner's salt).
 */
int ob_seal_write(ob_seal *seal,
                  const ob_seal_owner *owner,
                  const char *topic,
                  const char *text,
                  size_t len,
                  char **ret,
                  size_t *ret_len,
                  ob_error *err);
/* Has it the form of a sealed message? */
bool ob_seal_is(const char *data, size_t len);

typedef struct ob_seal_opened {
    ob_seal_owner owner;
    uint64_t number; /* the sender's, higher with each message */
    char *text;      /* new, NUL-terminated */
    size_t len;
} ob_seal_opened;
/* Opens a message that was read from 'topic'. Errors: -EINVAL (not sealed), -EACCES (for another
 * instance than this executor's), -EBADMSG (it does not open: changed, forged, from another topic,
 * or with another key). The first message of a host that joined costs more than the next ones. */
int ob_seal_read(const ob_seal *seal,
                 const char *topic,
                 const char *data,
                 size_t len,
                 ob_seal_opened *ret,
                 ob_error *err);

/* ---- Messages: the one way out, and the one way in ---- */

/* Seals and sends: the only function that writes to the three topics, apart from
 * ob_bus_send_clear. Arguments and errors: as ob_bus_send. */
int ob_seal_send(ob_seal *seal,
                 const ob_seal_owner *owner,
                 ob_bus *bus,
                 ob_point point,
                 const char *topic,
                 int32_t partition,
                 const char *key,
                 size_t key_len,
                 const char *text,
                 size_t len,
                 void *ref,
                 ob_error *err);

/* A message of batch.executions has at most so many JSON values (as ob_json_values counts them),
 * and one more for each so many bytes. */
#define OB_SEAL_VALUES 64
#define OB_SEAL_VALUE_BYTES 16

/* For a service: reads an executor's message. The members "instance" and "seal" of a sealed one are
 * set here, whatever its sender wrote; a message in clear has no "seal". *ret is new; *ret_type
 * borrows from it. Errors: -EBADMSG (forged or changed), -EINVAL (too many values), those of
 * ob_message_parse. */
int ob_seal_parse(const ob_seal *seal,
                  const ob_bus_msg *msg,
                  json_t **ret,
                  const char **ret_type,
                  int64_t *ret_epoch,
                  ob_error *err);
bool ob_seal_is_sealed(const json_t *msg);
/* The salt of a sealed message, else "". Borrowed. */
const char *ob_seal_salt_of(const json_t *msg);

/* What a service knows of an instance's key. */
typedef struct ob_seal_trust {
    char salt[OB_SEAL_SALT_TEXT];        /* "": its executor is of an earlier version so far */
    char token_hash[OB_TOKEN_HASH_TEXT]; /* of such an executor */
    uint64_t number;                     /* of its last message */
} ob_seal_trust;

/* What the row says; NULL counts as empty. A key once seen stays if the row has none yet. */
void ob_seal_trust_set(ob_seal_trust *trust, const char *salt, const char *token_hash);

/* May the message count, by its key? The row decides, never the message: once the instance has a
 * salt, only messages under that key count. An instance of an earlier version gets its salt from
 * its first sealed message, under a key that this copy has given it, or that comes with its former
 * token. Remembers the salt in 'trust'. */
bool ob_seal_accepts(ob_seal_trust *trust, const json_t *msg);
/* Is it a repetition: not later than one that counted? A message in clear never is. Asking twice
 * for the same object gives the same answer. */
bool ob_seal_repeats(ob_seal_trust *trust, json_t *msg);

/* For the tables of settings. */
#define OB_SEAL_FIELD(offset)                                                                      \
    {                                                                                              \
        "OPENBATCH_SEAL_KEY_FILE", OB_CONFIG_PATH, (offset), "${OPENBATCH_HOME}/secrets/seal.key", \
            "file with the secret (64 hexadecimal digits) from which the keys of instances are "   \
            "derived; "                                                                            \
            "the same for the api, the scheduler and the scaler"                                   \
    }
