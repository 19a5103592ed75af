/* Writes chunks' JSON directly, so that a line of output costs a copy instead of a tree of objects.
 * Owns nothing. Any thread. */
#include "output_text.h"

#include <stdio.h>
#include <string.h>

#include "ob/json.h"
#include "ob/log_target.h"
#include "ob/message.h"
#include "ob/text.h"

static void reserve(log_text *t, size_t more)
{
    if (t->len + more <= t->cap)
        return;
    t->cap = (t->len + more) * 2;
    t->text = ob_realloc(t->text, t->cap);
}

void log_text_add(log_text *t, const char *data, size_t len)
{
    reserve(t, len);
    memcpy(t->text + t->len, data, len);
    t->len += len;
}

static void add_escaped(log_text *t, const char *line, size_t len)
{
    reserve(t, len * 6 + 2);
    char *out = t->text + t->len;
    *out++ = '"';
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)line[i];
        if (c == '"' || c == '\\') {
            *out++ = '\\';
            *out++ = (char)c;
        } else if (c >= 0x20) {
            *out++ = (char)c;
        } else if (c == '\t') {
            *out++ = '\\';
            *out++ = 't';
        } else {
            out += sprintf(out, "\\u%04x", c);
        }
    }
    *out++ = '"';
    t->len = (size_t)(out - t->text);
}

static void add_base64(log_text *t, const char *line, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    reserve(t, len * 4 / 3 + 16);
    char *out = t->text + t->len;
    *out++ = '"';
    for (size_t i = 0; i < len; i += 3) {
        uint32_t b = (uint32_t)(uint8_t)line[i] << 16;
        b |= i + 1 < len ? (uint32_t)(uint8_t)line[i + 1] << 8 : 0;
        b |= i + 2 < len ? (uint32_t)(uint8_t)line[i + 2] : 0;
        *out++ = digits[b >> 18];
        *out++ = digits[b >> 12 & 63];
        *out++ = i + 1 < len ? digits[b >> 6 & 63] : '=';
        *out++ = i + 2 < len ? digits[b & 63] : '=';
    }
    *out++ = '"';
    t->len = (size_t)(out - t->text);
}

/* Bytes of the text as add_escaped writes it, at most. */
static size_t escaped_len(const char *line, size_t len)
{
    size_t n = len;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)line[i];
        n += c < 0x20 && c != '\t' ? 5 : c == '"' || c == '\\' || c == '\t';
    }
    return n;
}

void log_text_add_line(log_text *t, int64_t at_ms, const char *line, size_t len, size_t span)
{
    char number[32];
    int n = snprintf(number, sizeof(number), "[%lld,", (long long)at_ms);
    log_text_add(t, number, (size_t)n);
    bool is_text = ob_text_is_utf8(line, len) && escaped_len(line, len) <= len / 3 * 4 + 8;
    if (is_text) {
        add_escaped(t, line, len);
    } else {
        log_text_add(t, "null,", 5);
        add_base64(t, line, len);
    }
    if (span != len + 1) {
        n = snprintf(number, sizeof(number), "%s,%zu", is_text ? ",null" : "", span);
        log_text_add(t, number, (size_t)n);
    }
    log_text_add(t, "]", 1);
}

/* The stream of a run whose spec names no definition has the job's name. */
json_t *log_target(const json_t *spec, const ob_run_ref *ref)
{
    const json_t *config = json_object_get(json_object_get(spec, "container"), "logConfiguration");
    const char *name = ob_json_str(spec, "definition", ob_json_str(spec, "name", "job"));
    const char *slash = strrchr(name, '/'); /* an ARN */
    name = slash ? slash + 1 : name;
    ob_cleanup(ob_freep) char *definition = ob_text_dup(name, strcspn(name, ":"));
    ob_cleanup(ob_freep) char *prefix = ob_log_prefix(config, definition);
    if (!prefix)
        return NULL;
    ob_cleanup(ob_freep) char *stream = ob_log_stream(prefix, ref);
    return json_pack("{s:o, s:o, s:o, s:o}", "account",
                     ob_json_text(ob_json_str(spec, "account", "")), "region",
                     ob_json_text(ob_log_region(config, ob_json_str(spec, "region", ""))), "group",
                     ob_json_text(ob_log_group(config)), "stream", ob_json_text(stream));
}
