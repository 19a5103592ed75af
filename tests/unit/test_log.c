/* Log lines: valid JSON, one write each, levels, values that cannot be written, a reader that does
 * not read. */
#include "unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ob/error.h"
#include "ob/log.h"

static int saved_stderr;
static char path[] = "/tmp/ob-test-log-XXXXXX";

static int capture(void **state)
{
    (void)snprintf(path, sizeof(path), "/tmp/ob-test-log-XXXXXX");
    int fd = mkstemp(path);
    saved_stderr = dup(STDERR_FILENO);
    (void)fcntl(fd, F_SETFL, O_APPEND);
    (void)dup2(fd, STDERR_FILENO);
    return close(fd);
}

static int release(void **state)
{
    (void)dup2(saved_stderr, STDERR_FILENO);
    (void)close(saved_stderr);
    return unlink(path);
}

/* The lines written so far. Free them with json_decref. */
static json_t *lines(void)
{
    json_t *all = json_array();
    FILE *f = fopen(path, "r");
    char line[4096];
    while (fgets(line, sizeof(line), f)) {
        assert_int_equal(line[strlen(line) - 1], '\n');
        json_t *parsed = json_loads(line, 0, NULL);
        if (!parsed)
            fail_msg("no JSON: %s", line);
        (void)json_array_append_new(all, parsed);
    }
    (void)fclose(f);
    return all;
}

static const char *text_of(const json_t *all, size_t i, const char *name)
{
    return json_string_value(json_object_get(json_array_get(all, i), name));
}

static void a_line_has_time_level_service_event_and_fields(void **state)
{
    ob_log_init("tester", OB_LOG_INFO);
    ob_info("job.transition", "{s:s, s:I}", "jobId", "j-1", "n", (json_int_t)1 << 40);
    json_auto_t *all = lines();
    assert_int_equal(json_array_size(all), 1);
    assert_int_equal(strlen(text_of(all, 0, "ts")), strlen("2026-01-01T00:00:00.000Z"));
    assert_string_equal(text_of(all, 0, "level"), "info");
    assert_string_equal(text_of(all, 0, "service"), "tester");
    assert_string_equal(text_of(all, 0, "event"), "job.transition");
    assert_string_equal(text_of(all, 0, "jobId"), "j-1");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(all, 0), "n")),
                     (json_int_t)1 << 40);
}

static void lower_levels_are_not_written(void **state)
{
    ob_log_init("tester", OB_LOG_WARN);
    ob_debug("a.b", NULL);
    ob_info("a.b", NULL);
    ob_warn("c.d", NULL);
    ob_errlog("e.f", NULL);
    json_auto_t *all = lines();
    assert_int_equal(json_array_size(all), 2);
    assert_string_equal(text_of(all, 0, "event"), "c.d");
    assert_string_equal(text_of(all, 1, "level"), "error");
}

static void fields_cannot_replace_the_frame(void **state)
{
    ob_log_init("tester", OB_LOG_INFO);
    ob_info("a.b", "{s:s}", "level", "error");
    json_auto_t *all = lines();
    assert_string_equal(text_of(all, 0, "level"), "info");
}

static void a_value_that_is_no_utf8_does_not_lose_the_line(void **state)
{
    ob_log_init("tester", OB_LOG_INFO);
    ob_info("a.b", "{s:s}", "text", "\xff\xfe");
    json_auto_t *all = lines();
    assert_int_equal(json_array_size(all), 1);
    assert_string_equal(text_of(all, 0, "event"), "a.b");
    assert_non_null(text_of(all, 0, "log_error"));
}

static void *write_many(void *arg)
{
    for (int i = 0; i < 500; i++)
        ob_info("thread.line", "{s:i}", "i", i);
    return NULL;
}

static void lines_of_threads_do_not_mix(void **state)
{
    ob_log_init("tester", OB_LOG_INFO);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, NULL), 0);
    for (int i = 0; i < 4; i++)
        (void)pthread_join(threads[i], NULL);
    json_auto_t *all = lines();
    assert_int_equal(json_array_size(all), 2000);
}

/* ---- a reader that does not read ------------------------------------------------------------- */

#define MANY 40000

static int pipe_read, pipe_write;

static int write_to(const int fds[2])
{
    pipe_read = fds[0];
    pipe_write = fds[1];
    saved_stderr = dup(STDERR_FILENO);
    return dup2(pipe_write, STDERR_FILENO) < 0 ? -1 : 0;
}

static int to_pipe(void **state)
{
    int fds[2];
    return pipe(fds) < 0 ? -1 : write_to(fds);
}

/* As systemd's journal has it. */
static int to_socket(void **state)
{
    int fds[2];
    return socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0 ? -1 : write_to(fds);
}

static int from_pipe(void **state)
{
    (void)alarm(0);
    (void)dup2(saved_stderr, STDERR_FILENO);
    (void)close(saved_stderr);
    (void)close(pipe_write);
    return close(pipe_read);
}

/* All that waits in the pipe now. Free it. */
static char *read_all(void)
{
    size_t len = 0, cap = 4u << 20;
    char *text = calloc(1, cap);
    (void)fcntl(pipe_read, F_SETFL, O_NONBLOCK);
    for (ssize_t n; (n = read(pipe_read, text + len, cap - 1 - len)) > 0;)
        len += (size_t)n;
    return text;
}

/* Counts the lines of an event, each of which must be whole. *ret_lines: the sum of "lines". */
static int count(char *text, const char *event, json_int_t *ret_lines)
{
    int n = 0;
    for (char *end, *at = text; *at; at = end + 1) {
        end = strchr(at, '\n');
        assert_non_null(end);
        json_auto_t *line = json_loadb(at, (size_t)(end - at), 0, NULL);
        assert_non_null(line);
        n += strcmp(json_string_value(json_object_get(line, "event")), event) == 0;
        if (ret_lines)
            *ret_lines += json_integer_value(json_object_get(line, "lines"));
    }
    return n;
}

static void a_reader_that_does_not_read_stops_nobody(void **state)
{
    uint64_t before = ob_log_dropped();
    (void)alarm(60); /* a write that waits would wait for ever */
    ob_log_init("tester", OB_LOG_INFO);
    for (int i = 0; i < MANY; i++)
        ob_info("pipe.line", "{s:i}", "i", i);
    uint64_t dropped = ob_log_dropped() - before;
    assert_true(dropped > 0 && dropped < MANY);
    /* Whoever shares stderr with us may wait as before. */
    assert_false(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK);

    ob_cleanup(ob_freep) char *kept = read_all();
    assert_int_equal(count(kept, "pipe.line", NULL), MANY - (int)dropped);
    ob_info("pipe.again", NULL);
    ob_cleanup(ob_freep) char *again = read_all();
    json_int_t said = 0;
    assert_int_equal(count(again, "log.dropped", &said), 1);
    assert_int_equal(said, dropped);
    assert_int_equal(count(again, "pipe.again", NULL), 1);
}

static void a_line_longer_than_the_pipe_is_whole_once_it_is_read(void **state)
{
    ob_cleanup(ob_freep) char *longer = calloc(1, (3u << 20) + 1);
    memset(longer, 'x', 3u << 20);
    (void)alarm(60);
    ob_log_init("tester", OB_LOG_INFO);
    ob_info("pipe.long", "{s:s}", "text", longer);
    ob_cleanup(ob_freep) char *text = calloc(1, (4u << 20) + 1);
    size_t len = 0;
    for (int i = 0; i < 100 && !strstr(text, "pipe.short"); i++) {
        ob_cleanup(ob_freep) char *more = read_all();
        memcpy(text + len, more, strlen(more));
        len += strlen(more);
        ob_info("pipe.short", NULL);
    }
    assert_int_equal(count(text, "pipe.long", NULL), 1);
}

static void levels_are_parsed_exactly(void **state)
{
    ob_log_level level = OB_LOG_ERROR;
    assert_int_equal(ob_log_level_parse("debug", &level), 0);
    assert_int_equal(level, OB_LOG_DEBUG);
    assert_int_equal(ob_log_level_parse("Debug", &level), -EINVAL);
    assert_int_equal(ob_log_level_parse("", &level), -EINVAL);
    assert_int_equal(ob_log_level_parse(NULL, &level), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_has_time_level_service_event_and_fields, capture,
                                        release),
        cmocka_unit_test_setup_teardown(lower_levels_are_not_written, capture, release),
        cmocka_unit_test_setup_teardown(fields_cannot_replace_the_frame, capture, release),
        cmocka_unit_test_setup_teardown(a_value_that_is_no_utf8_does_not_lose_the_line, capture,
                                        release),
        cmocka_unit_test_setup_teardown(lines_of_threads_do_not_mix, capture, release),
        cmocka_unit_test_setup_teardown(a_reader_that_does_not_read_stops_nobody, to_pipe,
                                        from_pipe),
        cmocka_unit_test_setup_teardown(a_reader_that_does_not_read_stops_nobody, to_socket,
                                        from_pipe),
        cmocka_unit_test_setup_teardown(a_line_longer_than_the_pipe_is_whole_once_it_is_read,
                                        to_pipe, from_pipe),
        cmocka_unit_test(levels_are_parsed_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
