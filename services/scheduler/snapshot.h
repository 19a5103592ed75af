/* What queue_snapshot has of a queue, as text: its front as JSON, its counts as arrays. */
#pragma once

#include "engine/engine.h"
#include "ob/buf.h"

/* {"front": [[job id or id:index, since (ms)], ...], "mcpu": in use, "shares": [[share, mcpu],
 * ...], "activeShares": n}; replaces what 'out' holds. */
void snapshot_render(ob_buf *out, const effect_front *front);
/* The front of such a text: up to 'max' entries; returns their number. */
size_t snapshot_parse(const char *body, engine_front *out, size_t max);

/* Numbers by state as PostgreSQL writes arrays: {1,0,...}. */
#define SNAPSHOT_COUNTS_TEXT 160
const char *snapshot_counts_render(char out[SNAPSHOT_COUNTS_TEXT],
                                   const int64_t counts[OB_JOB_STATE_COUNT]);
/* false: 'text' is NULL, or not such an array. */
bool snapshot_counts_parse(const char *text, int64_t out[OB_JOB_STATE_COUNT]);
