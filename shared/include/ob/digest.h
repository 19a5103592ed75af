/* SHA-256. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define OB_SHA256_BYTES 32

/* Ends the process if the library has no SHA-256. Any thread. */
void ob_sha256(const void *data, size_t len, uint8_t out[OB_SHA256_BYTES]);
