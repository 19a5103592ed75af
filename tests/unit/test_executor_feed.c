/* Lines of JSON from the container engine. */
#include "unit.h"

#include "runtimes/docker/docker_feed.h"

static char seen[64];

static void note(const char *line, size_t len, void *arg)
{
    size_t at = strlen(seen);
    (void)arg;
    (void)snprintf(seen + at, sizeof(seen) - at, "<%.*s>", (int)len, line);
}

static void lines_are_handed_on_when_they_end(void **state)
{
    ob_buf open = { 0 };
    static const char *const pieces[] = { "one\nt", "w", "o\n\nthree", "" };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
        assert_true(docker_feed(&open, pieces[i], strlen(pieces[i]), note, NULL));
    assert_string_equal(seen, "<one><two><>");
    assert_int_equal(open.len, 5);
    ob_buf_done(&open);
}

static void a_line_without_an_end_is_refused(void **state)
{
    ob_buf open = { 0 };
    static char piece[1 << 20];
    size_t taken = 0;
    (void)state;
    memset(piece, 'a', sizeof(piece));
    while (docker_feed(&open, piece, sizeof(piece), note, NULL))
        assert_true((taken += sizeof(piece)) <= DOCKER_FEED_MAX);
    assert_int_equal(taken, DOCKER_FEED_MAX);
    ob_buf_done(&open);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_handed_on_when_they_end),
        cmocka_unit_test(a_line_without_an_end_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
