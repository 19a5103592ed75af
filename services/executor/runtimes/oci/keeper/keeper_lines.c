/* Splits what a container writes into lines. Owns the incomplete lines, at most OCI_LINE_MAX a
 * stream: a longer line is cut into pieces between characters. Aborts without memory. */
#include "keeper_lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../oci_words.h"

static void add(keeper_bytes *b, const void *data, size_t len)
{
    if (b->len + len > b->cap) {
        b->cap = (b->len + len) * 2;
        char *at = realloc(b->at, b->cap);
        if (!at)
            abort();
        b->at = at;
    }
    memcpy(b->at + b->len, data, len);
    b->len += len;
}

static void
add_record(keeper_lines *l, size_t stream, int64_t at_ns, const char *text, size_t len, bool ends)
{
    oci_record record = { .at_ns = at_ns,
                          .len = (uint32_t)len,
                          .mark = OCI_RECORD_MARK,
                          .stream = (uint8_t)stream,
                          .ends = ends };
    add(&l->records, &record, sizeof(record));
    add(&l->records, text, len);
    l->taken += sizeof(record) + len;
}

static void
hand_on(keeper_lines *l, size_t stream, int64_t at_ns, const char *text, size_t len, bool ends)
{
    if (l->full)
        return;
    if (!l->limit || l->taken + sizeof(oci_record) + len <= l->limit) {
        add_record(l, stream, at_ns, text, len, ends);
        return;
    }
    char mark[128];
    int n = snprintf(mark, sizeof(mark),
                     "[OpenBatch: the output is longer than %llu bytes; its end is missing]",
                     (unsigned long long)l->limit);
    l->full = true;
    add_record(l, stream, at_ns, mark, (size_t)n, true);
}

/* The length of one piece of a longer line: no UTF-8 character is cut. */
static size_t piece_len(const char *text)
{
    for (size_t back = 1; back <= 3; back++) {
        unsigned char c = (unsigned char)text[OCI_LINE_MAX - back];
        if ((c & 0xc0) == 0x80)
            continue;
        size_t bytes = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
        return bytes > back ? OCI_LINE_MAX - back : OCI_LINE_MAX;
    }
    return OCI_LINE_MAX;
}

static void hand_on_pieces(keeper_lines *l, size_t stream)
{
    keeper_bytes *open = &l->open[stream];
    while (open->len > OCI_LINE_MAX) {
        size_t n = piece_len(open->at);
        hand_on(l, stream, l->open_ns[stream], open->at, n, false);
        open->len -= n;
        memmove(open->at, open->at + n, open->len);
    }
}

static void keep(keeper_lines *l, size_t stream, const char *data, size_t len, int64_t at_ns)
{
    if (l->open[stream].len == 0)
        l->open_ns[stream] = at_ns;
    add(&l->open[stream], data, len);
    hand_on_pieces(l, stream);
}

static void end_line(keeper_lines *l, size_t stream)
{
    hand_on(l, stream, l->open_ns[stream], l->open[stream].at, l->open[stream].len, true);
    l->open[stream].len = 0;
}

void keeper_lines_take(keeper_lines *l, size_t stream, const char *data, size_t len, int64_t at_ns)
{
    while (len > 0) {
        const char *end = memchr(data, '\n', len);
        size_t n = end ? (size_t)(end - data) : len;
        if (end && l->open[stream].len == 0 && n <= OCI_LINE_MAX) {
            hand_on(l, stream, at_ns, data, n, true);
        } else {
            if (n > 0)
                keep(l, stream, data, n, at_ns);
            if (end)
                end_line(l, stream);
        }
        n += end ? 1 : 0;
        data += n;
        len -= n;
    }
}

void keeper_lines_end(keeper_lines *l)
{
    for (size_t i = 0; i < KEEPER_STREAMS; i++)
        if (l->open[i].len > 0)
            end_line(l, i);
}
