/* Output from lines to chunks: offsets, order, what is sent again. The bus is a fake: ob_bus_send
 * below is linked instead of the library's. */
#include "unit.h"

#include <time.h>

#include "ob/message.h"
#include "output.h"
#include "output_text.h"
#include "runtimes/line_piece.h"
#include "seal_pair.h"

#define RUN "018f0000-0000-7000-8000-00000000000a/1"

/* ---- the fake bus ---- */

typedef struct sent {
    json_t *msg;
    void *ref;
    size_t len;
} sent;

static sent sent_messages[4096];
static size_t sent_count;
static bool bus_is_full;
static ob_seal copy, own;

int ob_bus_send(ob_bus *bus,
                ob_point point,
                const char *topic,
                int32_t partition,
                const char *key,
                size_t key_len,
                const char *data,
                size_t len,
                void *ref,
                ob_error *err)
{
    assert_int_equal(point, OB_POINT_EXECUTOR_LOG);
    if (bus_is_full)
        return -EAGAIN;
    const char *type = NULL;
    int64_t epoch = 0;
    sent *s = &sent_messages[sent_count++];
    const ob_bus_msg msg = { .topic = topic, .data = data, .len = len };
    assert_int_equal(ob_seal_parse(&copy, &msg, &s->msg, &type, &epoch, err), 0);
    assert_true(ob_seal_is_sealed(s->msg));
    assert_string_equal(topic, "batch.logs");
    s->ref = ref;
    s->len = len;
    return 0;
}

static char resumed[128], outs[128];

static void on_resume(const char *run, void *arg)
{
    (void)snprintf(resumed, sizeof(resumed), "%s", run);
}

static void on_out(const char *run, void *arg)
{
    (void)snprintf(outs, sizeof(outs), "%s", run);
}

static int64_t delivered_to;

static void on_delivered(const char *run, int64_t offset, void *arg)
{
    delivered_to = offset;
}

static loop *test_loop;
static logs *test_logs;

static int setup(void **state)
{
    assert_int_equal(loop_new(&test_loop, NULL), 0);
    memset(&own, 0, sizeof(own));
    seal_pair("i-00000000000000001", 1, &copy, &own);
    test_logs = logs_new(&(logs_config){ .loop = test_loop,
                                         .seal = &own,
                                         .resume = on_resume,
                                         .delivered = on_delivered,
                                         .out = on_out });
    json_auto_t *target = json_pack("{s:s, s:s, s:s, s:s}", "account", "1", "region", "r", "group",
                                    "g", "stream", "s");
    logs_open(test_logs, RUN, target);
    logs_begin(test_logs, RUN);
    resumed[0] = outs[0] = '\0';
    bus_is_full = false;
    delivered_to = 0;
    return 0;
}

static int teardown(void **state)
{
    logs_free(test_logs);
    loop_free(test_loop);
    for (size_t i = 0; i < sent_count; i++)
        json_decref(sent_messages[i].msg);
    sent_count = 0;
    return 0;
}

static runtime_more say(const char *text)
{
    return logs_line(test_logs, RUN, 5000000, text, strlen(text), strlen(text) + 1);
}

static int64_t offset_of(size_t i)
{
    return ob_json_int(sent_messages[i].msg, "offset", -1);
}

static size_t lines_of(size_t i)
{
    return json_array_size(json_object_get(sent_messages[i].msg, "lines"));
}

/* ---- text ---- */

static void text_is_json_and_other_bytes_are_base64(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *base64; /* NULL: text */
    } cases[] = {
        { "plain", 5, NULL },
        { "", 0, NULL },
        { "\"\\/\x7f", 4, NULL },
        { "\b\t\r\x1f....................", 24, NULL },
        { "\1\2\3\4\5\6", 6, "AQIDBAUG" }, /* 36 bytes with escapes */
        { "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, NULL },
        { "a\0b", 3, "YQBi" },
        { "\xff", 1, "/w==" },
        { "\xc0\x80", 2, "wIA=" },     /* overlong */
        { "\xed\xa0\x80", 3, "7aCA" }, /* a surrogate */
        { "\xf4\x90\x80\x80", 4, "9JCAgA==" },
        { "cut \xe2\x82", 6, "Y3V0IOKC" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        log_text t = { 0 };
        log_text_add_line(&t, 42, cases[i].bytes, cases[i].len, cases[i].len + 1);
        json_auto_t *line = json_loadb(t.text, t.len, 0, NULL);
        assert_non_null(line);
        assert_int_equal(json_integer_value(json_array_get(line, 0)), 42);
        const json_t *text = json_array_get(line, 1);
        if (cases[i].base64) {
            assert_true(json_is_null(text));
            assert_string_equal(json_string_value(json_array_get(line, 2)), cases[i].base64);
        } else {
            assert_int_equal(json_string_length(text), cases[i].len);
            assert_memory_equal(json_string_value(text), cases[i].bytes, cases[i].len);
        }
        free(t.text);
    }
}

static void a_line_of_parts_says_how_far_it_goes(void **state)
{
    static const struct {
        const char *text;
        size_t span;
        const char *json;
    } cases[] = { { "ab", 3, "[7,\"ab\"]" },
                  { "ab", 5, "[7,\"ab\",null,5]" },
                  { "ab", 2, "[7,\"ab\",null,2]" },
                  { "\xff", 2, "[7,null,\"/w==\"]" },
                  { "\xff", 3, "[7,null,\"/w==\",3]" } };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        log_text t = { 0 };
        log_text_add_line(&t, 7, cases[i].text, strlen(cases[i].text), cases[i].span);
        log_text_add(&t, "", 1);
        assert_string_equal(t.text, cases[i].json);
        free(t.text);
    }
}

/* ---- chunks ---- */

static void the_first_line_goes_at_once_and_offsets_count_line_ends(void **state)
{
    say("hello");
    logs_flush(test_logs);
    assert_int_equal(sent_count, 1);
    assert_int_equal(offset_of(0), 0);
    assert_string_equal(ob_json_str(sent_messages[0].msg, "run", ""), RUN);
    assert_null(json_object_get(sent_messages[0].msg, "token"));
    say("");
    say("x");
    logs_flush(test_logs);
    assert_int_equal(sent_count, 1); /* grouped */
    logs_end(test_logs, RUN);
    logs_flush(test_logs);
    assert_int_equal(sent_count, 2);
    assert_int_equal(offset_of(1), 6);
    assert_int_equal(lines_of(1), 2);
    assert_true(ob_json_bool(sent_messages[1].msg, "end", false));
    assert_string_equal(outs, "");
    logs_delivered(test_logs, sent_messages[0].ref, true);
    assert_string_equal(outs, "");
    logs_delivered(test_logs, sent_messages[1].ref, true);
    assert_string_equal(outs, RUN);
}

static void reading_again_sends_only_what_is_new(void **state)
{
    say("one");
    say("two");
    logs_flush(test_logs);
    logs_begin(test_logs, RUN);
    say("one");
    say("two");
    say("three");
    logs_end(test_logs, RUN);
    logs_flush(test_logs);
    assert_int_equal(sent_count, 2);
    assert_int_equal(offset_of(1), 8);
    assert_int_equal(lines_of(1), 1);
}

static void an_end_after_all_lines_is_said_too(void **state)
{
    say("one");
    logs_flush(test_logs);
    logs_end(test_logs, RUN);
    logs_flush(test_logs);
    assert_int_equal(sent_count, 2);
    assert_int_equal(lines_of(1), 0);
    assert_true(ob_json_bool(sent_messages[1].msg, "end", false));
    logs_delivered(test_logs, sent_messages[0].ref, true);
    logs_delivered(test_logs, sent_messages[1].ref, true);
    assert_string_equal(outs, RUN);
    outs[0] = '\0';
    logs_end(test_logs, RUN); /* there is no stream any more */
    assert_string_equal(outs, RUN);
}

static void a_run_without_output_sends_nothing(void **state)
{
    logs_flush(test_logs);
    logs_end(test_logs, RUN);
    assert_string_equal(outs, RUN);
    logs_flush(test_logs);
    assert_int_equal(sent_count, 0);
}

/* The longest line there is, of whatever bytes, with short ones between them. */
static void messages_stay_below_the_limit(void **state)
{
    static char line[LINE_PIECE_MAX];
    static const char fills[] = { 'x', '"', 7, (char)0xff };
    for (size_t i = 0; i < 8; i++) {
        memset(line, fills[i % 4], sizeof(line));
        (void)logs_line(test_logs, RUN, 0, line, sizeof(line), sizeof(line) + 16);
        say("short");
    }
    logs_end(test_logs, RUN);
    logs_flush(test_logs);
    size_t lines = 0;
    int64_t offset = 0;
    for (size_t i = 0; i < sent_count; i++) {
        assert_true(sent_messages[i].len < OB_MESSAGE_MAX);
        assert_int_equal(offset_of(i), offset);
        lines += lines_of(i);
        size_t k;
        json_t *one;
        json_array_foreach(json_object_get(sent_messages[i].msg, "lines"), k, one) offset +=
            json_array_size(one) > 3 ? (int64_t)sizeof(line) + 16 : 6;
    }
    assert_int_equal(lines, 16);
    assert_int_equal(offset, 8 * ((int64_t)sizeof(line) + 16 + 6));
}

/* A message holds some 200 KiB when the longest line comes: it does not fit behind them. */
static void the_longest_line_does_not_join_others_that_leave_it_no_room(void **state)
{
    static char line[LINE_PIECE_MAX];
    enum { BEFORE = 12, SHORT = 16384 };
    memset(line, 'x', SHORT);
    for (size_t i = 0; i < BEFORE; i++)
        (void)logs_line(test_logs, RUN, 0, line, SHORT, SHORT + 1);
    memset(line, 0xff, sizeof(line));
    (void)logs_line(test_logs, RUN, 0, line, sizeof(line), sizeof(line) + 16);
    logs_end(test_logs, RUN);
    logs_flush(test_logs);
    assert_int_equal(lines_of(0), BEFORE);
    assert_int_equal(lines_of(1), 1);
    assert_int_equal(offset_of(1), BEFORE * (SHORT + 1));
    for (size_t i = 0; i < sent_count; i++)
        assert_true(sent_messages[i].len < OB_MESSAGE_MAX);
}

/* Lines of 16 KiB until the reader is told to wait. */
static size_t fill(void)
{
    static char line[16384];
    memset(line, 'x', sizeof(line));
    size_t n = 0;
    while (n < 1000) {
        n++;
        if (logs_line(test_logs, RUN, 0, line, sizeof(line), sizeof(line) + 1) == RUNTIME_WAIT)
            break;
    }
    return n;
}

static void a_reader_waits_while_much_is_on_its_way(void **state)
{
    size_t n = fill();
    assert_in_range(n, 60, 80); /* about 1 MiB */
    logs_flush(test_logs);
    size_t total = 0;
    for (size_t i = 0; i < sent_count; i++) {
        assert_true(sent_messages[i].len < OB_MESSAGE_MAX);
        total += lines_of(i);
    }
    assert_in_range(total, n - 15, n);
    assert_string_equal(resumed, "");
    size_t count = sent_count;
    for (size_t i = 0; i < count; i++)
        logs_delivered(test_logs, sent_messages[i].ref, true);
    assert_string_equal(resumed, RUN);
}

static void what_was_not_delivered_goes_again_with_all_behind_it(void **state)
{
    (void)fill();
    logs_end(test_logs, RUN);
    logs_flush(test_logs);
    size_t count = sent_count;
    assert_true(count >= 3);
    logs_delivered(test_logs, sent_messages[0].ref, true);
    logs_delivered(test_logs, sent_messages[1].ref, false);
    logs_flush(test_logs);
    assert_int_equal(sent_count, count); /* not before the fate of the others is known */
    for (size_t i = 2; i < count; i++)
        logs_delivered(test_logs, sent_messages[i].ref, true);
    assert_string_equal(outs, "");
    /* The retry waits a little; a line of time later: */
    for (int i = 0; i < 100 && sent_count < 2 * count - 1; i++) {
        struct timespec nap = { .tv_nsec = 20000000 };
        (void)nanosleep(&nap, NULL);
        loop_timer stop = { .fn = (loop_on_timer)loop_stop, .arg = test_loop };
        loop_timer_set(test_loop, &stop, 0);
        assert_int_equal(loop_run(test_loop, NULL), 0);
        logs_flush(test_logs);
    }
    assert_int_equal(sent_count, 2 * count - 1);
    for (size_t i = 1; i < count; i++)
        assert_int_equal(offset_of(count + i - 1), offset_of(i));
    for (size_t i = count; i < 2 * count - 1; i++)
        logs_delivered(test_logs, sent_messages[i].ref, true);
    assert_string_equal(outs, RUN);
}

static void at_the_limit_one_marked_line_ends_the_output(void **state)
{
    logs_free(test_logs);
    test_logs = logs_new(&(logs_config){
        .loop = test_loop, .seal = &own, .limit = 8, .resume = on_resume, .out = on_out });
    json_auto_t *target = json_pack("{s:s, s:s, s:s, s:s}", "account", "1", "region", "r", "group",
                                    "g", "stream", "s");
    logs_open(test_logs, RUN, target);
    logs_begin(test_logs, RUN);
    assert_int_equal(say("one"), RUNTIME_GO_ON);
    assert_int_equal(say("two"), RUNTIME_GO_ON); /* eight bytes with their ends */
    assert_int_equal(say(""), RUNTIME_ENOUGH);
    assert_int_equal(say("more"), RUNTIME_ENOUGH);
    logs_flush(test_logs);
    assert_int_equal(sent_count, 1);
    assert_int_equal(lines_of(0), 3);
    const json_t *last = json_array_get(json_object_get(sent_messages[0].msg, "lines"), 2);
    assert_non_null(strstr(json_string_value(json_array_get(last, 1)), "limit of 8 bytes"));
    assert_true(ob_json_bool(sent_messages[0].msg, "end", false));
    logs_delivered(test_logs, sent_messages[0].ref, true);
    assert_string_equal(outs, RUN);
}

static void a_reading_that_goes_on_elsewhere_counts_from_there(void **state)
{
    logs_go_to(test_logs, RUN, 1000);
    say("a");
    logs_flush(test_logs);
    assert_int_equal(offset_of(0), 1000);
    say("b");
    logs_go_to(test_logs, RUN, 5000);
    say("c");
    logs_end(test_logs, RUN);
    logs_flush(test_logs);
    assert_int_equal(sent_count, 3);
    assert_int_equal(offset_of(1), 1002);
    assert_int_equal(offset_of(2), 5000);
    logs_delivered(test_logs, sent_messages[1].ref, true);
    assert_int_equal(delivered_to, 0); /* not all before it */
    logs_delivered(test_logs, sent_messages[0].ref, true);
    assert_int_equal(delivered_to, 1004);
}

#define WITH_LOGS(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_json_and_other_bytes_are_base64),
        cmocka_unit_test(a_line_of_parts_says_how_far_it_goes),
        WITH_LOGS(messages_stay_below_the_limit),
        WITH_LOGS(the_longest_line_does_not_join_others_that_leave_it_no_room),
        WITH_LOGS(the_first_line_goes_at_once_and_offsets_count_line_ends),
        WITH_LOGS(reading_again_sends_only_what_is_new),
        WITH_LOGS(an_end_after_all_lines_is_said_too),
        WITH_LOGS(a_run_without_output_sends_nothing),
        WITH_LOGS(a_reader_waits_while_much_is_on_its_way),
        WITH_LOGS(at_the_limit_one_marked_line_ends_the_output),
        WITH_LOGS(a_reading_that_goes_on_elsewhere_counts_from_there),
        WITH_LOGS(what_was_not_delivered_goes_again_with_all_behind_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
