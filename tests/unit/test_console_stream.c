/* A standing /live: what it tells, when the api is asked again, and how it ends. librdkafka's mock
 * cluster, and an api that refuses, fails or hangs. */
#include "bus_mock.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "assets.h"
#include "console_server.h"
#include "fake_api.h"
#include "ob/clock.h"
#include "ob/text.h"
#include "ob/topics.h"
#include "web_server.h"
#include "web_session.h"

static const uint8_t page[] = "the page";
const asset assets[] = { { "/index.html", "text/html; charset=utf-8", "\"tag\"", page, 8 }, { 0 } };

#define QUEUE "arn:aws:batch:us-east-1:123456789012:job-queue/"
#define ENDED "{\"message\":\"The security token included in the request is invalid.\"}"
#define WAIT_MS 20000
#define RIGHTS_MS 600
#define TABS_MAX 2
#define THREADS 6
#define ASKED_MS 9000 /* less than the console would wait for the api */

static char no_user[] = "", no_file[] = "";
static struct {
    console_config config;
    console c;
    web_server *server;
    fake_api *api;
    char *cookie;
    web_session session;
} t;
static ob_bus *speaker;
static seen ignored;

/* ---- the console ----------------------------------------------------------------------------- */

static void make_session(int64_t lasts_ms)
{
    char *sealed = NULL;
    t.session.ends_ms = ob_wall_ms() + lasts_ms;
    (void)ob_text_into(t.session.key_id, sizeof t.session.key_id, "ASIATAB");
    (void)ob_text_into(t.session.region, sizeof t.session.region, "us-east-1");
    memset(t.session.pass, 'a', PASS_DIGITS);
    assert_int_equal(web_session_seal(t.c.key, "cookie", &t.session, &sealed, NULL), 0);
    free(t.cookie);
    t.cookie = web_cookie_set(false, (int)t.config.port, sealed, 60);
    *strchr(t.cookie, ';') = '\0';
    free(sealed);
}

static int begin(void **state)
{
    static char listen_on[] = "127.0.0.1", region[] = "us-east-1", servers[256];
    ob_error err = { 0 };
    assert_int_equal(set_up(state), 0);
    (void)snprintf(servers, sizeof servers, "%s", rd_kafka_mock_cluster_bootstraps(cluster));
    make_topic(OB_TOPIC_JOB_STATE, 1);
    memset(&ignored, 0, sizeof ignored);
    speaker = open_bus(&ignored, NULL);
    memset(&t, 0, sizeof t);
    t.api = fake_api_new();
    t.config = (console_config){ .common = { .kafka = servers,
                                             .kafka_user = no_user,
                                             .kafka_password_file = no_file,
                                             .kafka_settings = no_file,
                                             .kafka_pid_file = no_file,
                                             .kafka_partitions = 1 },
                                 .listen = listen_on,
                                 .port = free_port(),
                                 .threads = THREADS,
                                 .region = region,
                                 .api = ob_strf("http://127.0.0.1:%d", fake_api_port(t.api)) };
    t.c.config = &t.config;
    t.c.rights_ms = RIGHTS_MS;
    make_session(3600000);
    if (live_start(&t.config.common, TABS_MAX, &t.c.live, &err) < 0 ||
        web_server_start(&t.c, &t.server, &err) < 0)
        fail_msg("%s", err.text);
    return 0;
}

static int end(void **state)
{
    live_end(t.c.live);
    stop_server(t.server, (int)t.config.port);
    live_free(t.c.live);
    fake_api_free(t.api);
    ob_bus_free(speaker);
    free(t.config.api);
    free(t.cookie);
    return tear_down(state);
}

/* ---- a tab ----------------------------------------------------------------------------------- */

typedef struct tab {
    int fd;
    char text[65536]; /* all that has come */
    size_t len;
} tab;

static tab *ask(const char *path, int receive_bytes)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons((uint16_t)t.config.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    tab *one = ob_calloc(1, sizeof *one);
    ob_cleanup(ob_freep) char *request =
        ob_strf("GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\nCookie: %s\r\n\r\n",
                path, (int)t.config.port, t.cookie);
    one->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (receive_bytes > 0)
        (void)setsockopt(one->fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    assert_int_equal(connect(one->fd, (struct sockaddr *)&a, sizeof a), 0);
    (void)send(one->fd, request, strlen(request), MSG_NOSIGNAL);
    return one;
}

/* With queues "a" and "b". */
static tab *open_tab(void)
{
    ob_cleanup(ob_freep) char *path =
        ob_strf("/live?pass=%s&queue=" QUEUE "a&queue=" QUEUE "b", t.session.pass);
    return ask(path, 0);
}

static void close_tab(tab *one)
{
    (void)close(one->fd);
    free(one);
}

/* Reads what comes, for so long at most. False: the console has closed. */
static bool read_some(tab *one, int wait_ms)
{
    struct pollfd p = { .fd = one->fd, .events = POLLIN };
    if (poll(&p, 1, wait_ms) <= 0)
        return true;
    assert_true(one->len < sizeof one->text - 1);
    ssize_t n = recv(one->fd, one->text + one->len, sizeof one->text - 1 - one->len, 0);
    if (n <= 0)
        return false;
    one->len += (size_t)n;
    one->text[one->len] = '\0';
    return true;
}

/* Waits for a text, and forgets what came before it. */
static void wait_text(tab *one, const char *text)
{
    int64_t until_ms = ob_mono_ms() + WAIT_MS;
    const char *at;
    while (!(at = strstr(one->text, text))) {
        assert_true(ob_mono_ms() < until_ms);
        assert_true(read_some(one, 200));
    }
    one->len = strlen(at + strlen(text));
    memmove(one->text, at + strlen(text), one->len + 1);
}

static void wait_closed(tab *one)
{
    int64_t until_ms = ob_mono_ms() + WAIT_MS;
    while (read_some(one, 200))
        assert_true(ob_mono_ms() < until_ms);
}

static int status_of(const tab *one)
{
    return one->len > 12 ? atoi(one->text + 9) : 0;
}

static int status(const char *path)
{
    tab *one = ask(path, 0);
    wait_closed(one);
    int found = status_of(one);
    close_tab(one);
    return found;
}

/* The status of a stream that may be refused; 0: it waits for the api. */
static int try_stream(void)
{
    int64_t until_ms = ob_mono_ms() + 3000;
    tab *one = open_tab();
    while (one->len < 13 && ob_mono_ms() < until_ms && read_some(one, 200))
        ;
    int found = status_of(one);
    close_tab(one);
    return found;
}

static void wait_for_place(void)
{
    int64_t until_ms = ob_mono_ms() + WAIT_MS;
    while (try_stream() != 200)
        assert_true(ob_mono_ms() < until_ms);
}

static void change(const char *queue, int n)
{
    ob_cleanup(ob_freep) char *text =
        ob_strf("{\"detail-type\":\"Batch Job State Change\",\"detail\":{\"jobQueue\":\"" QUEUE
                "%s\",\"jobId\":\"0199a1b2-0000-7000-8000-%012d\",\"status\":\"RUNNING\"}}",
                queue, n);
    say(speaker, OB_TOPIC_JOB_STATE, "k", text, NULL);
    poll_for(speaker, 10);
}

/* Until the api has been asked so often. */
static void wait_count(int wanted)
{
    int64_t until_ms = ob_mono_ms() + WAIT_MS;
    while (fake_api_count(t.api) < wanted) {
        assert_true(ob_mono_ms() < until_ms);
        (void)poll(NULL, 0, 20);
    }
}

static void wait_asked(int times)
{
    wait_count(fake_api_count(t.api) + times);
}

/* ---- what is told ---------------------------------------------------------------------------- */

static void only_queues_that_the_session_may_list_are_told_of(void **state)
{
    (void)state;
    fake_api_refuses(t.api, "job-queue/b");
    tab *one = open_tab();
    wait_text(one, "HTTP/1.1 200 OK");
    wait_text(one, "\r\n\r\nretry: 1000\n\n");
    wait_text(one, "{\"live\":true}");
    change("b", 1);
    change("a", 2);
    wait_text(one, "data: {\"queues\":{\"" QUEUE "a\":{\"RUNNING\":1}}");
    wait_text(one, "[[\"0199a1b2-0000-7000-8000-000000000002\",\"RUNNING\"]]");
    assert_int_equal(fake_api_count(t.api) % 2, 0);
    close_tab(one);
}

static void rights_are_asked_again_in_a_stream_that_goes_on(void **state)
{
    (void)state;
    tab *one = open_tab();
    wait_text(one, "{\"live\":true}");
    wait_asked(6);
    change("b", 1);
    wait_text(one, "\"RUNNING\":1");
    fake_api_refuses(t.api, "job-queue/b");
    wait_text(one, "{\"live\":true}"); /* it hears of others now */
    change("b", 2);
    change("a", 3);
    wait_text(one, "data: {\"queues\":{\"" QUEUE "a\":{\"RUNNING\":1}},\"jobs\":[[\"0199a1b2-0000-"
                   "7000-8000-000000000003\",\"RUNNING\"]]");
    fake_api_refuses(t.api, NULL);
    wait_text(one, "{\"live\":true}");
    change("b", 4);
    wait_text(one, "data: {\"queues\":{\"" QUEUE "b\":{\"RUNNING\":1}}");
    close_tab(one);
}

static void an_api_that_does_not_answer_is_believed_for_a_while(void **state)
{
    (void)state;
    t.c.rights_ms = 3000; /* time for what comes before the false */
    tab *one = open_tab();
    wait_text(one, "{\"live\":true}");
    fake_api_answers(t.api, 503, "{}");
    wait_asked(2);
    change("a", 1);
    wait_text(one, "\"RUNNING\":1");
    wait_text(one, "{\"live\":false}");
    fake_api_answers(t.api, 200, "{}");
    wait_text(one, "{\"live\":true}");
    change("a", 2);
    wait_text(one, "[[\"0199a1b2-0000-7000-8000-000000000002\",\"RUNNING\"]");
    close_tab(one);
}

/* ---- how it ends ----------------------------------------------------------------------------- */

static void a_session_that_the_api_knows_no_more_ends_the_stream(void **state)
{
    (void)state;
    tab *one = open_tab();
    wait_text(one, "{\"live\":true}");
    fake_api_answers(t.api, 403, ENDED);
    wait_closed(one);
    close_tab(one);
    assert_int_equal(try_stream(), 401);
}

static void the_stream_ends_with_the_session(void **state)
{
    (void)state;
    make_session(5000);
    tab *one = open_tab();
    wait_text(one, "{\"live\":true}");
    wait_closed(one);
    assert_true(ob_wall_ms() >= t.session.ends_ms);
    close_tab(one);
    assert_int_equal(try_stream(), 401);
}

static void there_are_only_so_many_streams(void **state)
{
    (void)state;
    tab *one = open_tab(), *two = open_tab();
    wait_text(one, "{\"live\":true}");
    wait_text(two, "{\"live\":true}");
    assert_int_equal(try_stream(), 503);
    assert_int_equal(status("/"), 200);
    close_tab(two);
    wait_for_place();
    close_tab(one);
}

static void wait_live_place(int64_t until_ms)
{
    live_tab *own;
    while (!(own = live_join(t.c.live, 0)))
        assert_true(ob_mono_ms() < until_ms);
    live_leave(own);
}

/* The streams that wait for it count, and the page is served beside them. */
static void an_api_that_hangs_holds_no_more_threads_than_streams_may(void **state)
{
    (void)state;
    tab *tabs[THREADS];
    int refused = 0, silent = 0;
    fake_api_hangs(t.api, true);
    for (size_t i = 0; i < THREADS; i++)
        tabs[i] = open_tab();
    int64_t until_ms = ob_mono_ms() + ASKED_MS;
    while (refused < THREADS - TABS_MAX) {
        assert_true(ob_mono_ms() < until_ms);
        refused = silent = 0;
        for (size_t i = 0; i < THREADS; i++) {
            (void)read_some(tabs[i], 10);
            refused += status_of(tabs[i]) == 503;
            silent += tabs[i]->len == 0;
        }
    }
    assert_int_equal(silent, TABS_MAX);
    assert_int_equal(status("/"), 200);
    /* Who leaves is not waited for. */
    for (size_t i = 0; i < THREADS; i++)
        close_tab(tabs[i]);
    wait_live_place(until_ms);
}

static void a_stop_does_not_wait_for_the_api(void **state)
{
    (void)state;
    fake_api_hangs(t.api, true);
    tab *one = open_tab();
    wait_count(1);
    int64_t began_ms = ob_mono_ms();
    live_end(t.c.live);
    stop_server(t.server, (int)t.config.port);
    t.server = NULL;
    assert_true(ob_mono_ms() - began_ms < ASKED_MS);
    close_tab(one);
}

/* This process's end of the tab's connection gets little space, so that little fills it. */
static void shrink_console_end(const tab *one)
{
    struct sockaddr_in mine = { 0 }, peer;
    socklen_t len = sizeof mine;
    const int little = 1;
    assert_int_equal(getsockname(one->fd, (struct sockaddr *)&mine, &len), 0);
    for (int fd = 3; fd < 1024; fd++) {
        len = sizeof peer;
        if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 && peer.sin_port == mine.sin_port)
            assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &little, sizeof little), 0);
    }
}

static void who_does_not_read_is_cut(void **state)
{
    (void)state;
    ob_cleanup(ob_freep) char *path =
        ob_strf("/live?pass=%s&queue=" QUEUE "a&queue=" QUEUE "b", t.session.pass);
    tab *slow = ask(path, 1), *other = open_tab();
    wait_text(slow, "{\"live\":true}");
    wait_text(other, "{\"live\":true}");
    shrink_console_end(slow);
    assert_int_equal(try_stream(), 503);
    int64_t until_ms = ob_mono_ms() + WAIT_MS;
    live_tab *own;
    for (int n = 0; !(own = live_join(t.c.live, 0)); n++) {
        assert_true(ob_mono_ms() < until_ms);
        change("a", n);
        (void)read_some(other, 0);
        other->len = 0;
    }
    live_leave(own);
    close_tab(slow);
    close_tab(other);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(only_queues_that_the_session_may_list_are_told_of),
        TEST(rights_are_asked_again_in_a_stream_that_goes_on),
        TEST(an_api_that_does_not_answer_is_believed_for_a_while),
        TEST(a_session_that_the_api_knows_no_more_ends_the_stream),
        TEST(the_stream_ends_with_the_session),
        TEST(there_are_only_so_many_streams),
        TEST(an_api_that_hangs_holds_no_more_threads_than_streams_may),
        TEST(a_stop_does_not_wait_for_the_api),
        TEST(who_does_not_read_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
