/* Parser of the engine's multiplexed output. Owns only the incomplete frame; complete frames are
 * passed on in place. Any thread. */
#include "docker_frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "docker_spec.h"

#define HEAD 8
#define FRAME_MAX (4u << 20)

static uint32_t payload_len(const char *head)
{
    const uint8_t *b = (const uint8_t *)head;
    return (uint32_t)b[4] << 24 | (uint32_t)b[5] << 16 | (uint32_t)b[6] << 8 | b[7];
}

static void hand_on(const char *frame, size_t len, docker_on_part on_part, void *arg)
{
    const char *payload = frame + HEAD, *end = frame + len;
    const char *blank = memchr(payload, ' ', (size_t)(end - payload));
    docker_part part = { .stream = frame[0], .text = blank ? blank + 1 : payload };
    if (blank)
        part.at_ns = docker_time_ns(payload, (size_t)(blank - payload), NULL);
    bool newline = end > part.text && end[-1] == '\n';
    part.len = (size_t)(end - part.text) - newline;
    part.ends = newline || part.len < DOCKER_PART;
    on_part(&part, arg);
}

int docker_frames_feed(
    docker_frames *f, const char *data, size_t len, docker_on_part on_part, void *arg)
{
    while (len > 0) {
        const char *head = f->open.len > 0 ? f->open.at : data;
        size_t have = f->open.len > 0 ? f->open.len : len;
        size_t want = HEAD;
        if (have >= HEAD) {
            if ((uint8_t)head[0] >= DOCKER_STREAMS || head[1] || head[2] || head[3] ||
                payload_len(head) > FRAME_MAX)
                return -EBADMSG;
            want += payload_len(head);
        }
        if (f->open.len == 0 && len >= want && have >= HEAD) { /* whole, in place */
            hand_on(data, want, on_part, arg);
            data += want;
            len -= want;
            continue;
        }
        size_t part = f->open.len >= want ? 0 : want - f->open.len;
        part = part < len ? part : len;
        ob_buf_add(&f->open, data, part);
        data += part;
        len -= part;
        if (f->open.len >= HEAD && payload_len(f->open.at) <= FRAME_MAX &&
            f->open.len == HEAD + payload_len(f->open.at)) {
            hand_on(f->open.at, f->open.len, on_part, arg);
            ob_buf_clear(&f->open);
        }
    }
    return 0;
}

void docker_frames_reset(docker_frames *f)
{
    ob_buf_done(&f->open);
}
