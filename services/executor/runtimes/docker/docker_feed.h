/* Lines of a stream of JSON values, such as the engine's events. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "ob/buf.h"

/* Bytes. An event has all labels of an image, which people write. */
#define DOCKER_FEED_MAX (16u << 20)

typedef void (*docker_on_value)(const char *line, size_t len, void *arg);

/* Hands on each line that has ended, without its end; keeps the rest in 'open'. False: a line is
 * longer than DOCKER_FEED_MAX. */
bool docker_feed(ob_buf *open, const char *data, size_t len, docker_on_value on_value, void *arg);
