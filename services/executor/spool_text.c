/* Reads and writes the text of the spool. Owns nothing. Any thread. */
#include "spool_text.h"

#include <stdlib.h>
#include <string.h>

#include "ob/json.h"

void spool_text_apply(json_t *all, const char *key, const char *name, json_t *value)
{
    json_t *members = json_object_get(all, key);
    if (!members) {
        members = json_object();
        (void)json_object_set_new(all, key, members);
    }
    (void)json_object_set_new(members, name, value);
}

static void read_line(json_t *all, const char *line, size_t len)
{
    json_auto_t *entry = ob_json_read(line, len);
    const char *key = json_string_value(json_object_get(entry, "k"));
    const char *name = json_string_value(json_object_get(entry, "n"));
    json_t *value = json_object_get(entry, "v");
    if (!key)
        return;
    if (json_is_true(json_object_get(entry, "drop")))
        (void)json_object_del(all, key);
    else if (name && value)
        spool_text_apply(all, key, name, json_incref(value));
}

void spool_text_read(json_t *all, const char *text, size_t len)
{
    for (const char *end; len > 0 && (end = memchr(text, '\n', len));) {
        size_t line = (size_t)(end - text);
        read_line(all, text, line);
        text = end + 1;
        len -= line + 1;
    }
}

static void add(ob_buf *out, json_t *entry)
{
    char *text = json_dumps(entry, JSON_COMPACT);
    json_decref(entry);
    if (!text)
        abort(); /* out of memory */
    ob_buf_str(out, text);
    ob_buf_add(out, "\n", 1);
    free(text);
}

void spool_text_set(ob_buf *out, const char *key, const char *name, json_t *value)
{
    add(out,
        json_pack("{s:o, s:o, s:O}", "k", ob_json_text(key), "n", ob_json_text(name), "v", value));
}

void spool_text_drop(ob_buf *out, const char *key)
{
    add(out, json_pack("{s:o, s:b}", "k", ob_json_text(key), "drop", 1));
}
