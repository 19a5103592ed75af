/* Joins the parts of lines. Owns the incomplete lines, at most LINE_PIECE_MAX and a part for each
 * stream; a line of one part is passed on in place. The same parts always give the same lines and
 * spans, so output that is read again has the same offsets. A line's span is the sum of its parts'
 * spans, each counted as the line that earlier executors made of it, so the offsets that they
 * reported stay valid. Any thread. */
#include "docker_lines.h"

#include <stdlib.h>
#include <string.h>

#include "ob/error.h"
#include "runtimes/line_piece.h"

static void keep(docker_open_line *o, const docker_part *part)
{
    if (o->len + part->len > o->cap) {
        o->cap = (o->len + part->len) * 2;
        o->text = ob_realloc(o->text, o->cap);
    }
    if (o->span == 0)
        o->at_ns = part->at_ns;
    memcpy(o->text + o->len, part->text, part->len);
    o->len += part->len;
    o->span += part->len + 1;
}

/* The ends of earlier parts count in the piece, so the rest spans only its bytes. */
static void hand_on_pieces(docker_lines *l, docker_open_line *o)
{
    while (o->len > LINE_PIECE_MAX) {
        size_t n = line_piece(o->text, o->len), rest = o->len - n;
        l->on_line(o->at_ns, o->text, n, o->span - rest, l->arg);
        memmove(o->text, o->text + n, rest);
        o->len = o->span = rest;
    }
}

static void hand_on(docker_lines *l, docker_open_line *o)
{
    hand_on_pieces(l, o);
    l->on_line(o->at_ns, o->text, o->len, o->span, l->arg);
    free(o->text);
    *o = (docker_open_line){ 0 };
}

void docker_lines_take(const docker_part *part, void *arg)
{
    docker_lines *l = arg;
    docker_open_line *o = &l->open[part->stream];
    if (o->span == 0 && part->ends && part->len <= LINE_PIECE_MAX) {
        l->on_line(part->at_ns, part->text, part->len, part->len + 1, l->arg);
        return;
    }
    keep(o, part);
    if (part->ends)
        hand_on(l, o);
    else
        hand_on_pieces(l, o);
}

void docker_lines_end(docker_lines *l)
{
    for (size_t i = 0; i < DOCKER_STREAMS; i++)
        if (l->open[i].span > 0)
            hand_on(l, &l->open[i]);
}

void docker_lines_reset(docker_lines *l)
{
    for (size_t i = 0; i < DOCKER_STREAMS; i++) {
        free(l->open[i].text);
        l->open[i] = (docker_open_line){ 0 };
    }
}
