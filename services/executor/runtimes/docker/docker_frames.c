/* Parser of the engine's multiplexed output. Owns only the incomplete frame; complete frames are
 * passed on in place. Any thread. */
#include "docker_frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtimes/rfc3339.h"

#define HEAD 8
#define FRAME_MAX (4u << 20)

/* The length of a frame by its head; 0: it is not one. */
static size_t frame_len(const char *head)
{
    const uint8_t *b = (const uint8_t *)head;
    uint32_t payload = (uint32_t)b[4] << 24 | (uint32_t)b[5] << 16 | (uint32_t)b[6] << 8 | b[7];
    bool is_frame = b[0] < DOCKER_STREAMS && !b[1] && !b[2] && !b[3] && payload <= FRAME_MAX;
    return is_frame ? HEAD + payload : 0;
}

static void hand_on(const char *frame, size_t len, docker_on_part on_part, void *arg)
{
    const char *payload = frame + HEAD, *end = frame + len;
    const char *blank = memchr(payload, ' ', (size_t)(end - payload));
    docker_part part = { .stream = frame[0], .text = blank ? blank + 1 : payload };
    if (blank)
        part.at_ns = rfc3339_ns(payload, (size_t)(blank - payload), NULL);
    bool newline = end > part.text && end[-1] == '\n';
    part.len = (size_t)(end - part.text) - newline;
    part.ends = newline || part.len < DOCKER_PART;
    on_part(&part, arg);
}

/* The bytes to collect next: a head, or all of its frame; 0: it is not one. */
static size_t wanted(const char *head, size_t have)
{
    return have < HEAD ? HEAD : frame_len(head);
}

int docker_frames_feed(
    docker_frames *f, const char *data, size_t len, docker_on_part on_part, void *arg)
{
    while (len > 0) {
        bool is_open = f->open.len > 0;
        size_t want = is_open ? wanted(f->open.at, f->open.len) : wanted(data, len);
        if (want == 0)
            return -EBADMSG;
        size_t part = want - f->open.len < len ? want - f->open.len : len;
        if (!is_open && len >= want) { /* whole, in place */
            hand_on(data, want, on_part, arg);
        } else {
            ob_buf_add(&f->open, data, part);
            want = wanted(f->open.at, f->open.len);
            if (want == 0)
                return -EBADMSG;
            if (f->open.len == want) {
                hand_on(f->open.at, want, on_part, arg);
                ob_buf_clear(&f->open);
            }
        }
        data += part;
        len -= part;
    }
    return 0;
}

void docker_frames_reset(docker_frames *f)
{
    ob_buf_done(&f->open);
}
