/* Reads and writes the text of the spool. Owns nothing. Any thread. */
#include "spool_text.h"

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

void spool_text_set(ob_buf *out, const char *key, const char *name, const json_t *value)
{
    ob_buf_str(out, "{\"k\":");
    ob_buf_json(out, key);
    ob_buf_str(out, ",\"n\":");
    ob_buf_json(out, name);
    ob_buf_str(out, ",\"v\":");
    ob_json_write(out, value);
    ob_buf_str(out, "}\n");
}

void spool_text_drop(ob_buf *out, const char *key)
{
    ob_buf_str(out, "{\"k\":");
    ob_buf_json(out, key);
    ob_buf_str(out, ",\"drop\":true}\n");
}
