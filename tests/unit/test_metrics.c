/* Metrics: what is counted, how it is shown, and the socket that shows it. */
#include "unit.h"

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ob/metrics.h"
#include "ob/service.h"

static char run_dir[] = "/tmp/ob-test-met-XXXXXX";

enum { JOBS, QUEUES, SECONDS, SIZES, SHARES };

static ob_metric table[] = {
    [JOBS] = { "t_jobs_total", OB_COUNTER, "Jobs.", { "queue", "state" } },
    [QUEUES] = { "t_queues", OB_GAUGE, "Queues." },
    [SECONDS] = { "t_seconds", OB_HISTOGRAM, "Work.", { "queue" }, 6, ob_bounds_us },
    [SIZES] = { "t_sizes", OB_HISTOGRAM, "Sizes.", .bounds = ob_bounds_count },
    [SHARES] = { "t_share", OB_GAUGE, "Shares.", { "share" }, .page = OB_PAGE_SHARES },
};

static int set_up(void **state)
{
    ob_error err = { 0 };
    return mkdtemp(run_dir) && ob_service_init("openbatch-tester", "error", &err) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    return rmdir(run_dir);
}

static int begin(void **state)
{
    ob_metrics_register(table, ARRAY_SIZE(table));
    return 0;
}

static int end(void **state)
{
    ob_metrics_stop();
    return 0;
}

/* The page's text; free() it. */
static char *shown(ob_metric_page page)
{
    ob_buf out = { 0 };
    ob_metrics_show(page, &out);
    return out.at ? out.at : ob_strdup("");
}

static void assert_shows(const char *line, bool yes)
{
    ob_cleanup(ob_freep) char *text = shown(OB_PAGE_METRICS);
    ob_cleanup(ob_freep) char *whole = ob_strf("\n%s\n", line);
    if ((strstr(text, whole) != NULL) != yes)
        fail_msg("%s: %s in\n%s", line, yes ? "not" : "is", text);
}

static void a_metric_is_shown_with_its_help_its_kind_and_its_series(void **state)
{
    ob_series_add(ob_metric_with(&table[JOBS], "a", "RUNNING"), 2);
    ob_series_add(ob_metric_with(&table[JOBS], "a", "FAILED"), 1);
    ob_series_add(ob_metric_with(&table[JOBS], "a", "RUNNING"), 40);
    ob_cleanup(ob_freep) char *text = shown(OB_PAGE_METRICS);
    assert_non_null(strstr(text, "# HELP t_jobs_total Jobs.\n"
                                 "# TYPE t_jobs_total counter\n"
                                 "t_jobs_total{queue=\"a\",state=\"RUNNING\"} 42\n"
                                 "t_jobs_total{queue=\"a\",state=\"FAILED\"} 1\n"
                                 "# HELP t_queues Queues.\n"
                                 "# TYPE t_queues gauge\n"
                                 "t_queues 0\n"));
    assert_null(strstr(text, "t_share"));
    assert_null(strstr(text, "t_seconds")); /* without a series there is nothing to say */
}

static void a_histogram_adds_up_from_bound_to_bound(void **state)
{
    ob_series *s = ob_metric_with(&table[SECONDS], "q");
    const int64_t values[] = { 0, 100, 101, 9999999, 10000000, 10000001, 3600000000 };
    for (size_t i = 0; i < ARRAY_SIZE(values); i++)
        ob_series_observe(s, values[i]);
    assert_shows("t_seconds_bucket{queue=\"q\",le=\"0.0001\"} 2", true);
    assert_shows("t_seconds_bucket{queue=\"q\",le=\"0.00025\"} 3", true);
    assert_shows("t_seconds_bucket{queue=\"q\",le=\"2.5\"} 3", true);
    assert_shows("t_seconds_bucket{queue=\"q\",le=\"10\"} 5", true);
    assert_shows("t_seconds_bucket{queue=\"q\",le=\"+Inf\"} 7", true);
    assert_shows("t_seconds_sum{queue=\"q\"} 3630.000201", true);
    assert_shows("t_seconds_count{queue=\"q\"} 7", true);
    ob_metric_observe(&table[SIZES], 256);
    ob_metric_observe(&table[SIZES], 257);
    assert_shows("t_sizes_bucket{le=\"256\"} 1", true);
    assert_shows("t_sizes_bucket{le=\"+Inf\"} 2", true);
    assert_shows("t_sizes_sum 513", true);
}

static void numbers_lose_no_digit(void **state)
{
    static const struct {
        int64_t value;
        const char *line;
    } cases[] = { { 0, "t_seconds_sum{queue=\"n\"} 0" },
                  { 1, "t_seconds_sum{queue=\"n\"} 0.000001" },
                  { -1, "t_seconds_sum{queue=\"n\"} -0.000001" },
                  { 1500000, "t_seconds_sum{queue=\"n\"} 1.5" },
                  { -20000000, "t_seconds_sum{queue=\"n\"} -20" },
                  { 9007199254740993, "t_seconds_sum{queue=\"n\"} 9007199254.740993" },
                  { INT64_MAX, "t_seconds_sum{queue=\"n\"} 9223372036854.775807" },
                  { INT64_MIN, "t_seconds_sum{queue=\"n\"} -9223372036854.775808" } };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        ob_series_set(ob_metric_with(&table[SECONDS], "n"), cases[i].value);
        assert_shows(cases[i].line, true);
    }
}

static void hostile_values_stay_within_their_quotes(void **state)
{
    char longer[OB_METRIC_VALUE_MAX + 100];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    ob_metric_put(&table[JOBS], 1, "a\"} 7\nt_forged 1\n#", "b\\");
    ob_metric_put(&table[JOBS], 2, "\x1b[2J\r\t\x7f", "\xff\xc3");
    ob_metric_put(&table[JOBS], 3, NULL, "\xc3\xa4");
    ob_metric_put(&table[JOBS], 4, longer, "");
    assert_shows("t_jobs_total{queue=\"a\\\"} 7\\nt_forged 1\\n#\",state=\"b\\\\\"} 1", true);
    assert_shows("t_jobs_total{queue=\"?[2J???\",state=\"\xef\xbf\xbd\xef\xbf\xbd\"} 2", true);
    assert_shows("t_jobs_total{queue=\"\",state=\"\xc3\xa4\"} 3", true);
    longer[OB_METRIC_VALUE_MAX] = '\0';
    ob_cleanup(ob_freep) char *cut = ob_strf("t_jobs_total{queue=\"%s\",state=\"\"} 4", longer);
    assert_shows(cut, true);
    assert_shows("t_forged 1", false);
}

static void values_that_join_to_the_same_text_are_different_series(void **state)
{
    ob_metric_put(&table[JOBS], 1, "a", "bc");
    ob_metric_put(&table[JOBS], 2, "ab", "c");
    assert_shows("t_jobs_total{queue=\"a\",state=\"bc\"} 1", true);
    assert_shows("t_jobs_total{queue=\"ab\",state=\"c\"} 2", true);
}

static void the_series_of_a_deleted_queue_go(void **state)
{
    ob_metric_put(&table[JOBS], 1, "a", "b");
    ob_metric_put(&table[JOBS], 2, "b", "a");
    ob_metric_put(&table[JOBS], 3, "a", "c");
    ob_metric_drop(&table[JOBS], 0, "a");
    assert_shows("t_jobs_total{queue=\"a\",state=\"b\"} 1", false);
    assert_shows("t_jobs_total{queue=\"a\",state=\"c\"} 3", false);
    assert_shows("t_jobs_total{queue=\"b\",state=\"a\"} 2", true);
    ob_metric_drop(&table[JOBS], 0, NULL); /* an empty value, which nothing has */
    assert_shows("t_jobs_total{queue=\"b\",state=\"a\"} 2", true);
}

static void what_is_not_set_again_goes_with_the_sweep(void **state)
{
    ob_metric_put(&table[JOBS], 1, "a", "b");
    ob_metric_put(&table[JOBS], 2, "b", "a");
    ob_metric_sweep(&table[JOBS]);
    ob_metric_put(&table[JOBS], 3, "a", "b");
    ob_metric_sweep(&table[JOBS]);
    assert_shows("t_jobs_total{queue=\"a\",state=\"b\"} 3", true);
    assert_shows("t_jobs_total{queue=\"b\",state=\"a\"} 2", false);
}

static void a_metric_has_only_so_many_series(void **state)
{
    char name[32];
    for (int i = 0; i < OB_METRIC_SERIES_MAX + 3; i++) {
        (void)snprintf(name, sizeof(name), "q%d", i);
        ob_series_observe(ob_metric_with(&table[SECONDS], name), 20000000);
    }
    ob_cleanup(ob_freep) char *text = shown(OB_PAGE_METRICS);
    assert_non_null(strstr(text, "\nt_seconds_count{queue=\"q9999\"} 1\n"));
    assert_null(strstr(text, "queue=\"q10000\""));
    assert_shows("openbatch_metric_series_refused_total{service=\"tester\"} 3", true);
}

static void shares_have_a_page_of_their_own(void **state)
{
    ob_metric_put(&table[SHARES], 1, "s");
    ob_cleanup(ob_freep) char *text = shown(OB_PAGE_SHARES);
    assert_string_equal(text,
                        "# HELP t_share Shares.\n# TYPE t_share gauge\nt_share{share=\"s\"} 1\n");
}

static void set_queues(void *arg)
{
    ob_series_set(ob_metric_only(&table[QUEUES]), *(const int *)arg);
}

static void who_wants_to_is_asked_before_the_metrics_are_shown(void **state)
{
    int n = 5;
    ob_metrics_on_show(set_queues, &n);
    assert_shows("t_queues 5", true);
    n = 6;
    assert_shows("t_queues 6", true);
    ob_metrics_off_show(set_queues, &n);
    n = 7;
    assert_shows("t_queues 6", true);
}

static void the_process_and_its_health_are_shown(void **state)
{
    ob_health_set("kafka", true, true, NULL);
    ob_health_set("redis", false, false, "away");
    assert_shows("openbatch_build_info{service=\"tester\",version=\"" OB_VERSION "\"} 1", true);
    assert_shows("openbatch_healthy{service=\"tester\"} 1", true);
    assert_shows("openbatch_dependency_up{service=\"tester\",dependency=\"kafka\"} 1", true);
    assert_shows("openbatch_dependency_up{service=\"tester\",dependency=\"redis\"} 0", true);
    ob_cleanup(ob_freep) char *before = shown(OB_PAGE_METRICS);
    assert_null(strstr(before, "openbatch_leader"));
    assert_non_null(strstr(before, "openbatch_process_resident_memory_bytes{service=\"tester\"} "));
    assert_non_null(strstr(before, "openbatch_process_threads{service=\"tester\"} 1\n"));
    ob_health_leader(true);
    ob_health_info("epoch", json_integer(17));
    assert_shows("openbatch_leader{role=\"tester\"} 1", true);
    assert_shows("openbatch_leader_epoch{role=\"tester\"} 17", true);
    ob_health_leader(false);
    assert_shows("openbatch_leader{role=\"tester\"} 0", true);
    assert_shows("openbatch_leader_epoch{role=\"tester\"} 17", false);
    ob_health_stop();
}

static void *count(void *arg)
{
    ob_series *s = ob_metric_with(&table[SECONDS], "shared");
    for (int i = 0; i < 10000; i++) {
        ob_series_observe(s, 1);
        ob_series_add(ob_metric_with(&table[JOBS], arg, "counted"), 1);
    }
    return NULL;
}

static void threads_count_while_others_look(void **state)
{
    static char name[] = "both";
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, name), 0);
    for (int i = 0; i < 20; i++)
        free(shown(OB_PAGE_METRICS));
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        (void)pthread_join(threads[i], NULL);
    assert_shows("t_seconds_count{queue=\"shared\"} 40000", true);
    assert_shows("t_jobs_total{queue=\"both\",state=\"counted\"} 40000", true);
}

/* ---- the socket ------------------------------------------------------------------------------ */

static int connect_to(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/tester.metrics", run_dir);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

/* What the socket answers; free() it. */
static char *ask(const char *request)
{
    ob_buf answer = { 0 };
    char part[4096];
    int fd = connect_to();
    assert_true(fd >= 0);
    assert_int_equal(write(fd, request, strlen(request)), strlen(request));
    for (ssize_t n; (n = read(fd, part, sizeof(part))) > 0;)
        ob_buf_add(&answer, part, (size_t)n);
    (void)close(fd);
    return answer.at ? answer.at : ob_strdup("");
}

static void a_socket_shows_both_pages(void **state)
{
    ob_error err = { 0 };
    struct stat st = { 0 };
    char path[200];
    assert_int_equal(ob_metrics_serve(run_dir, "tester", &err), 0);
    assert_int_equal(ob_metrics_serve(run_dir, "tester", &err), -EALREADY);
    (void)snprintf(path, sizeof(path), "%s/tester.metrics", run_dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    ob_metric_put(&table[JOBS], 1, "a", "b");
    ob_metric_put(&table[SHARES], 2, "s");
    ob_cleanup(ob_freep) char *all = ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(strncmp(all, "HTTP/1.0 200 OK\r\n", 17), 0);
    assert_non_null(strstr(all, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert_non_null(strstr(all, "\nt_jobs_total{queue=\"a\",state=\"b\"} 1\n"));
    ob_cleanup(ob_freep) char *shares = ask("GET /metrics/shares HTTP/1.0\r\n\r\n");
    assert_non_null(strstr(shares, "\nt_share{share=\"s\"} 2\n"));
    assert_null(strstr(shares, "t_jobs_total"));
    ob_cleanup(ob_freep) char *other = ask("GET /metrics/more HTTP/1.0\r\n\r\n");
    assert_int_equal(strncmp(other, "HTTP/1.0 404 ", 13), 0);
    ob_cleanup(ob_freep) char *posted = ask("POST /metrics HTTP/1.0\r\n\r\n");
    assert_int_equal(strncmp(posted, "HTTP/1.0 404 ", 13), 0);
    ob_metrics_stop();
    assert_int_equal(connect_to(), -1);
    assert_int_equal(access(path, F_OK), -1);
}

static void a_client_that_says_nothing_or_too_much_stops_nobody(void **state)
{
    ob_error err = { 0 };
    assert_int_equal(ob_metrics_serve(run_dir, "tester", &err), 0);
    int silent = connect_to();
    ob_cleanup(ob_freep) char *much = ob_calloc(1, 8192);
    memset(much, 'x', 8191);
    free(ask(much));
    ob_cleanup(ob_freep) char *all = ask("GET /metrics HTTP/1.1\r\n\r\n");
    assert_int_equal(strncmp(all, "HTTP/1.0 200 OK\r\n", 17), 0);
    (void)close(silent);
}

#define METRICS_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        METRICS_TEST(a_metric_is_shown_with_its_help_its_kind_and_its_series),
        METRICS_TEST(a_histogram_adds_up_from_bound_to_bound),
        METRICS_TEST(numbers_lose_no_digit),
        METRICS_TEST(hostile_values_stay_within_their_quotes),
        METRICS_TEST(values_that_join_to_the_same_text_are_different_series),
        METRICS_TEST(the_series_of_a_deleted_queue_go),
        METRICS_TEST(what_is_not_set_again_goes_with_the_sweep),
        METRICS_TEST(a_metric_has_only_so_many_series),
        METRICS_TEST(shares_have_a_page_of_their_own),
        METRICS_TEST(who_wants_to_is_asked_before_the_metrics_are_shown),
        METRICS_TEST(the_process_and_its_health_are_shown),
        METRICS_TEST(threads_count_while_others_look),
        METRICS_TEST(a_socket_shows_both_pages),
        METRICS_TEST(a_client_that_says_nothing_or_too_much_stops_nobody),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
