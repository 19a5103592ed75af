/* Makes records (oci_words.h) from what a container writes. Pure, but for memory. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEEPER_STREAMS 2

typedef struct keeper_bytes {
    char *at;
    size_t len, cap;
} keeper_bytes;

typedef struct keeper_lines {
    keeper_bytes open[KEEPER_STREAMS]; /* lines that have not ended */
    int64_t open_ns[KEEPER_STREAMS];
    keeper_bytes records;  /* to be written; the owner empties it */
    uint64_t taken, limit; /* bytes of records; 0: no limit */
    bool full;             /* the limit was reached: a record says so, and the rest is dropped */
} keeper_lines;

/* Bytes of a stream, read at that time. */
void keeper_lines_take(keeper_lines *l, size_t stream, const char *data, size_t len, int64_t at_ns);
/* Nothing follows: incomplete lines become lines. */
void keeper_lines_end(keeper_lines *l);
