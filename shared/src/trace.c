/* Ids of traces and spans, and traceparent (https://www.w3.org/TR/trace-context/). Holds no state.
 * Any thread. */
#include "ob/trace.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "ob/digest.h"
#include "ob/hex.h"

/* 00-<trace id>-<span id>-<flags> */
#define TRACE_AT 3
#define SPAN_AT 36
#define FLAGS_AT 53
#define FLAG_SAMPLED 1

const char *ob_trace_phase_name(ob_trace_phase phase)
{
    static const char *const names[OB_TRACE_PHASE_COUNT] = {
        [OB_TRACE_JOB] = "job",         [OB_TRACE_PENDING] = "pending",
        [OB_TRACE_ATTEMPT] = "attempt", [OB_TRACE_WAITING] = "waiting",
        [OB_TRACE_PULL] = "pull",       [OB_TRACE_CREATE] = "create",
        [OB_TRACE_START] = "start",     [OB_TRACE_RUN] = "run",
    };
    assert(phase < OB_TRACE_PHASE_COUNT);
    return names[phase];
}

void ob_trace_id(const ob_uuid *job, char out[OB_TRACE_ID_TEXT])
{
    ob_hex(job->b, sizeof(job->b), out);
}

void ob_span_id(const ob_run_ref *run, ob_trace_phase phase, char out[OB_SPAN_ID_TEXT])
{
    char name[OB_RUN_TEXT + 16], of[OB_RUN_TEXT];
    uint8_t hash[OB_SHA256_BYTES];
    ob_run_ref_format(run, of);
    int n = snprintf(name, sizeof(name), "%s/%s", of, ob_trace_phase_name(phase));
    ob_sha256(name, (size_t)n, hash);
    hash[0] |= 1; /* zero is not an id */
    ob_hex(hash, OB_SPAN_ID_TEXT / 2, out);
}

void ob_traceparent_format(const ob_run_ref *run,
                           ob_trace_phase phase,
                           char out[OB_TRACEPARENT_TEXT])
{
    char trace[OB_TRACE_ID_TEXT], span[OB_SPAN_ID_TEXT];
    ob_trace_id(&run->id, trace);
    ob_span_id(run, phase, span);
    (void)snprintf(out, OB_TRACEPARENT_TEXT, "00-%s-%s-%02x", trace, span, FLAG_SAMPLED);
}

static bool is_hex(const char *text, size_t len)
{
    return strspn(text, "0123456789abcdef") >= len;
}

/* An id with a NUL behind it, unless it is only zeros. */
static bool take_id(const char *text, size_t len, char *out)
{
    if (!is_hex(text, len) || strspn(text, "0") >= len)
        return false;
    memcpy(out, text, len);
    out[len] = '\0';
    return true;
}

bool ob_traceparent_parse(const char *text, ob_traceparent *ret)
{
    const size_t len = OB_TRACEPARENT_TEXT - 1;
    if (strnlen(text, len) < len || !is_hex(text, 2) || strncmp(text, "ff", 2) == 0)
        return false;
    /* A later version may have more behind a dash. */
    bool ends = text[len] == '\0' || (strncmp(text, "00", 2) != 0 && text[len] == '-');
    if (!ends || text[TRACE_AT - 1] != '-' || text[SPAN_AT - 1] != '-' || text[FLAGS_AT - 1] != '-')
        return false;
    if (!take_id(text + TRACE_AT, OB_TRACE_ID_TEXT - 1, ret->trace_id) ||
        !take_id(text + SPAN_AT, OB_SPAN_ID_TEXT - 1, ret->span_id) || !is_hex(text + FLAGS_AT, 2))
        return false;
    ret->flags = ob_hex_value(text[FLAGS_AT]) * 16 + ob_hex_value(text[FLAGS_AT + 1]);
    return true;
}
