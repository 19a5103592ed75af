/* A page of metrics, as the services answer it.
 * Covers: services/api/metrics/metrics_samples.c */
#include "fuzz.h"

#include <math.h>

#include "metrics/metrics_samples.h"
#include "ob/buf.h"
#include "ob/text.h"

static const char *const names[] = { "a", "openbatch_x", NULL };

static void write_value(ob_buf *out, const char *value)
{
    ob_buf_str(out, "=\"");
    for (; *value; value++) {
        const char *escaped = *value == '\n' ? "\\n" : *value == '"' ? "\\\"" : "\\\\";
        if (strchr("\n\"\\", *value))
            ob_buf_str(out, escaped);
        else
            ob_buf_add(out, value, 1);
    }
    ob_buf_str(out, "\"");
}

/* The line that the sample stands for. */
static void write_sample(ob_buf *out, const char *name, const json_t *labels, double value)
{
    const char *label, *before = "{";
    const json_t *text;
    ob_cleanup(ob_freep) char *number = ob_strf(" %.17g\n", value);
    ob_buf_str(out, name);
    json_object_foreach((json_t *)labels, label, text)
    {
        ob_buf_str(out, before);
        ob_buf_str(out, label);
        write_value(out, json_string_value(text));
        before = ",";
    }
    if (json_object_size(labels) > 0)
        ob_buf_str(out, "}");
    ob_buf_str(out, number);
}

/* Only what was asked for, finite and valid text. */
static void check_sample(const json_t *sample, ob_buf *out)
{
    const char *name = json_string_value(json_object_get(sample, "name"));
    const json_t *labels = json_object_get(sample, "labels");
    const json_t *value = json_object_get(sample, "value");
    FUZZ_CHECK(name && (!strcmp(name, names[0]) || !strcmp(name, names[1])));
    FUZZ_CHECK(json_is_object(labels) && json_is_real(value));
    FUZZ_CHECK(isfinite(json_real_value(value)));
    write_sample(out, name, labels, json_real_value(value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = fuzz_begin(data, size);
    ob_cleanup(ob_freep) char *page = fuzz_part(&in, NULL);
    json_auto_t *list = metrics_samples(page, names);
    ob_buf written = { 0 };
    size_t i, lines = 1;
    const json_t *sample;
    for (const char *at = page; *at; at++)
        lines += *at == '\n';
    FUZZ_CHECK(json_array_size(list) <= lines);
    json_array_foreach(list, i, sample)
    {
        check_sample(sample, &written);
    }
    /* The samples written as a page are read as the same samples. */
    const char *text = written.at ? written.at : "";
    json_auto_t *again = metrics_samples(text, names);
    FUZZ_CHECK(ob_text_is_utf8(text, written.len));
    FUZZ_CHECK(json_equal(list, again));
    ob_buf_done(&written);
    return 0;
}
