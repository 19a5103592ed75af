/* The one door to jansson's loaders, for what comes from outside and for what was stored
 * (`./openbatch test format` looks for others). The api checks what is in it by tables of its own
 * (services/api/request/fields.h). */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "ob/error.h"

/* A value takes up to some 250 bytes of memory, and two of text ("{},"). */
#define OB_JSON_FEW 16384

typedef enum ob_json_flags {
    OB_JSON_UNIQUE = 1, /* a member given twice is refused; else the last one counts */
    OB_JSON_NUL = 2,    /* texts may hold \u0000 */
    OB_JSON_BRIEF = 4,  /* more than OB_JSON_FEW values are refused */
} ob_json_flags;

/* An object or an array, at most 64 levels deep; members of one name: the last one counts. Its size
 * is the caller's to check. *ret is new. Errors: -EINVAL, the text tells the sender what is wrong
 * and where. Any thread. */
int ob_json_parse(const char *data, size_t len, json_t **ret, ob_error *err);
/* The same with ob_json_flags. */
int ob_json_parse_as(const char *data, size_t len, unsigned flags, json_t **ret, ob_error *err);
/* The same for who does not care what is wrong: new, or NULL. */
json_t *ob_json_read(const char *data, size_t len);
/* Of a string; NULL gives NULL. */
json_t *ob_json_read_text(const char *text);

/* A string of any bytes, as text (ob/text.h). New, and never NULL (no text: null): what is packed
 * or set with it cannot fail for what came from outside. */
json_t *ob_json_text(const char *text);
json_t *ob_json_textn(const char *data, size_t len);
