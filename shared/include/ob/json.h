/* The only way to load JSON, from outside or from storage: no other file may call jansson's loaders
 * (`./openbatch test format` checks this). The api checks the members with its own tables
 * (services/api/request/fields.h). */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "ob/buf.h"
#include "ob/error.h"

/* A value uses up to about 250 bytes of memory, but only two bytes of text ("{},"). */
#define OB_JSON_FEW 16384

typedef enum ob_json_flags {
    OB_JSON_UNIQUE = 1, /* a member that appears twice is refused; otherwise the last one counts */
    OB_JSON_NUL = 2,    /* strings may contain \u0000 */
    OB_JSON_BRIEF = 4,  /* more than OB_JSON_FEW values are refused */
} ob_json_flags;

/* Loads an object or an array, at most 64 levels deep; if a member appears twice, the last one
 * counts. The caller checks the size. *ret is new. Errors: -EINVAL; the text tells the sender what
 * is wrong and where. Any thread. */
int ob_json_parse(const char *data, size_t len, json_t **ret, ob_error *err);
/* The same with ob_json_flags. */
int ob_json_parse_as(const char *data, size_t len, unsigned flags, json_t **ret, ob_error *err);
/* The same without an error text: new, or NULL. */
json_t *ob_json_read(const char *data, size_t len);
/* The same for a NUL-terminated string; NULL gives NULL. */
json_t *ob_json_read_text(const char *text);

/* How many values parsing would build: entries of lists and members of objects; lists and objects
 * count once more. */
size_t ob_json_values(const char *data, size_t len);

/* A JSON string from any bytes, made valid text (ob/text.h). New, and never NULL (a NULL argument
 * gives JSON null), so packing or setting it cannot fail because of bytes from outside. */
json_t *ob_json_text(const char *text);
json_t *ob_json_textn(const char *data, size_t len);

/* Appends the compact text of a value. */
void ob_json_write(ob_buf *to, const json_t *value);
