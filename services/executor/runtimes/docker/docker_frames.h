/* The engine's stream of container output: frames of 8 bytes head (stream, 0, 0, 0, length) and a
 * payload "<time> <text>[\n]", one for each line or each part of a longer one. A part that is not a
 * line's last has no newline and is of 16 KiB (longer where json-file has put U+FFFD for bytes of
 * the character that it cut); the last part is shorter, and has a newline with json-file only.
 * Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ob/buf.h"

#define DOCKER_STREAMS 4 /* 1: stdout, 2: stderr */
#define DOCKER_PART (16u * 1024)

/* One entry, without the newline; 'ends': its line does. */
typedef struct docker_part {
    int stream; /* below DOCKER_STREAMS */
    int64_t at_ns;
    const char *text;
    size_t len;
    bool ends;
} docker_part;
typedef void (*docker_on_part)(const docker_part *part, void *arg);

typedef struct docker_frames {
    ob_buf open; /* the frame that is not complete yet, with its head */
} docker_frames;

/* Takes bytes as they arrive. Returns 0, or -EBADMSG if they are not such a stream. */
int docker_frames_feed(
    docker_frames *f, const char *data, size_t len, docker_on_part on_part, void *arg);
/* Forgets what is incomplete, frees memory. */
void docker_frames_reset(docker_frames *f);
