/* Times as the container engine writes them.
 * Covers: services/executor/runtimes/rfc3339.c */
#include "fuzz.h"

#include "runtimes/rfc3339.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Of just its size, without a NUL. */
    ob_cleanup(ob_freep) char *text = ob_calloc(1, size);
    const char *end = NULL;
    memcpy(text, data, size);
    int64_t at_ns = rfc3339_ns(text, size, &end);
    FUZZ_CHECK(at_ns >= 0 && (!end || (end > text && end <= text + size)));
    FUZZ_CHECK(end || at_ns == 0);
    /* What follows a time does not change it. */
    if (end)
        FUZZ_CHECK(rfc3339_ns(text, (size_t)(end - text), NULL) == at_ns);
    return 0;
}
