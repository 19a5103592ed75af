/* What an attempt's state (oci_words.h) says. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ob/id.h"

typedef enum oci_result {
    OCI_RESULT_NONE,    /* its end is not there */
    OCI_RESULT_END,     /* it ran: code, oom, ended_ms */
    OCI_RESULT_LOST,    /* it may have run, and has no code: why */
    OCI_RESULT_REFUSED, /* it has not begun: why */
    OCI_RESULT_STOPPED, /* it was stopped before it began */
} oci_result;

typedef struct oci_state {
    char boot[64]; /* of the host, when it was made; empty: the file lacks its beginning */
    int keeper;    /* pid; 0: none has said that it is there */
    bool may_have_begun;
    int64_t running_ms; /* wall clock; 0: it did not begin, or its keeper ended just then */
    oci_result result;
    bool by_host; /* refused: for a reason that is not the job's */
    int code;
    bool oom, is_cut; /* is_cut: output was lost, because the disk took none */
    int64_t ended_ms;
    int64_t cpu_ms, peak_bytes; /* 0: unknown */
    bool clean;                 /* nothing is left but state and output */
    char why[512];
} oci_state;

/* Lines without an end do not count, and neither do those of another form. */
void oci_state_read(const char *text, size_t len, oci_state *ret);

/* The run of a container's name (ob_run_container_name). False: it is no such name. */
bool oci_run_of_name(const char *name, char out[OB_RUN_TEXT]);
