/* What fuzz targets share: taking an input apart, and checks. A target is one file, fuzz_<name>.c:
 * its first sentence says what it feeds, and "Covers:" names the files whose branches it is about
 * (tools/fuzz.sh reads both). libFuzzer calls LLVMFuzzerTestOneInput; replay.c does the same with
 * the kept inputs. An input is made of parts, each ended by the byte 0xff, which no valid text has.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ob/mem.h"

#define FUZZ_END 0xff

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold for any input. */
#define FUZZ_CHECK(holds)                                                                          \
    ((holds)                                                                                       \
         ? (void)0                                                                                 \
         : (fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #holds), abort()))

typedef struct fuzz_input {
    const char *at;
    size_t left;
} fuzz_input;

static inline fuzz_input fuzz_begin(const uint8_t *data, size_t size)
{
    return (fuzz_input){ (const char *)data, size };
}

/* 0 at the end. */
static inline uint8_t fuzz_byte(fuzz_input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return (uint8_t)*in->at++;
}

/* The next part: a copy of just its size and a NUL, so that every byte read past it is seen. At the
 * end an empty one. ret_len: may be NULL. New. */
static inline char *fuzz_part(fuzz_input *in, size_t *ret_len)
{
    const char *end = memchr(in->at, FUZZ_END, in->left);
    size_t len = end ? (size_t)(end - in->at) : in->left;
    char *part = ob_calloc(1, len + 1);
    memcpy(part, in->at, len);
    if (ret_len)
        *ret_len = len;
    len += end != NULL;
    in->at += len;
    in->left -= len;
    return part;
}

/* All that is left, whatever bytes it has. New. */
static inline char *fuzz_rest(fuzz_input *in, size_t *ret_len)
{
    char *rest = ob_calloc(1, in->left + 1);
    memcpy(rest, in->at, in->left);
    if (ret_len)
        *ret_len = in->left;
    *in = (fuzz_input){ in->at + in->left, 0 };
    return rest;
}
