/* The text of the spool: JSON lines {"k": key, "n": name, "v": value} or {"k": key, "drop": true}.
 * Pure. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "ob/buf.h"

/* Applies lines to 'all', {key: {name: value}}. A last line without its end was cut by a crash, and
 * is ignored; so is one that is not in this form. */
void spool_text_read(json_t *all, const char *text, size_t len);

/* Sets a member in 'all'; takes 'value'. */
void spool_text_apply(json_t *all, const char *key, const char *name, json_t *value);

/* Add a line. */
void spool_text_set(ob_buf *out, const char *key, const char *name, const json_t *value);
void spool_text_drop(ob_buf *out, const char *key);
