/* Capacity counters and heartbeats in Redis: figures for operators and tools. They carry the
 * scaler's epoch and a version; absent, old or foreign ones are rebuilt before they are used. Each
 * is an absolute value, so writing one twice changes nothing. No decision depends on them. Loop
 * thread. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "ob/error.h"

typedef struct counters counters;

counters *counters_new(const char *address, const char *password);
void counters_free(counters *c);

/* Call it when leading has begun with this epoch: the counters in Redis are older. */
void counters_begin(counters *c, int64_t epoch);
/* Must they be rebuilt from PostgreSQL? */
bool counters_lost(const counters *c);

/* What was made last for 'all' below, and the numbers that it was made of: it is made again only
 * when one of them has changed. */
#define COUNTERS_NUMBERS 9
typedef struct counters_entry {
    int64_t numbers[COUNTERS_NUMBERS];
    json_t *json; /* NULL: nothing yet */
} counters_entry;

/* Makes the counters equal to 'all': {"ce:<id>": {field: integer or string, ...}, "instance:<id>":
 * {...}}, in one atomic step; only changes are sent. rebuild: replaces everything, unless a later
 * leader wrote it. 'all' is kept and must not change afterwards; what is the same object as the
 * last time is not compared. Errors: -ESTALE (they are no longer ours: counters_lost), -EPERM (a
 * later leader's), -EIO (not reachable). */
int counters_write(counters *c, json_t *all, bool rebuild, ob_error *err);

/* Notes that these instances are alive, for ttl_ms. */
int counters_beat(counters *c, const char *const *ids, size_t n, int64_t ttl_ms, ob_error *err);

typedef struct counters_totals {
    int64_t provisioned_mcpu, allocated_mcpu, attempts;
    int64_t heartbeats; /* instances that sent something within their ttl */
} counters_totals;
/* Sums over all environments, after comparing every counter with what was written last: -ESTALE if
 * another client has changed or removed any. Errors as counters_write. */
int counters_sum(counters *c, counters_totals *ret, ob_error *err);
