/* Passes on what a keeper has written. The same file gives the same lines and spans at each
 * reading. A record without its end is still being written. A record of another form ends the
 * reading: what follows cannot be told apart any more. Owns the file's descriptor. Thread: the
 * loop's. */
#include "oci_output.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "oci_words.h"

#define TURN_BYTES (1024u * 1024) /* more than the longest record */

size_t
oci_output_take(const char *data, size_t len, oci_on_record fn, void *arg, runtime_more *more)
{
    size_t at = 0;
    oci_record record;
    *more = RUNTIME_GO_ON;
    while (*more == RUNTIME_GO_ON && len - at >= sizeof(record)) {
        memcpy(&record, data + at, sizeof(record));
        if (record.mark != OCI_RECORD_MARK || record.len > OCI_LINE_MAX) {
            *more = RUNTIME_ENOUGH;
            break;
        }
        if (len - at - sizeof(record) < record.len)
            break;
        *more = fn(record.at_ns, data + at + sizeof(record), record.len,
                   record.len + (record.ends ? 1 : 0), arg);
        at += sizeof(record) + record.len;
    }
    return at;
}

oci_read oci_output_read(oci_reader *r, const char *folder, oci_on_record fn, void *arg)
{
    static char *data; /* one for all: the loop is one thread */
    runtime_more more = RUNTIME_GO_ON;
    if (!data)
        data = ob_calloc(1, TURN_BYTES);
    if (r->fd <= 0) {
        ob_cleanup(ob_freep) char *path = ob_strf("%s/" OCI_OUTPUT_FILE, folder);
        r->fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    ssize_t n = r->fd <= 0 ? 0 : pread(r->fd, data, TURN_BYTES, r->at);
    size_t taken = n > 0 ? oci_output_take(data, (size_t)n, fn, arg, &more) : 0;
    r->at += (int64_t)taken;
    if (more != RUNTIME_GO_ON)
        return more == RUNTIME_WAIT ? OCI_READ_WAIT : OCI_READ_ENOUGH;
    return n == (ssize_t)TURN_BYTES && taken > 0 ? OCI_READ_MORE : OCI_READ_ALL;
}

void oci_output_close(oci_reader *r)
{
    if (r->fd > 0)
        (void)close(r->fd);
    r->fd = 0;
}
