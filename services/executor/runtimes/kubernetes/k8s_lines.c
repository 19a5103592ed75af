/* Makes lines of a stream: a time, a blank, the line. The kubelet has joined the parts of long
 * lines. Owns the incomplete line, at most LINE_PIECE_MAX and what came at once. The same stream
 * always gives the same lines and spans. Any thread. */
#include "k8s_lines.h"

#include <string.h>

#include "runtimes/rfc3339.h"

#define TIME_MAX 48 /* bytes, with its blank */

/* The line's time; *text and *len become what is behind it. A line without one is whole: the
 * kubelet writes its own errors so. */
static int64_t read_time(const char **text, size_t *len)
{
    const char *end = NULL;
    int64_t at_ns = rfc3339_ns(*text, *len < TIME_MAX ? *len : TIME_MAX, &end);
    if (!end || end == *text + *len || *end != ' ')
        return 0;
    *len -= (size_t)(end + 1 - *text);
    *text = end + 1;
    return at_ns;
}

static void pass(k8s_lines *l, const char *text, size_t len, bool ends)
{
    l->on_line(&(k8s_line){ .at_ns = l->at_ns,
                            .text = text,
                            .len = len,
                            .span = len + ends,
                            .begins = !l->is_rest },
               l->arg);
    l->is_rest = !ends;
}

/* Passes on whole pieces; returns how much of the text they were. */
static size_t pass_pieces(k8s_lines *l, const char *text, size_t len)
{
    size_t done = 0;
    while (len - done > LINE_PIECE_MAX) {
        size_t n = line_piece(text + done, len - done);
        pass(l, text + done, n, false);
        done += n;
    }
    return done;
}

/* A line, or its rest. */
static void pass_line(k8s_lines *l, const char *text, size_t len)
{
    if (!l->is_rest)
        l->at_ns = read_time(&text, &len);
    size_t done = pass_pieces(l, text, len);
    pass(l, text + done, len - done, true);
}

static void keep(k8s_lines *l, const char *data, size_t len)
{
    if (len > 0)
        ob_buf_add(&l->open, data, len);
    const char *text = l->open.at;
    size_t left = l->open.len;
    if (left <= LINE_PIECE_MAX + TIME_MAX)
        return;
    if (!l->is_rest)
        l->at_ns = read_time(&text, &left);
    size_t done = pass_pieces(l, text, left);
    memmove(l->open.at, text + done, left - done);
    l->open.len = left - done;
}

void k8s_lines_take(k8s_lines *l, const char *data, size_t len)
{
    const char *end = data + len, *stop;
    while (data < end && (stop = memchr(data, '\n', (size_t)(end - data)))) {
        if (l->open.len > 0 || l->is_rest) {
            keep(l, data, (size_t)(stop - data));
            pass_line(l, l->open.len > 0 ? l->open.at : "", l->open.len);
            ob_buf_clear(&l->open);
        } else {
            pass_line(l, data, (size_t)(stop - data));
        }
        data = stop + 1;
    }
    keep(l, data, (size_t)(end - data));
}

void k8s_lines_end(k8s_lines *l)
{
    if (l->open.len > 0 || l->is_rest)
        pass_line(l, l->open.len > 0 ? l->open.at : "", l->open.len);
    k8s_lines_reset(l);
}

void k8s_lines_reset(k8s_lines *l)
{
    ob_buf_done(&l->open);
    l->is_rest = false;
}
