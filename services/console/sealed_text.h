/* Texts that only the console can make and read: AES-256-GCM under its key, written as base64url.
 * A text is made for a purpose and opens for no other. Pure except for random numbers: any
 * thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "ob/error.h"

#define SEALED_KEY 32
#define SEALED_PLAIN_MAX 8192 /* bytes of a text */

/* *ret is new, free() it. Errors: -EMSGSIZE (longer than SEALED_PLAIN_MAX), -EIO. */
int sealed_text_make(const uint8_t key[SEALED_KEY],
                     const char *purpose,
                     const char *text,
                     char **ret,
                     ob_error *err);
/* *ret is new; forget it with sealed_text_forget. Errors: -EBADMSG (changed, forged, made with
 * another key or for another purpose, or not such a text at all). */
int sealed_text_open(const uint8_t key[SEALED_KEY],
                     const char *purpose,
                     const char *sealed,
                     char **ret,
                     ob_error *err);
/* Clears and frees. NULL: nothing. */
void sealed_text_forget(char *text);

/* Reads a key from a file with 64 hexadecimal digits; with an empty path it makes one that ends
 * with the process. Errors: -errno, -EINVAL. */
int sealed_key_read(const char *file, uint8_t ret[SEALED_KEY], ob_error *err);
/* 'digits' random hexadecimal digits and a NUL. */
int sealed_random(char *out, size_t digits, ob_error *err);
