/* Ids of jobs, array children, runs and instances, and traceparent.
 * Covers: shared/src/id.c shared/src/trace.c */
#include "fuzz.h"

#include <strings.h>

#include "ob/id.h"
#include "ob/trace.h"

/* What was read is written in one way, which differs from the input at most in case. */
static void check_job(const char *text)
{
    ob_job_ref ref, again;
    char out[OB_RUN_TEXT];
    if (!ob_job_ref_parse(text, &ref))
        return;
    ob_job_ref_format(&ref, out);
    FUZZ_CHECK(strcasecmp(out, text) == 0 && ob_job_ref_parse(out, &again));
    FUZZ_CHECK(ob_uuid_cmp(&ref.id, &again.id) == 0 && ref.index == again.index);
    int64_t ms = ob_uuid_ms(&ref.id);
    ob_uuid first = ob_uuid_from_ms(ms);
    FUZZ_CHECK(ob_uuid_ms(&first) == ms && ob_uuid_cmp(&first, &ref.id) <= 0);
}

static void check_run(const char *text)
{
    ob_run_ref ref, again;
    char out[OB_RUN_TEXT], name[OB_RUN_TEXT], task[OB_TASK_TEXT];
    if (!ob_run_ref_parse(text, &ref))
        return;
    ob_run_ref_format(&ref, out);
    FUZZ_CHECK(strcasecmp(out, text) == 0 && ob_run_ref_parse(out, &again));
    FUZZ_CHECK(ob_uuid_cmp(&ref.id, &again.id) == 0 && ref.index == again.index &&
               ref.run == again.run && ref.run > 0);
    /* Its container's name has the same parts, so no two runs share one. */
    ob_run_container_name(&ref, name);
    FUZZ_CHECK(strlen(name) == strlen(out) + 3);
    ob_run_task_id(&ref, task);
    FUZZ_CHECK(strlen(task) == OB_TASK_TEXT - 1);
}

/* What was read is what the text begins with. */
static void check_traceparent(const char *text)
{
    ob_traceparent parent;
    char out[OB_TRACEPARENT_TEXT];
    if (!ob_traceparent_parse(text, &parent))
        return;
    (void)snprintf(out, sizeof(out), "%.2s-%s-%s-%02x", text, parent.trace_id, parent.span_id,
                   (unsigned)parent.flags & 0xff);
    FUZZ_CHECK(strncmp(out, text, sizeof(out) - 1) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = fuzz_begin(data, size);
    size_t len;
    ob_cleanup(ob_freep) char *text = fuzz_rest(&in, &len);
    ob_uuid id;
    char out[OB_UUID_TEXT];
    if (ob_uuid_parse(text, len, &id)) {
        ob_uuid_format(&id, out);
        FUZZ_CHECK(strcasecmp(out, text) == 0);
    }
    check_job(text);
    check_run(text);
    check_traceparent(text);
    if (ob_instance_id_is(text))
        FUZZ_CHECK(len >= OB_INSTANCE_TEXT - 1 && strlen(text) == OB_INSTANCE_TEXT - 1);
    return 0;
}
