/* Follows output. A container's output is complete on the disk before its end is: so it is over
 * when the end was told and the file has been read to its end. Owns nothing. Thread: the loop's. */
#include "oci_follow.h"

#include <string.h>

#include "oci_container.h"

static runtime_more on_record(int64_t at_ns, const char *text, size_t len, size_t span, void *arg)
{
    oci_container *c = arg;
    if (at_ns < c->since_ns)
        return RUNTIME_GO_ON;
    return OCI_ON(c->o)->line(c->run, at_ns, text, len, span, OCI_ON(c->o)->arg);
}

static void finish(oci_container *c, bool is_whole)
{
    static const char mark[] = "[OpenBatch: the disk did not take all of this output; its end is "
                               "missing]";
    c->following = OCI_OUTPUT_OVER;
    oci_output_close(&c->reader);
    if (!c->reader.has_begun)
        OCI_ON(c->o)->output_begin(c->run, OCI_ON(c->o)->arg);
    if (is_whole && c->is_cut)
        (void)OCI_ON(c->o)->line(c->run, ob_wall_ms() * 1000000, mark, sizeof(mark) - 1,
                                 sizeof(mark), OCI_ON(c->o)->arg);
    OCI_ON(c->o)->output_end(c->run, OCI_ON(c->o)->arg);
}

void oci_follow_begin(oci_container *c, int64_t since_ns)
{
    c->following = OCI_OUTPUT_READ;
    c->since_ns = since_ns;
}

void oci_follow(oci_container *c)
{
    bool is_over = c->step == OCI_STEP_ENDED;
    if (c->following != OCI_OUTPUT_READ)
        return;
    if (!c->reader.has_begun && c->step >= OCI_STEP_RUN) {
        OCI_ON(c->o)->output_begin(c->run, OCI_ON(c->o)->arg);
        c->reader.has_begun = true;
    }
    if (!c->reader.has_begun)
        return;
    switch (oci_output_read(&c->reader, c->folder, on_record, c)) {
    case OCI_READ_MORE:
        oci_later(c->o, 0);
        break;
    case OCI_READ_WAIT:
        c->following = OCI_OUTPUT_PAUSED;
        break;
    case OCI_READ_ENOUGH:
        finish(c, false);
        break;
    case OCI_READ_ALL:
        if (is_over)
            finish(c, true);
        break;
    }
}

void oci_follow_resume(oci_container *c)
{
    if (c->following != OCI_OUTPUT_PAUSED)
        return;
    c->following = OCI_OUTPUT_READ;
    oci_dirty(c->o);
}
