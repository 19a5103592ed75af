/* What a host tells the executor: Spot notices of the metadata service, and the kernel's log.
 * Covers: services/executor/host/imds.c services/executor/host/kernel_oom.c */
#include "fuzz.h"

#include "host/imds.h"
#include "host/kernel_oom.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NOW_MS INT64_C(1700000000000)
#define MAX_MS 120000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = fuzz_begin(data, size);
    size_t len;
    ob_cleanup(ob_freep) char *text = fuzz_rest(&in, &len);
    int64_t in_ms = imds_parse(text, len, NOW_MS, MAX_MS);
    FUZZ_CHECK(in_ms >= -1 && in_ms <= MAX_MS);
    /* Only a record that has the whole id names the container. */
    FUZZ_CHECK(!kernel_oom_names(text, ID) || strstr(text, ID));
    return 0;
}
