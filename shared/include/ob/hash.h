/* FNV-1a over NUL-terminated texts: what the services agree on (digests of heartbeats, partitions
 * of instances), and the hash of short keys in memory. */
#pragma once

#include <stdint.h>

#define OB_HASH32 2166136261u             /* of the empty text */
#define OB_HASH64 14695981039346656037ull /* of the empty text */

/* 'hash' goes on over 'text'. */
static inline uint32_t ob_hash32(uint32_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 16777619u;
    return hash;
}

static inline uint64_t ob_hash64(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 1099511628211ull;
    return hash;
}
