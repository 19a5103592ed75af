/* Lines of output as the JSON text of a log chunk (docs/messages.md, batch.logs). Pure. */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "ob/error.h"
#include "ob/id.h"

/* A growing text. Zero-initialise; free(text). */
typedef struct log_text {
    char *text;
    size_t len, cap;
} log_text;

/* Appends [at,"text"], or [at,null,"base64"] when the bytes are no UTF-8 text, hold NUL, or are
 * shorter so; behind that its span in the output, where that is not len + 1. */
void log_text_add_line(log_text *t, int64_t at_ms, const char *line, size_t len, size_t span);
void log_text_add(log_text *t, const char *data, size_t len);

/* Where a run's output goes: a new {"account", "region", "group", "stream"}; NULL when the job
 * names a log driver whose output is not ours to send. */
json_t *log_target(const json_t *spec, const ob_run_ref *ref);
