/* Pages of metrics of several services become one, and services that do not answer are told. */
#include "unit.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "metrics/metrics_gather.h"
#include "metrics/metrics_merge.h"
#include "metrics/metrics_samples.h"
#include "ob/clock.h"
#include "ob/service.h"
#include "request/api_metrics.h"

static char *merged(const char *const *pages, size_t n)
{
    metrics_merge *m = metrics_merge_new();
    ob_buf out = { 0 };
    for (size_t i = 0; i < n; i++)
        metrics_merge_add(m, pages[i], strlen(pages[i]));
    metrics_merge_show(m, &out);
    metrics_merge_free(m);
    return out.at ? out.at : ob_strdup("");
}

static void a_metric_of_two_services_stands_together(void **state)
{
    static const char *const pages[] = { "# HELP a_up Up.\n# TYPE a_up gauge\na_up{s=\"1\"} 1\n"
                                         "# HELP b_n N.\n# TYPE b_n counter\nb_n 7\n",
                                         "# HELP c_n N.\n# TYPE c_n counter\nc_n 9\n"
                                         "# HELP a_up Up.\n# TYPE a_up gauge\na_up{s=\"2\"} 0\n" };
    ob_cleanup(ob_freep) char *text = merged(pages, 2);
    assert_string_equal(text, "# HELP a_up Up.\n# TYPE a_up gauge\na_up{s=\"1\"} 1\n"
                              "a_up{s=\"2\"} 0\n"
                              "# HELP b_n N.\n# TYPE b_n counter\nb_n 7\n"
                              "# HELP c_n N.\n# TYPE c_n counter\nc_n 9\n");
}

static void what_is_cut_or_of_no_metric_is_left_out(void **state)
{
    static const char *const pages[] = {
        "stray 1\n# HELP a_n N.\n# TYPE a_n gauge\n\n# a remark\na_n 1\na_n{x=\"cut",
        "# HELP \n# TYPE  gauge\nb 1\n", ""
    };
    ob_cleanup(ob_freep) char *text = merged(pages, 3);
    assert_string_equal(text, "# HELP a_n N.\n# TYPE a_n gauge\na_n 1\n");
}

/* ---- sockets --------------------------------------------------------------------------------- */

static char run_dir[] = "/tmp/ob-test-gat-XXXXXX";

static int set_up(void **state)
{
    ob_error err = { 0 };
    return mkdtemp(run_dir) && ob_service_init("openbatch-api", "error", &err) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    return rmdir(run_dir);
}

static struct sockaddr_un address_of(const char *file)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s/%s", run_dir, file);
    return at;
}

/* A socket with nobody behind it (listening false), or with one who never answers. */
static int socket_at(const char *file, bool listening)
{
    struct sockaddr_un at = address_of(file);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    if (listening)
        assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void remove_socket(int fd, const char *file)
{
    struct sockaddr_un at = address_of(file);
    (void)close(fd);
    (void)unlink(at.sun_path);
}

static void a_service_that_does_not_answer_is_told(void **state)
{
    ob_error err = { 0 };
    ob_buf out = { 0 };
    ob_metrics_register(api_metrics, API_METRIC_COUNT);
    assert_int_equal(ob_metrics_serve(run_dir, "good", &err), 0);
    int dead = socket_at("dead.metrics", false), silent = socket_at("silent.metrics", true);
    int other = socket_at("other.health", false), nameless = socket_at(".metrics", false);
    int64_t begun_ms = ob_mono_ms();
    metrics_gather(run_dir, OB_PAGE_METRICS, &out);
    assert_true(ob_mono_ms() - begun_ms < 5000);
    assert_non_null(strstr(out.at, "\nopenbatch_service_up{service=\"good\"} 1\n"));
    assert_non_null(strstr(out.at, "\nopenbatch_service_up{service=\"dead\"} 0\n"));
    assert_non_null(strstr(out.at, "\nopenbatch_service_up{service=\"silent\"} 0\n"));
    assert_null(strstr(out.at, "service=\"other\""));
    assert_null(strstr(out.at, "service=\"\""));
    remove_socket(dead, "dead.metrics");
    remove_socket(silent, "silent.metrics");
    remove_socket(other, "other.health");
    remove_socket(nameless, ".metrics");
    /* Twice: "good" is this process, and tells of what was known when it was asked. */
    metrics_gather(run_dir, OB_PAGE_METRICS, &out);
    ob_buf_clear(&out);
    metrics_gather(run_dir, OB_PAGE_METRICS, &out);
    assert_null(strstr(out.at, "service=\"dead\""));
    /* The page of shares says nothing of services, and changes nothing of them. */
    ob_buf_clear(&out);
    metrics_gather(run_dir, OB_PAGE_SHARES, &out);
    assert_int_equal(out.len, 0);
    metrics_gather("/tmp/ob-no-such-folder", OB_PAGE_METRICS, &out);
    assert_null(strstr(out.at, "openbatch_service_up"));
    ob_buf_done(&out);
    ob_metrics_stop();
}

/* A process that answers each request with this page. */
typedef struct process {
    int fd;
    const char *page;
    pthread_t thread;
    char file[64];
} process;

static void *answer_all(void *arg)
{
    const process *p = arg;
    char head[1024], reply[1024];
    for (int fd; (fd = accept(p->fd, NULL, NULL)) >= 0; (void)close(fd)) {
        (void)!read(fd, head, sizeof head);
        int n = snprintf(reply, sizeof reply, "HTTP/1.0 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
                         strlen(p->page), p->page);
        (void)!write(fd, reply, (size_t)n);
    }
    return NULL;
}

static void begin_process(process *p, const char *file, const char *page)
{
    (void)snprintf(p->file, sizeof p->file, "%s", file);
    p->page = page;
    p->fd = socket_at(file, true);
    assert_int_equal(pthread_create(&p->thread, NULL, answer_all, p), 0);
}

static void end_process(process *p)
{
    (void)shutdown(p->fd, SHUT_RDWR);
    (void)pthread_join(p->thread, NULL);
    remove_socket(p->fd, p->file);
}

#define LEADS "# HELP openbatch_leader L.\n# TYPE openbatch_leader gauge\n"
#define HERS "# HELP s_n N.\n# TYPE s_n gauge\n"

static void of_a_leader_and_a_standby_the_leader_is_shown(void **state)
{
    process leader, standby;
    ob_buf out = { 0 };
    char inner[64];
    (void)snprintf(inner, sizeof inner, "%s/standby", run_dir);
    assert_int_equal(mkdir(inner, 0700), 0);
    ob_metrics_register(api_metrics, API_METRIC_COUNT);
    for (int turn = 0; turn < 2; turn++) { /* whichever is found first */
        begin_process(&leader, turn ? "scheduler.metrics" : "standby/scheduler.metrics",
                      LEADS "openbatch_leader{role=\"scheduler\"} 1\n" HERS "s_n 5\n");
        begin_process(&standby, turn ? "standby/scheduler.metrics" : "scheduler.metrics",
                      LEADS "openbatch_leader{role=\"scheduler\"} 0\n" HERS "s_n 0\n");
        ob_buf_clear(&out);
        metrics_gather(run_dir, OB_PAGE_METRICS, &out);
        assert_non_null(strstr(out.at, "\ns_n 5\n"));
        assert_null(strstr(out.at, "\ns_n 0\n"));
        assert_non_null(strstr(out.at, "\nopenbatch_service_up{service=\"scheduler\"} 1\n"));
        end_process(&leader);
        ob_buf_clear(&out);
        metrics_gather(run_dir, OB_PAGE_METRICS, &out); /* it is gone */
        assert_non_null(strstr(out.at, "\ns_n 0\n"));
        end_process(&standby);
    }
    assert_int_equal(rmdir(inner), 0);
    ob_buf_done(&out);
    ob_metrics_stop();
}

static void *gather(void *arg)
{
    metrics_gather(run_dir, OB_PAGE_METRICS, arg);
    return NULL;
}

/* Civetweb gives its workers 100 KiB, of which it and our code have used a third before. A guard
 * that no large array can jump over ends the test instead of letting it write elsewhere. */
static void a_worker_has_enough_stack(void **state)
{
    process service;
    pthread_attr_t attr;
    pthread_t thread;
    ob_buf out = { 0 };
    ob_metrics_register(api_metrics, API_METRIC_COUNT);
    begin_process(&service, "scaler.metrics", HERS "s_n 5\n");
    assert_int_equal(pthread_attr_init(&attr), 0);
    assert_int_equal(pthread_attr_setstacksize(&attr, 48 << 10), 0);
    assert_int_equal(pthread_attr_setguardsize(&attr, 1 << 20), 0);
    assert_int_equal(pthread_create(&thread, &attr, gather, &out), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_non_null(strstr(out.at, "\ns_n 5\n"));
    end_process(&service);
    (void)pthread_attr_destroy(&attr);
    ob_buf_done(&out);
    ob_metrics_stop();
}

static void chosen_series_become_json(void **state)
{
    (void)state;
    static const char page[] = "# HELP a A.\n# TYPE a gauge\n"
                               "a 1\n"
                               "ab 2\n"
                               "b{x=\"1\",y=\"q\\\"\\\\\\n}\"} 2.5e3\n"
                               "b{} 7\n"
                               "b{x=\"never closed} 1\n"
                               "b{x=\"goes on\\\nin the next line\"} 1\n"
                               "b{x=1} 1\n"
                               "b{x=\"1\"y=\"2\"} 1\n"
                               "b{x y=\"1\"} 1\n"
                               "b{x=\"1\"}\n"
                               "b NaN\n"
                               "b +Inf\n"
                               "b 1x\n"
                               "b{x=\"z\"} 3";
    static const char *const names[] = { "a", "b", NULL };
    json_auto_t *list = metrics_samples(page, names);
    ob_cleanup(ob_freep) char *text = json_dumps(list, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, "[{\"labels\":{},\"name\":\"a\",\"value\":1.0},"
                              "{\"labels\":{\"x\":\"1\",\"y\":\"q\\\"\\\\\\n}\"},\"name\":\"b\","
                              "\"value\":2500.0},"
                              "{\"labels\":{},\"name\":\"b\",\"value\":7.0},"
                              "{\"labels\":{\"x\":\"z\"},\"name\":\"b\",\"value\":3.0}]");
    json_auto_t *none = metrics_samples("", names);
    assert_int_equal(json_array_size(none), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_metric_of_two_services_stands_together),
        cmocka_unit_test(what_is_cut_or_of_no_metric_is_left_out),
        cmocka_unit_test(a_service_that_does_not_answer_is_told),
        cmocka_unit_test(of_a_leader_and_a_standby_the_leader_is_shown),
        cmocka_unit_test(a_worker_has_enough_stack),
        cmocka_unit_test(chosen_series_become_json),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
