/* JSON with our limits, and the envelope of Kafka messages.
 * Covers: shared/src/json.c shared/src/message.c */
#include "fuzz.h"

#include "ob/json.h"
#include "ob/message.h"

#define DEPTH_MAX 64

static size_t depth_of(const json_t *value)
{
    size_t most = 0, i;
    const char *name;
    json_t *inner;
    json_array_foreach(value, i, inner)
    {
        size_t depth = depth_of(inner);
        most = depth > most ? depth : most;
    }
    json_object_foreach((json_t *)value, name, inner)
    {
        size_t depth = depth_of(inner);
        most = depth > most ? depth : most;
    }
    return most + (json_is_array(value) || json_is_object(value));
}

static void check_value(const char *text, size_t len, unsigned flags)
{
    json_auto_t *value = NULL, *again = NULL;
    ob_error err = { 0 };
    if (ob_json_parse_as(text, len, flags, &value, &err) < 0) {
        FUZZ_CHECK(!value && err.text[0]);
        return;
    }
    FUZZ_CHECK(depth_of(value) <= DEPTH_MAX);
    ob_cleanup(ob_freep) char *out = json_dumps(value, JSON_COMPACT);
    FUZZ_CHECK(out && strlen(out) == ob_json_size(value));
    ob_cleanup(ob_buf_done) ob_buf written = { 0 };
    ob_json_write(&written, value);
    FUZZ_CHECK(strcmp(out, written.at) == 0);
    /* It is the same for every reader, also for one with no duplicates. */
    FUZZ_CHECK(ob_json_parse_as(out, strlen(out), flags | OB_JSON_UNIQUE, &again, &err) == 0);
    FUZZ_CHECK(json_equal(value, again));
}

static void check_split(const json_t *items)
{
    json_auto_t *parts = ob_message_split(items);
    json_auto_t *joined = json_array();
    size_t i;
    json_t *part;
    json_array_foreach(parts, i, part)
    {
        FUZZ_CHECK(ob_json_size(part) <= OB_MESSAGE_ROOM + 2 || json_array_size(part) == 1);
        (void)json_array_extend(joined, part);
    }
    FUZZ_CHECK(json_array_size(parts) > 0 && json_equal(joined, items));
}

static void check_message(const char *text, size_t len)
{
    json_auto_t *msg = NULL, *again = NULL;
    const char *type = NULL, *type_again = NULL;
    int64_t epoch = 0, epoch_again = 0;
    if (ob_message_parse(text, len, &msg, &type, &epoch, NULL) < 0)
        return;
    ob_cleanup(ob_freep) char *out = NULL;
    size_t out_len = ob_message_dump(msg, &out);
    FUZZ_CHECK(ob_message_parse(out, out_len, &again, &type_again, &epoch_again, NULL) == 0);
    FUZZ_CHECK(strcmp(type, type_again) == 0 && epoch == epoch_again);
    /* Members of the wrong type are as if they were absent. */
    const char *name;
    json_t *value;
    json_object_foreach(msg, name, value)
    {
        FUZZ_CHECK(json_is_integer(value) || ob_json_int(msg, name, -7) == -7);
        FUZZ_CHECK(json_is_string(value) || !ob_json_str(msg, name, NULL));
        FUZZ_CHECK(json_is_boolean(value) || ob_json_bool(msg, name, true));
        if (json_is_array(value))
            check_split(value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = fuzz_begin(data, size);
    unsigned flags = fuzz_byte(&in) & (OB_JSON_UNIQUE | OB_JSON_NUL | OB_JSON_BRIEF);
    size_t len;
    ob_cleanup(ob_freep) char *text = fuzz_rest(&in, &len);
    check_value(text, len, flags);
    check_message(text, len);
    return 0;
}
