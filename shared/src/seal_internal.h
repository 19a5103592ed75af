/* Keys of instances, between seal.c and seal_host.c. */
#pragma once

#include "ob/seal.h"

#define SEAL_NAME_LEN 16 /* of a join token: the beginning of its text, and of a salt */
#define SEAL_SALT_LEN                                                                              \
    48 /* of a launched instance, and of a host that joined with an earlier version */
#define SEAL_HOST_SALT_LEN (SEAL_NAME_LEN + 2 * OB_SEAL_KEY) /* the second part is a public key */

/* HMAC-SHA-256 under 'key' of the label and two parts, with NUL between them. */
void seal_derive(const uint8_t key[OB_SEAL_KEY],
                 const char *label,
                 const char *first,
                 const void *second,
                 size_t second_len,
                 uint8_t ret[OB_SEAL_KEY]);
/* Exactly 'n' bytes of hex. */
bool seal_read_hex(const char *text, uint8_t *out, size_t n);

/* What a service has for hosts that join. New, free with seal_hosts_free(). */
ob_seal_hosts *seal_hosts_new(const uint8_t secret[OB_SEAL_KEY]);
void seal_hosts_free(ob_seal_hosts *hosts);

/* For a service: the key of a host with such a salt. false: its public key is one of low order. */
bool seal_host_key(const ob_seal *seal, const ob_seal_owner *owner, uint8_t ret[OB_SEAL_KEY]);
/* A message has opened with it: the next one costs less. */
void seal_host_remember(const ob_seal *seal,
                        const ob_seal_owner *owner,
                        const uint8_t key[OB_SEAL_KEY]);
/* For a host: its salt and its key, from its private key. owner: the instance's id is set, the salt
 * is filled in. Errors: -EINVAL (not a join token of this version). */
int seal_host_join(const char *join_token,
                   const uint8_t own[OB_SEAL_KEY],
                   ob_seal_owner *owner,
                   uint8_t ret[OB_SEAL_KEY],
                   ob_error *err);
