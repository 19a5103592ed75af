/* The HTTP client, with a server of the test's own on a unix socket: what becomes of a call that is
 * dropped within its own callback, of a body that is too long, and of an answer that never comes.
 */
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ob/clock.h"
#include "ob/http.h"

#define PATIENCE_MS 20000
#define CLIENTS 8

typedef struct world {
    ob_http *h;
    char dir[32], path[64];
    int listener, clients[CLIENTS], n;
    const char *answer; /* to each request; NULL: none, ever */
    char request[4096]; /* the last one */
    int requests;
    /* What the calls were told. */
    ob_http_call *call, *other;
    int replies, opened, status, freed, refusals;
    bool unsent;
    char body[256], error[256];
} world;

static void serve(world *w)
{
    int fd = accept4(w->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        assert_true(w->n < CLIENTS);
        w->clients[w->n++] = fd;
    }
    for (int i = 0; i < w->n; i++) {
        ssize_t len = read(w->clients[i], w->request, sizeof(w->request) - 1);
        if (len <= 0)
            continue;
        w->request[len] = '\0';
        w->requests++;
        if (w->answer) /* to one that may have gone */
            (void)send(w->clients[i], w->answer, strlen(w->answer), MSG_NOSIGNAL);
    }
}

/* By steps, as the scaler does, until the client has no calls. */
static void step_until_idle(world *w)
{
    int64_t end_ms = ob_mono_ms() + PATIENCE_MS;
    while (ob_http_busy(w->h)) {
        assert_true(ob_mono_ms() < end_ms);
        ob_http_step(w->h, 10);
        serve(w);
    }
}

/* By its descriptor, as the executor does. */
static void watch_until_idle(world *w)
{
    int64_t end_ms = ob_mono_ms() + PATIENCE_MS;
    while (ob_http_busy(w->h)) {
        assert_true(ob_mono_ms() < end_ms);
        ob_http_flush(w->h);
        struct pollfd fd = { .fd = ob_http_fd(w->h), .events = POLLIN };
        if (poll(&fd, 1, 10) > 0)
            ob_http_ready(w->h);
        serve(w);
    }
}

static int begin(void **state)
{
    world *w = ob_calloc(1, sizeof(*w));
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/ob-http-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    (void)snprintf(w->path, sizeof(w->path), "%s/socket", w->dir);
    (void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", w->path);
    w->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(w->listener, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(w->listener, CLIENTS), 0);
    ob_http_options options = { .base = "http://server", .socket = w->path, .body_max = 8 };
    assert_int_equal(ob_http_new(&options, &w->h, NULL), 0);
    w->answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    *state = w;
    return 0;
}

static int end(void **state)
{
    world *w = *state;
    ob_http_free(w->h);
    for (int i = 0; i < w->n; i++)
        (void)close(w->clients[i]);
    (void)close(w->listener);
    (void)unlink(w->path);
    (void)rmdir(w->dir);
    free(w);
    return 0;
}

static void on_reply(const ob_http_reply *reply, void *arg)
{
    world *w = arg;
    w->replies++;
    w->status = reply->status;
    w->unsent = reply->unsent;
    (void)snprintf(w->body, sizeof(w->body), "%s", reply->body);
    (void)snprintf(w->error, sizeof(w->error), "%s", reply->error ? reply->error : "");
}

static void on_free(void *arg)
{
    ((world *)arg)->freed++;
}

static ob_http_request request_of(world *w)
{
    return (ob_http_request){ .method = "GET",
                              .path = "/x",
                              .timeout_s = 10,
                              .on_reply = on_reply,
                              .arg = w,
                              .free_arg = on_free };
}

static void a_reply_is_told_once_and_its_connection_is_used_again(void **state)
{
    world *w = *state;
    ob_http_request request = request_of(w);
    for (int i = 1; i <= 3; i++) {
        (void)ob_http_send(w->h, OB_POINT_EXECUTOR_PULL, &request);
        step_until_idle(w);
        assert_int_equal(w->replies, i);
        assert_int_equal(w->freed, i);
        assert_int_equal(w->status, 200);
        assert_string_equal(w->body, "hello");
    }
    assert_int_equal(w->n, 1);
    request.only_once = true; /* on a connection of its own */
    (void)ob_http_send(w->h, OB_POINT_EXECUTOR_PULL, &request);
    step_until_idle(w);
    assert_int_equal(w->n, 2);
}

static void a_loop_that_watches_the_descriptor_needs_no_steps(void **state)
{
    world *w = *state;
    ob_http_request request = request_of(w);
    request.method = "POST";
    request.body = "a=b";
    request.type = "text/plain";
    request.header = "X-Own: 1";
    request.more = (const char *const[]){ "X-More: 2", "X-Last: 3", NULL };
    (void)ob_http_send(w->h, OB_POINT_EXECUTOR_PULL, &request);
    watch_until_idle(w);
    assert_int_equal(w->status, 200);
    assert_non_null(strstr(w->request, "POST /x HTTP/1.1\r\n"));
    assert_non_null(strstr(w->request, "Content-Type: text/plain\r\n"));
    assert_non_null(strstr(w->request, "X-Own: 1\r\n"));
    assert_non_null(strstr(w->request, "X-More: 2\r\nX-Last: 3\r\n"));
    assert_non_null(strstr(w->request, "\r\n\r\na=b"));
    /* Time arrives by the descriptor, too. */
    w->answer = NULL;
    request.timeout_s = 1;
    (void)ob_http_send(w->h, OB_POINT_EXECUTOR_PULL, &request);
    watch_until_idle(w);
    assert_int_equal(w->status, 0);
    assert_int_equal(w->replies, 2);
}

static void a_signature_covers_only_headers_that_are_sent(void **state)
{
    world *w = *state;
    ob_http_request request = request_of(w);
    request.method = "POST";
    request.body = "a=b";
    request.sign = "aws:amz:us-east-1:ec2";
    request.userpwd = "key:secret";
    (void)ob_http_send(w->h, OB_POINT_EXECUTOR_PULL, &request);
    step_until_idle(w);
    assert_non_null(strstr(w->request, "SignedHeaders=content-type;host;x-amz-date,"));
}

static void an_answer_that_never_comes_ends_by_the_timeout(void **state)
{
    world *w = *state;
    w->answer = NULL;
    ob_http_request request = request_of(w);
    request.timeout_s = 1;
    int64_t begun_ms = ob_mono_ms();
    (void)ob_http_send(w->h, OB_POINT_EXECUTOR_PULL, &request);
    step_until_idle(w);
    assert_true(ob_mono_ms() - begun_ms >= 900);
    assert_int_equal(w->replies, 1);
    assert_int_equal(w->status, 0);
    assert_false(w->unsent);
    assert_non_null(strstr(w->error, "timed out"));
}

static void a_body_that_is_too_long_fails_its_call(void **state)
{
    world *w = *state;
    w->answer = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n12345678";
    ob_http_request request = request_of(w);
    (void)ob_http_send(w->h, OB_POINT_EXECUTOR_PULL, &request);
    step_until_idle(w);
    assert_int_equal(w->status, 200);
    w->answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789";
    (void)ob_http_send(w->h, OB_POINT_EXECUTOR_PULL, &request);
    step_until_idle(w);
    assert_int_equal(w->replies, 2);
    assert_int_equal(w->status, 0);
    assert_string_equal(w->error, "the answer is too long");
}

static void a_server_that_is_away_got_nothing(void **state)
{
    world *w = *state;
    assert_int_equal(unlink(w->path), 0);
    ob_http_request request = request_of(w);
    (void)ob_http_send(w->h, OB_POINT_EXECUTOR_PULL, &request);
    step_until_idle(w);
    assert_int_equal(w->status, 0);
    assert_true(w->unsent);
}

/* ---- drops ---- */

static bool drop_in_data(const char *data, size_t len, void *arg)
{
    (void)data, (void)len;
    world *w = arg;
    ob_http_drop(w->call);
    return true;
}

static bool drop_and_refuse_in_data(const char *data, size_t len, void *arg)
{
    (void)drop_in_data(data, len, arg);
    return false;
}

static void drop_in_open(void *arg)
{
    world *w = arg;
    w->opened++;
    ob_http_drop(w->call);
}

static void no_reply_follows_a_drop_in_the_calls_own_callbacks(void **state)
{
    world *w = *state;
    ob_http_request request = request_of(w);
    const ob_http_on_data on_data[] = { drop_in_data, drop_and_refuse_in_data, drop_in_data };
    for (int i = 0; i < 3; i++) {
        request.on_data = on_data[i];
        request.on_open = i == 2 ? drop_in_open : NULL;
        w->call = ob_http_send(w->h, OB_POINT_EXECUTOR_PULL, &request);
        step_until_idle(w);
        assert_int_equal(w->freed, i + 1);
    }
    assert_int_equal(w->requests, 3);
    assert_int_equal(w->opened, 1);
    assert_int_equal(w->replies, 0);
}

static void drop_both_in_reply(const ob_http_reply *reply, void *arg)
{
    world *w = arg;
    on_reply(reply, arg);
    ob_http_drop(w->call);
    ob_http_drop(w->other);
    ob_http_flush(w->h);
}

static void a_reply_may_drop_its_own_call_and_others(void **state)
{
    world *w = *state;
    ob_http_request request = request_of(w);
    request.on_reply = drop_both_in_reply;
    w->call = ob_http_send(w->h, OB_POINT_EXECUTOR_PULL, &request);
    w->other = ob_http_send(w->h, OB_POINT_EXECUTOR_PULL, &request);
    step_until_idle(w);
    assert_int_equal(w->replies, 1);
    assert_int_equal(w->freed, 2);
}

static void a_call_that_was_dropped_at_once_is_never_sent(void **state)
{
    world *w = *state;
    ob_http_request request = request_of(w);
    ob_http_drop(ob_http_send(w->h, OB_POINT_EXECUTOR_PULL, &request));
    step_until_idle(w);
    assert_int_equal(w->n, 0);
    assert_int_equal(w->replies, 0);
    assert_int_equal(w->freed, 1);
}

static void the_end_of_a_client_frees_its_calls_without_a_reply(void **state)
{
    world *w = *state;
    w->answer = NULL;
    ob_http_request request = request_of(w);
    (void)ob_http_send(w->h, OB_POINT_EXECUTOR_PULL, &request);
    while (!w->requests) {
        ob_http_step(w->h, 10);
        serve(w);
    }
    (void)ob_http_send(w->h, OB_POINT_EXECUTOR_PULL, &request); /* one that was never flushed */
    ob_http_free(w->h);
    w->h = NULL;
    assert_int_equal(w->freed, 2);
    assert_int_equal(w->replies, 0);
}

/* ---- pauses ---- */

static bool refuse_once(const char *data, size_t len, void *arg)
{
    world *w = arg;
    if (w->refusals++ == 0)
        return false;
    (void)snprintf(w->body, sizeof(w->body), "%.*s", (int)len, data);
    return true;
}

static void keep_text(const ob_http_reply *reply, void *arg)
{
    world *w = arg;
    w->replies++;
    w->status = reply->status;
}

static void data_that_was_refused_is_told_again_after_resume(void **state)
{
    world *w = *state;
    ob_http_request request = request_of(w);
    request.on_data = refuse_once;
    request.on_reply = keep_text;
    w->call = ob_http_send(w->h, OB_POINT_EXECUTOR_PULL, &request);
    for (int i = 0; i < 20 || !w->refusals; i++) {
        ob_http_step(w->h, 10);
        serve(w);
    }
    assert_int_equal(w->refusals, 1);
    assert_int_equal(w->replies, 0);
    ob_http_resume(w->call);
    step_until_idle(w);
    assert_int_equal(w->status, 200);
    assert_string_equal(w->body, "hello");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
        T(a_reply_is_told_once_and_its_connection_is_used_again),
        T(a_loop_that_watches_the_descriptor_needs_no_steps),
        T(a_signature_covers_only_headers_that_are_sent),
        T(an_answer_that_never_comes_ends_by_the_timeout),
        T(a_body_that_is_too_long_fails_its_call),
        T(a_server_that_is_away_got_nothing),
        T(no_reply_follows_a_drop_in_the_calls_own_callbacks),
        T(a_reply_may_drop_its_own_call_and_others),
        T(a_call_that_was_dropped_at_once_is_never_sent),
        T(the_end_of_a_client_frees_its_calls_without_a_reply),
        T(data_that_was_refused_is_told_again_after_resume),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
