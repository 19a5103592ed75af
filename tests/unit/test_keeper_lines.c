/* What a container writes becomes records. */
#include "unit.h"

#include "runtimes/oci/keeper/keeper_lines.h"
#include "runtimes/oci/oci_words.h"

static keeper_lines l;

static int reset(void **state)
{
    for (size_t i = 0; i < KEEPER_STREAMS; i++)
        free(l.open[i].at);
    free(l.records.at);
    l = (keeper_lines){ 0 };
    return 0;
}

static void take(size_t stream, const char *text)
{
    keeper_lines_take(&l, stream, text, strlen(text), 7);
}

/* The n-th record; its text is copied. */
static oci_record record_at(int n, char *out, size_t size)
{
    oci_record record = { 0 };
    for (size_t at = 0; at < l.records.len; at += sizeof(record) + record.len) {
        memcpy(&record, l.records.at + at, sizeof(record));
        assert_int_equal(record.mark, OCI_RECORD_MARK);
        if (n-- > 0)
            continue;
        (void)snprintf(out, size, "%.*s", (int)record.len, l.records.at + at + sizeof(record));
        return record;
    }
    fail_msg("there is no such record");
    return record;
}

static int count(void)
{
    int n = 0;
    oci_record record;
    for (size_t at = 0; at < l.records.len; at += sizeof(record) + record.len, n++)
        memcpy(&record, l.records.at + at, sizeof(record));
    return n;
}

static void lines_are_joined_by_stream(void **state)
{
    char text[64];
    take(0, "one\ntw");
    take(1, "error\n");
    take(0, "o\n\nthree");
    assert_int_equal(count(), 4);
    assert_int_equal(record_at(0, text, sizeof(text)).stream, 0);
    assert_string_equal(text, "one");
    assert_int_equal(record_at(1, text, sizeof(text)).stream, 1);
    assert_string_equal(text, "error");
    (void)record_at(2, text, sizeof(text));
    assert_string_equal(text, "two");
    assert_int_equal(record_at(3, text, sizeof(text)).len, 0);
    keeper_lines_end(&l);
    assert_int_equal(record_at(4, text, sizeof(text)).ends, 1);
    assert_string_equal(text, "three");
}

static void a_line_is_whole_up_to_its_limit(void **state)
{
    char *line = malloc(OCI_LINE_MAX + 2), text[64];
    memset(line, 'a', OCI_LINE_MAX + 2);
    line[OCI_LINE_MAX] = '\n';
    keeper_lines_take(&l, 0, line, OCI_LINE_MAX + 1, 7);
    assert_int_equal(count(), 1);
    assert_int_equal(record_at(0, text, sizeof(text)).len, OCI_LINE_MAX);
    line[OCI_LINE_MAX] = 'a';
    line[OCI_LINE_MAX + 1] = '\n';
    for (size_t i = 0; i < OCI_LINE_MAX + 2; i += 2) /* as it comes from a pipe */
        keeper_lines_take(&l, 0, line + i, 2, 7);
    assert_int_equal(count(), 3);
    oci_record piece = record_at(1, text, sizeof(text)), rest = record_at(2, text, sizeof(text));
    assert_int_equal(piece.len + rest.len, OCI_LINE_MAX + 1);
    assert_int_equal(piece.ends, 0);
    assert_int_equal(rest.ends, 1);
    free(line);
}

static void no_character_is_cut(void **state)
{
    char *line = malloc(OCI_LINE_MAX + 2), text[64];
    memset(line, 'a', OCI_LINE_MAX + 2);
    memcpy(line + OCI_LINE_MAX - 1, "\xe2\x82\xac", 3); /* the euro sign */
    keeper_lines_take(&l, 0, line, OCI_LINE_MAX + 2, 7);
    keeper_lines_end(&l);
    assert_int_equal(record_at(0, text, sizeof(text)).len, OCI_LINE_MAX - 1);
    (void)record_at(1, text, sizeof(text));
    assert_string_equal(text, "\xe2\x82\xac");
    free(line);
}

static void what_is_beyond_the_limit_is_dropped_with_a_mark(void **state)
{
    char text[128];
    l.limit = 100;
    for (int i = 0; i < 20; i++)
        take(0, "0123456789\n");
    assert_int_equal(count(), 4); /* three lines, and the mark */
    (void)record_at(3, text, sizeof(text));
    assert_non_null(strstr(text, "longer than 100 bytes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_are_joined_by_stream, reset, reset),
        cmocka_unit_test_setup_teardown(a_line_is_whole_up_to_its_limit, reset, reset),
        cmocka_unit_test_setup_teardown(no_character_is_cut, reset, reset),
        cmocka_unit_test_setup_teardown(what_is_beyond_the_limit_is_dropped_with_a_mark, reset,
                                        reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
