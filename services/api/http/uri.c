/* Reads members of a request from its URI (AWS Batch API reference, "TagResource": the resource's
 * ARN in the path, percent-encoded or not). Owns nothing. Pure: any thread. */
#include "uri.h"

#include <string.h>

#include "ob/error.h"
#include "ob/hex.h"

json_t *uri_text(const char *text, size_t len, bool plus)
{
    ob_cleanup(ob_freep) char *out = ob_calloc(1, len + 1);
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        int high = text[i] == '%' && i + 2 < len ? ob_hex_value(text[i + 1]) : -1;
        int low = high >= 0 ? ob_hex_value(text[i + 2]) : -1;
        if (low >= 0) {
            out[n++] = (char)(high * 16 + low);
            i += 2;
        } else {
            out[n++] = plus && text[i] == '+' ? ' ' : text[i];
        }
    }
    return strlen(out) == n ? json_stringn(out, n) : NULL;
}

static int damaged(api_reply *rep)
{
    return api_error(rep, 400, "SerializationException", "The request's URI cannot be decoded.");
}

static int read_query(const char *query, json_t *body, api_reply *rep)
{
    for (const char *at = query; *at;) {
        size_t len = strcspn(at, "&"), name_len = strcspn(at, "=&");
        json_auto_t *name = uri_text(at, name_len, true);
        json_t *value =
            uri_text(at + name_len + (name_len < len), len - name_len - (name_len < len), true);
        if (!name || !value) {
            json_decref(value);
            return damaged(rep);
        }
        json_t *list = json_object_get(body, json_string_value(name));
        if (!json_is_array(list)) {
            list = json_array();
            (void)json_object_set_new(body, json_string_value(name), list);
        }
        (void)json_array_append_new(list, value);
        at += len + (at[len] == '&');
    }
    return 0;
}

int uri_members(const char *path,
                const char *prefix,
                const char *name,
                const char *query,
                json_t *body,
                api_reply *rep)
{
    const char *rest = path + strlen(prefix);
    json_t *value = uri_text(rest, strlen(rest), false);
    int r = value && query ? read_query(query, body, rep) : 0;
    if (!value)
        return damaged(rep);
    (void)json_object_set_new(body, name, value);
    return r;
}
