/* Parser of the engine's multiplexed output. Owns the incomplete frame only; whole frames are
 * handed on from where they lie. Any thread. */
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

static void hand_on(const char *payload, size_t len, docker_on_line on_line, void *arg)
{
    const char *text = payload, *end = payload + len;
    const char *blank = memchr(payload, ' ', len);
    int64_t at_ns = 0;
    if (blank) {
        at_ns = docker_time_ns(payload, (size_t)(blank - payload), NULL);
        text = blank + 1;
    }
    if (end > text && end[-1] == '\n')
        end--;
    on_line(at_ns, text, (size_t)(end - text), arg);
}

static void keep(docker_frames *f, const char *data, size_t len)
{
    if (f->len + len > f->cap) {
        f->cap = (f->len + len) * 2;
        f->buf = ob_realloc(f->buf, f->cap);
    }
    memcpy(f->buf + f->len, data, len);
    f->len += len;
}

int docker_frames_feed(
    docker_frames *f, const char *data, size_t len, docker_on_line on_line, void *arg)
{
    while (len > 0) {
        const char *head = f->len > 0 ? f->buf : data;
        size_t have = f->len > 0 ? f->len : len;
        size_t want = HEAD;
        if (have >= HEAD) {
            if ((uint8_t)head[0] > 3 || head[1] || head[2] || head[3] ||
                payload_len(head) > FRAME_MAX)
                return -EBADMSG;
            want += payload_len(head);
        }
        if (f->len == 0 && len >= want && have >= HEAD) { /* whole, in place */
            hand_on(data + HEAD, want - HEAD, on_line, arg);
            data += want;
            len -= want;
            continue;
        }
        size_t part = f->len >= want ? 0 : want - f->len;
        part = part < len ? part : len;
        keep(f, data, part);
        data += part;
        len -= part;
        if (f->len >= HEAD && payload_len(f->buf) <= FRAME_MAX &&
            f->len == HEAD + payload_len(f->buf)) {
            hand_on(f->buf + HEAD, f->len - HEAD, on_line, arg);
            f->len = 0;
        }
    }
    return 0;
}

void docker_frames_reset(docker_frames *f)
{
    free(f->buf);
    *f = (docker_frames){ 0 };
}
