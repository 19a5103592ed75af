/* The text whose signature is checked. */
#pragma once

#include "sigv4_read.h"

/* Each is new. */
char *sigv4_canonical_request(const sigv4_request *req, const sigv4_auth *auth);
char *sigv4_string_to_sign(const sigv4_auth *auth, const char *canonical_request);

/* SHA-256, in hexadecimal digits. */
void sigv4_sha256(const char *data, size_t len, char out[65]);
