/* Traces: ids that follow from a job's id, so nobody has to pass them on, and W3C's traceparent.
 * All is pure; any thread. */
#pragma once

#include <stdbool.h>

#include "ob/id.h"

/* The spans of a job. The names of the phases are part of their ids, and of what users see: they
 * stay. */
typedef enum ob_trace_phase {
    OB_TRACE_JOB,     /* the root; of a child of an array, all of the child */
    OB_TRACE_PENDING, /* until it is RUNNABLE for the first time */
    OB_TRACE_ATTEMPT,
    OB_TRACE_WAITING, /* the parts of an attempt: for its place, ... */
    OB_TRACE_PULL,    /* ... for its image, ... */
    OB_TRACE_CREATE,  /* ... until its container was made, ... */
    OB_TRACE_START,   /* ... and had started, ... */
    OB_TRACE_RUN,     /* ... and while it ran */
    OB_TRACE_PHASE_COUNT
} ob_trace_phase;
const char *ob_trace_phase_name(ob_trace_phase phase);

#define OB_TRACE_ID_TEXT 33    /* with NUL */
#define OB_SPAN_ID_TEXT 17     /* with NUL */
#define OB_TRACEPARENT_TEXT 56 /* with NUL */

/* The trace of a job and of its children: the 16 bytes of its id. */
void ob_trace_id(const ob_uuid *job, char out[OB_TRACE_ID_TEXT]);
/* run->run 0: of no attempt. */
void ob_span_id(const ob_run_ref *run, ob_trace_phase phase, char out[OB_SPAN_ID_TEXT]);
/* That span as a parent, sampled. */
void ob_traceparent_format(const ob_run_ref *run,
                           ob_trace_phase phase,
                           char out[OB_TRACEPARENT_TEXT]);

/* What a traceparent says. */
typedef struct ob_traceparent {
    char trace_id[OB_TRACE_ID_TEXT];
    char span_id[OB_SPAN_ID_TEXT];
    int flags;
} ob_traceparent;
/* Reads it by the rules of W3C Trace Context, later versions included. False: it is not valid. */
bool ob_traceparent_parse(const char *text, ob_traceparent *ret);
