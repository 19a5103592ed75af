/* Makes lines from the parts in which the engine stores them: 16 KiB each if a line is longer than
 * that. Pure. */
#pragma once

#include "docker_frames.h"
#include "runtimes/line_piece.h"

/* One line without its end, or a piece of one that is longer than LINE_PIECE_MAX. span: its length
 * in the run's output as offsets count it (docs/messages.md, batch.logs): its bytes, and one for
 * each part that ends in it. */
typedef void (*docker_on_line)(int64_t at_ns, const char *text, size_t len, size_t span, void *arg);

typedef struct docker_open_line {
    char *text;
    size_t len, cap;
    size_t span;
    int64_t at_ns; /* of its first part */
} docker_open_line;

typedef struct docker_lines {
    docker_open_line open[DOCKER_STREAMS]; /* parts whose line has not ended, by stream */
    docker_on_line on_line;
    void *arg;
} docker_lines;

/* Takes the next part: a docker_on_part; arg: the docker_lines. */
void docker_lines_take(const docker_part *part, void *arg);
/* There are no more parts: an incomplete line becomes a line. */
void docker_lines_end(docker_lines *l);
/* Forgets what is incomplete, frees memory. */
void docker_lines_reset(docker_lines *l);
