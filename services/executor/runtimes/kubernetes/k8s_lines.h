/* Lines from the stream in which Kubernetes gives a container's output with its times. Pure. */
#pragma once

#include <stdbool.h>

#include "ob/buf.h"
#include "runtimes/line_piece.h"

/* A line without its end, or a piece of one that is longer than LINE_PIECE_MAX. */
typedef struct k8s_line {
    int64_t at_ns;    /* of the line; 0: the stream has none for it */
    const char *text; /* borrowed */
    size_t len;
    size_t span; /* as offsets count it (docs/messages.md, batch.logs): its bytes, and its end */
    bool begins; /* it is a line's first piece */
} k8s_line;

typedef void (*k8s_on_line)(const k8s_line *line, void *arg);

/* Zero-initialise it and set on_line and arg. */
typedef struct k8s_lines {
    ob_buf open;  /* what has come of a line that has not ended */
    bool is_rest; /* pieces of it were passed on, and its time is not in 'open' */
    int64_t at_ns;
    k8s_on_line on_line;
    void *arg;
} k8s_lines;

void k8s_lines_take(k8s_lines *l, const char *data, size_t len);
/* There is no more: an incomplete line becomes a line. */
void k8s_lines_end(k8s_lines *l);
/* Forgets an incomplete line, because it will be read again. */
void k8s_lines_reset(k8s_lines *l);
