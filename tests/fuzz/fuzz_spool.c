/* The executor's file of its runs.
 * Covers: services/executor/spool_text.c */
#include "fuzz.h"

#include "ob/json.h"
#include "spool_text.h"

/* Written out again, it reads the same. */
static void check_written(const json_t *all)
{
    ob_buf out = { 0 };
    json_auto_t *again = json_object();
    const char *key, *name;
    json_t *members, *value;
    json_object_foreach((json_t *)all, key, members)
    {
        FUZZ_CHECK(json_object_size(members) > 0);
        json_object_foreach(members, name, value) spool_text_set(&out, key, name, value);
    }
    spool_text_read(again, out.at, out.len);
    FUZZ_CHECK(json_equal(all, again));
    json_object_foreach((json_t *)all, key, members) spool_text_drop(&out, key);
    spool_text_read(again, out.at, out.len);
    FUZZ_CHECK(json_object_size(again) == 0);
    ob_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = fuzz_begin(data, size);
    size_t len;
    ob_cleanup(ob_freep) char *text = fuzz_rest(&in, &len);
    json_auto_t *all = json_object(), *cut = json_object();
    spool_text_read(all, text, len);
    check_written(all);
    /* Cut within its last line, it is as if that line had not been begun. */
    const char *last = memrchr(text, '\n', len);
    spool_text_read(cut, text, last ? (size_t)(last + 1 - text) : 0);
    FUZZ_CHECK(json_equal(all, cut));
    return 0;
}
