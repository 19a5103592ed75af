/* Bytes of bad data: text, halves of characters, NUL, overlong forms, surrogates. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The same sequence for the same seed (xorshift64*). */
static inline uint64_t random_next(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * 0x2545F4914F6CDD1Du;
}

/* Fills 'out' with up to 'max' bytes; returns how many. */
static inline size_t random_bytes(uint64_t *seed, char *out, size_t max)
{
    static const char *const pieces[] = {
        "a",
        "text",
        "é",
        "€",
        "😀",
        "\"",
        "\\",
        "\n",
        ":",
        "\xc3",
        "\xe2\x82",
        "\xf0\x9f",
        "\x80",
        "\xed\xa0\x80",
        "\xc0\xaf",
        "\xff",
        "\xf5\x80\x80",
    };
    size_t len = random_next(seed) % (max + 1), n = 0;
    unsigned ascii_of_four = random_next(seed) % 5;
    while (n < len) {
        uint64_t pick = random_next(seed);
        char byte = (char)(pick >> 32);
        const char *piece = &byte;
        size_t size = 1;
        if (pick % 4 < ascii_of_four) {
            piece = "e";
        } else if (pick / 4 % 2) {
            piece = pieces[pick / 8 % ARRAY_SIZE(pieces)];
            size = strlen(piece);
        }
        if (size > len - n)
            size = len - n;
        memcpy(out + n, piece, size);
        n += size;
    }
    return n;
}

/* The same, as a C string: without NUL within. out has max + 1 bytes. */
static inline void random_string(uint64_t *seed, char *out, size_t max)
{
    size_t n = random_bytes(seed, out, max);
    for (size_t i = 0; i < n; i++)
        out[i] = out[i] ? out[i] : 'x';
    out[n] = '\0';
}
