/* The envelope of internal messages. Owns nothing: messages are the caller's json objects. Any
 * thread. */
#include "ob/message.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ob/json.h"

json_t *ob_message_new(const char *type, int64_t epoch)
{
    json_t *msg = json_pack("{s:i, s:o, s:I}", "v", OB_MESSAGE_VERSION, "type", ob_json_text(type),
                            "epoch", (json_int_t)epoch);
    if (!msg)
        abort(); /* out of memory */
    return msg;
}

void ob_message_begin(ob_buf *to, const char *type, int64_t epoch)
{
    ob_buf_addf(to, "{\"v\":%d,\"type\":\"%s\",\"epoch\":%" PRId64, OB_MESSAGE_VERSION, type,
                epoch);
}

int ob_message_parse(const char *data,
                     size_t len,
                     json_t **ret,
                     const char **ret_type,
                     int64_t *ret_epoch,
                     ob_error *err)
{
    if (!data || len == 0)
        return ob_fail(err, EINVAL, "message is empty");
    if (len > OB_MESSAGE_MAX)
        return ob_fail(err, EINVAL, "message of %zu bytes is too long", len);

    json_auto_t *msg = NULL;
    int r = ob_json_parse(data, len, &msg, err);
    if (r < 0)
        return r;
    const json_t *version = json_object_get(msg, "v");
    const json_t *type = json_object_get(msg, "type");
    const json_t *epoch = json_object_get(msg, "epoch");
    if (!json_is_integer(version))
        return ob_fail(err, EINVAL, "message has no version");
    if (json_integer_value(version) != OB_MESSAGE_VERSION)
        return ob_fail(err, ENOTSUP, "message has version %lld, expected %d",
                       (long long)json_integer_value(version), OB_MESSAGE_VERSION);
    if (!json_is_string(type))
        return ob_fail(err, EINVAL, "message has no type");
    if (epoch && !json_is_integer(epoch))
        return ob_fail(err, EINVAL, "message's epoch is not an integer");

    *ret_type = json_string_value(type);
    *ret_epoch = epoch ? json_integer_value(epoch) : 0;
    *ret = ob_take(msg);
    return 0;
}

size_t ob_json_size(const json_t *value)
{
    return json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
}

json_t *ob_message_split(const json_t *items)
{
    json_t *parts = json_array(), *part = json_array();
    size_t i, bytes = 0;
    json_t *item;
    json_array_foreach(items, i, item)
    {
        size_t size = ob_json_size(item) + 1;
        if (bytes + size > OB_MESSAGE_ROOM && json_array_size(part) > 0) {
            (void)json_array_append_new(parts, part);
            part = json_array();
            bytes = 0;
        }
        (void)json_array_append(part, item);
        bytes += size;
    }
    (void)json_array_append_new(parts, part);
    return parts;
}

size_t ob_message_dump(const json_t *msg, char **ret)
{
    char *text = json_dumps(msg, JSON_COMPACT);
    if (!text)
        abort(); /* out of memory: a json_t that could be built can be written */
    *ret = text;
    return strlen(text);
}

int64_t ob_json_int(const json_t *obj, const char *name, int64_t if_missing)
{
    const json_t *value = json_object_get(obj, name);
    return json_is_integer(value) ? json_integer_value(value) : if_missing;
}

const char *ob_json_str(const json_t *obj, const char *name, const char *if_missing)
{
    const json_t *value = json_object_get(obj, name);
    return json_is_string(value) ? json_string_value(value) : if_missing;
}

bool ob_json_bool(const json_t *obj, const char *name, bool if_missing)
{
    const json_t *value = json_object_get(obj, name);
    return json_is_boolean(value) ? json_is_true(value) : if_missing;
}
