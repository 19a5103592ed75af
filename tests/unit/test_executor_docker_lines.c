/* How lines are made of what the container engine gives of an output: frames, and parts of lines.
 */
#include "unit.h"

#include "ob/message.h"
#include "runtimes/docker/docker_lines.h"

/* ---- frames ---- */

static char got[20100];

static void on_frame_part(const docker_part *part, void *arg)
{
    size_t have = strlen(got);
    (void)snprintf(got + have, sizeof(got) - have, "%d:%lld:%.*s%s", part->stream,
                   (long long)part->at_ns, (int)part->len, part->text, part->ends ? "|" : "...");
}

static size_t frame(char *out, int stream, const char *payload)
{
    size_t len = strlen(payload);
    memset(out, 0, 8);
    out[0] = (char)stream;
    out[6] = (char)(len >> 8);
    out[7] = (char)len;
    memcpy(out + 8, payload, len);
    return len + 8;
}

static void frames_are_whole_however_they_are_cut(void **state)
{
    char data[1024];
    size_t len = frame(data, 1, "1970-01-01T00:00:00.000000007Z one\n");
    len += frame(data + len, 2, "1970-01-01T00:00:01.000000000Z \n");
    len += frame(data + len, 1, "1970-01-01T00:00:01.000000001Z part");
    len += frame(data + len, 1, "1970-01-01T00:00:01.000000001Z ial\r\n");
    for (size_t piece = 1; piece <= len; piece++) {
        docker_frames f = { 0 };
        got[0] = '\0';
        for (size_t at = 0; at < len; at += piece) {
            size_t n = len - at < piece ? len - at : piece;
            assert_int_equal(docker_frames_feed(&f, data + at, n, on_frame_part, NULL), 0);
        }
        assert_string_equal(got, "1:7:one|2:1000000000:|1:1000000001:part|1:1000000001:ial\r|");
        docker_frames_reset(&f);
    }
}

/* As json-file and the driver local have it. */
static void a_part_of_16_kib_without_a_newline_goes_on(void **state)
{
    static char text[20000], data[20100];
    static const struct {
        size_t len;
        const char *tail;
        bool ends;
    } cases[] = { { DOCKER_PART, "", false },
                  { DOCKER_PART, "\n", true },
                  { DOCKER_PART - 1, "", true },
                  { DOCKER_PART + 2, "", false },
                  { 0, "", true },
                  { 0, "\n", true } };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        docker_frames f = { 0 };
        memset(text, 'x', sizeof(text));
        (void)snprintf(text, sizeof(text), "1970-01-01T00:00:00.000000007Z ");
        size_t head = strlen(text);
        text[head] = 'x';
        (void)snprintf(text + head + cases[i].len, 2, "%s", cases[i].tail);
        size_t n = frame(data, 1, text);
        got[0] = '\0';
        assert_int_equal(docker_frames_feed(&f, data, n, on_frame_part, NULL), 0);
        docker_frames_reset(&f);
        size_t shown = strlen(got);
        assert_int_equal(shown > 3 && strcmp(got + shown - 3, "...") == 0, !cases[i].ends);
    }
}

static void what_is_no_frame_is_refused(void **state)
{
    docker_frames f = { 0 };
    assert_int_equal(docker_frames_feed(&f, "HTTP/1.1 500", 12, on_frame_part, NULL), -EBADMSG);
    docker_frames_reset(&f);
    assert_int_equal(docker_frames_feed(&f, "\1\0\0\0\x7f\xff\xff\xff", 8, on_frame_part, NULL),
                     -EBADMSG);
    docker_frames_reset(&f);
    /* However it is cut: an empty frame of a stream that there is not. */
    for (size_t piece = 1; piece <= 8; piece++) {
        int r = 0;
        for (size_t at = 0; at < 8 && r == 0; at += piece)
            r = docker_frames_feed(&f, &"\5\0\0\0\0\0\0\0"[at], piece < 8 - at ? piece : 8 - at,
                                   on_frame_part, NULL);
        assert_int_equal(r, -EBADMSG);
        docker_frames_reset(&f);
    }
}

/* ---- lines ---- */

#define PART DOCKER_PART

static char *joined; /* "<at>/<len>/<span>:<first byte><last byte>|" for each line */
static size_t joined_bytes;

static void on_joined(int64_t at_ns, const char *text, size_t len, size_t span, void *arg)
{
    char *more = ob_strf("%s%lld/%zu/%zu:%.1s%.1s|", joined ? joined : "", (long long)at_ns, len,
                         span, len ? text : "", len ? text + len - 1 : "");
    free(joined);
    joined = more;
    joined_bytes += len;
    *(size_t *)arg += span;
}

/* What lines the parts make: each "<stream><fill><ends>" is a part. Returns the sum of spans. */
static size_t join(const docker_part *parts, size_t n)
{
    size_t spans = 0;
    docker_lines l = { .on_line = on_joined, .arg = &spans };
    free(joined);
    joined = NULL;
    joined_bytes = 0;
    for (size_t i = 0; i < n; i++)
        docker_lines_take(&parts[i], &l);
    docker_lines_end(&l);
    docker_lines_reset(&l);
    return spans;
}

static void parts_of_a_line_are_one_line(void **state)
{
    static char a[PART], b[PART];
    memset(a, 'a', PART);
    memset(b, 'b', PART);
    const docker_part exact[] = { { 1, 5, a, PART, false },
                                  { 1, 5, a, 0, true },
                                  { 1, 6, "x", 1, true } };
    assert_int_equal(join(exact, 3), PART + 1 + 1 + 2);
    assert_string_equal(joined, "5/16384/16386:aa|6/1/2:xx|");
    const docker_part mixed[] = { { 1, 5, a, PART, false },
                                  { 2, 6, b, PART, false },
                                  { 2, 6, "!", 1, true },
                                  { 1, 5, "c", 1, true },
                                  { 1, 7, "end", 3, false } };
    assert_int_equal(join(mixed, 5), 2 * (PART + 1) + 2 + 2 + 4);
    assert_string_equal(joined, "6/16385/16387:b!|5/16385/16387:ac|7/3/4:ed|");
    free(joined);
    joined = NULL;
}

/* 17 parts of three-byte characters, which fit neither into a part nor into a piece. */
static void longer_lines_are_cut_between_characters(void **state)
{
    enum { PARTS = 17 };
    static char text[PARTS * PART + 1];
    docker_part parts[PARTS];
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        text[i] = "\xe2\x82\xac"[i % 3];
    for (size_t i = 0; i < PARTS; i++)
        parts[i] = (docker_part){ 1, 5, text + i * PART, PART, i == PARTS - 1 };
    assert_int_equal(join(parts, PARTS), PARTS * (PART + 1));
    assert_int_equal(joined_bytes, PARTS * PART);
    size_t first = LINE_PIECE_MAX / 3 * 3;
    ob_cleanup(ob_freep) char *wanted =
        ob_strf("5/%zu/%zu:\xe2\xac|5/%zu/%zu:\xe2", first, first + PARTS, PARTS * PART - first,
                PARTS * PART - first);
    assert_int_equal(strncmp(joined, wanted, strlen(wanted)), 0);
    /* Bytes that are no characters are cut where they must. */
    memset(text, 0x80, sizeof(text) - 1);
    assert_int_equal(join(parts, PARTS), PARTS * (PART + 1));
    assert_int_equal(strncmp(joined, "5/262144/", 9), 0);
    free(joined);
    joined = NULL;
}

/* What a container writes without ever ending a line is not kept until it does. */
static void a_line_without_end_is_handed_on_in_pieces(void **state)
{
    enum { PARTS = 100 };
    static char text[PART];
    size_t spans = 0;
    docker_lines l = { .on_line = on_joined, .arg = &spans };
    const docker_part part = { 1, 5, text, PART, false };
    memset(text, 'x', PART);
    joined_bytes = 0;
    for (size_t i = 1; i <= PARTS; i++) {
        docker_lines_take(&part, &l);
        assert_true(i * PART - joined_bytes <= LINE_PIECE_MAX + PART);
    }
    docker_lines_end(&l);
    docker_lines_reset(&l);
    assert_int_equal(joined_bytes, PARTS * PART);
    assert_int_equal(spans, PARTS * (PART + 1));
    free(joined);
    joined = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_whole_however_they_are_cut),
        cmocka_unit_test(a_part_of_16_kib_without_a_newline_goes_on),
        cmocka_unit_test(what_is_no_frame_is_refused),
        cmocka_unit_test(parts_of_a_line_are_one_line),
        cmocka_unit_test(longer_lines_are_cut_between_characters),
        cmocka_unit_test(a_line_without_end_is_handed_on_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
