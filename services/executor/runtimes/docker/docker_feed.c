/* Lines of a stream of JSON values. Owns nothing. */
#include "docker_feed.h"

#include <string.h>

bool docker_feed(ob_buf *open, const char *data, size_t len, docker_on_value on_value, void *arg)
{
    while (len > 0) {
        const char *end = memchr(data, '\n', len);
        size_t part = end ? (size_t)(end - data) : len;
        if (part > DOCKER_FEED_MAX - open->len)
            return false;
        ob_buf_add(open, data, part);
        data += part;
        len -= part;
        if (end) {
            on_value(open->at ? open->at : "", open->len, arg);
            ob_buf_clear(open);
            data++;
            len--;
        }
    }
    return true;
}
