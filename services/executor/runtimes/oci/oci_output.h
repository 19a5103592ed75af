/* Reads the records of a container's output (oci_words.h). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtimes/runtime.h"

typedef struct oci_reader {
    int fd;         /* 0: not open */
    int64_t at;     /* of the first byte that was not passed on */
    bool has_begun; /* output_begin was told */
} oci_reader;

typedef enum oci_read {
    OCI_READ_ALL,    /* nothing more is there now */
    OCI_READ_MORE,   /* there is more */
    OCI_READ_WAIT,   /* the receiver takes no more for now */
    OCI_READ_ENOUGH, /* the receiver wants no more */
} oci_read;

typedef runtime_more (*oci_on_record)(
    int64_t at_ns, const char *text, size_t len, size_t span, void *arg);

/* Passes on records, a bounded number of bytes. */
oci_read oci_output_read(oci_reader *r, const char *folder, oci_on_record fn, void *arg);
void oci_output_close(oci_reader *r);
/* The whole records of a piece of the file. Returns how many bytes of it they take. *more: what the
 * receiver said last; it stops when that is not RUNTIME_GO_ON. Pure. */
size_t
oci_output_take(const char *data, size_t len, oci_on_record fn, void *arg, runtime_more *more);
