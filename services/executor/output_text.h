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

/* Appends [at,"text"], or [at,null,"base64"] if the bytes are not UTF-8, contain NUL, or are
 * shorter that way; after that its span in the output, if that is not len + 1. */
void log_text_add_line(log_text *t, int64_t at_ms, const char *line, size_t len, size_t span);
void log_text_add(log_text *t, const char *data, size_t len);

/* Where a run's output goes: a new {"account", "region", "group", "stream"}; NULL if the job names
 * another log driver, so that we do not send its output. */
json_t *log_target(const json_t *spec, const ob_run_ref *ref);
