/* A queue's front as JSON, for queue_snapshot. */
#pragma once

#include "engine/engine.h"
#include "ob/buf.h"

/* {"front": [[job id or id:index, since (ms)], ...], "mcpu": in use, "shares": [[share, mcpu],
 * ...], "activeShares": n}; replaces what 'out' holds. */
void snapshot_render(ob_buf *out, const effect_front *front);
/* The front of such a text: up to 'max' entries; returns their number. */
size_t snapshot_parse(const char *body, engine_front *out, size_t max);
