/* The container engine's stream of output: frames, parts and lines, and its times.
 * Covers: services/executor/runtimes/docker/docker_frames.c
 * services/executor/runtimes/docker/docker_lines.c */
#include "fuzz.h"

#include "ob/buf.h"
#include "runtimes/docker/docker_lines.h"

#define FILL_MAX (128u << 10) /* of one frame that a script makes */
#define ALL_MAX (512u << 10)

typedef struct reading {
    int result;
    size_t lines, bytes, spans;
    uint64_t hash; /* of all lines */
} reading;

static void on_line(int64_t at_ns, const char *text, size_t len, size_t span, void *arg)
{
    reading *r = arg;
    FUZZ_CHECK(len <= LINE_PIECE_MAX && at_ns >= 0 && span >= len);
    r->lines++;
    r->bytes += len;
    r->spans += span;
    r->hash = r->hash * 31 + (uint64_t)at_ns + len * 7 + span;
    for (size_t i = 0; i<len; i += len> 4096 ? 997 : 1)
        r->hash = r->hash * 31 + (unsigned char)text[i];
}

/* As the bytes arrive: 'step' of them at a time. */
static reading read_all(const char *data, size_t len, size_t step)
{
    reading r = { 0 };
    docker_frames frames = { 0 };
    docker_lines lines = { .on_line = on_line, .arg = &r };
    for (size_t at = 0; at < len && r.result == 0; at += step) {
        /* Of just their size, so that every byte read past them is seen. */
        size_t n = len - at < step ? len - at : step;
        ob_cleanup(ob_freep) char *piece = ob_calloc(1, n);
        memcpy(piece, data + at, n);
        r.result = docker_frames_feed(&frames, piece, n, docker_lines_take, &lines);
    }
    if (r.result == 0)
        docker_lines_end(&lines);
    docker_frames_reset(&frames);
    docker_lines_reset(&lines);
    return r;
}

/* Frames by a script of four bytes each: stream, fill, length (two bytes, times four). */
static void run_script(fuzz_input *in, ob_buf *out)
{
    while (in->left >= 4 && out->len < ALL_MAX) {
        static const char time[] = "2026-01-02T03:04:05.678901234Z ";
        uint8_t stream = fuzz_byte(in), fill = fuzz_byte(in);
        size_t n = (size_t)(fuzz_byte(in) << 8 | fuzz_byte(in)) * 4 % FILL_MAX;
        size_t len = sizeof(time) - 1 + n;
        const char head[] = {
            (char)(stream & 7), 0,        0, 0, (char)(len >> 24), (char)(len >> 16),
            (char)(len >> 8),   (char)len
        };
        ob_cleanup(ob_freep) char *text = ob_calloc(1, n + 1);
        memset(text, fill, n);
        if (n > 0 && stream & 8)
            text[n - 1] = '\n';
        ob_buf_add(out, head, sizeof(head));
        ob_buf_add(out, time, sizeof(time) - 1);
        ob_buf_add(out, text, n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = fuzz_begin(data, size);
    uint8_t how = fuzz_byte(&in);
    ob_buf bytes = { 0 };
    if (how & 1)
        run_script(&in, &bytes);
    else
        ob_buf_add(&bytes, in.at, in.left);
    /* However it is cut, the same lines come. */
    reading whole = read_all(bytes.at, bytes.len, bytes.len);
    reading apart = read_all(bytes.at, bytes.len, 1u + (how >> 1) * (how & 1 ? 977 : 1));
    FUZZ_CHECK(whole.result == apart.result && whole.hash == apart.hash &&
               whole.lines == apart.lines && whole.spans == apart.spans);
    FUZZ_CHECK(whole.bytes <= bytes.len);
    ob_buf_done(&bytes);
    return 0;
}
