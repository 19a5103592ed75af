/* The engine's stream of container output: frames of 8 bytes head (stream, 0, 0, 0, length) and a
 * payload "<time> <text>[\n]", one for each line or each 16 KiB of a longer one. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* One entry, without the newline. */
typedef void (*docker_on_line)(int64_t at_ns, const char *text, size_t len, void *arg);

typedef struct docker_frames {
    char *buf; /* the frame that is not complete yet, with its head */
    size_t len, cap;
} docker_frames;

/* Takes bytes as they come. Returns 0, or -EBADMSG when they are no such stream. */
int docker_frames_feed(
    docker_frames *f, const char *data, size_t len, docker_on_line on_line, void *arg);
/* Forgets what is incomplete, frees memory. */
void docker_frames_reset(docker_frames *f);
