/* Clients that have left: those that have closed, and those that only send nothing more. */
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ob/clients.h"
#include "ob/clock.h"

typedef struct pair {
    int listener, client, server;
    ob_conns *all;
    ob_conn *conn;
} pair;

static int port_of(int fd)
{
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    return ntohs(a.sin_port);
}

static int begin(void **state)
{
    static pair p;
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    p.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    p.client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(p.listener, (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(p.listener, 1), 0);
    assert_int_equal(getsockname(p.listener, (struct sockaddr *)&a, &len), 0);
    assert_int_equal(connect(p.client, (struct sockaddr *)&a, len), 0);
    p.server = accept(p.listener, NULL, NULL);
    assert_int_equal(ob_conns_new(port_of(p.listener), 100, NULL, &p.all, NULL), 0);
    p.conn = ob_conns_add(p.all);
    *state = &p;
    return 0;
}

static int end(void **state)
{
    pair *p = *state;
    ob_conns_remove(p->all, p->conn);
    ob_conns_free(p->all);
    (void)close(p->server);
    (void)close(p->listener);
    if (p->client >= 0)
        (void)close(p->client);
    return 0;
}

/* Is it found to have left within so long? */
static bool leaves(const pair *p, int64_t ms)
{
    const struct timespec nap = { .tv_nsec = 5000000 };
    for (int64_t until_ms = ob_mono_ms() + ms; ob_mono_ms() < until_ms;) {
        if (ob_conn_is_left(p->all, p->conn))
            return true;
        (void)nanosleep(&nap, NULL);
    }
    return false;
}

static void hang_up(pair *p)
{
    (void)close(p->client);
    p->client = -1;
}

static void who_has_closed_has_left(void **state)
{
    pair *p = *state;
    ob_conn_from(p->all, p->conn, "127.0.0.1", port_of(p->client));
    assert_false(leaves(p, 50));
    hang_up(p);
    assert_true(leaves(p, 5000));
}

/* What he asked for before is unread, too. */
static void who_has_closed_behind_requests_has_left(void **state)
{
    pair *p = *state;
    ob_conn_from(p->all, p->conn, "127.0.0.1", port_of(p->client));
    assert_int_equal(send(p->client, "POST / HTTP/1.1\r\n\r\n", 19, MSG_NOSIGNAL), 19);
    hang_up(p);
    assert_true(leaves(p, 5000));
}

static void who_only_sends_nothing_more_is_still_there(void **state)
{
    pair *p = *state;
    ob_conn_from(p->all, p->conn, "127.0.0.1", port_of(p->client));
    assert_int_equal(shutdown(p->client, SHUT_WR), 0);
    assert_false(leaves(p, 200));
}

static void of_whom_nothing_is_known_has_not_left(void **state)
{
    pair *p = *state;
    hang_up(p);
    assert_false(leaves(p, 50));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_has_closed_has_left),
        TEST(who_has_closed_behind_requests_has_left),
        TEST(who_only_sends_nothing_more_is_still_there),
        TEST(of_whom_nothing_is_known_has_not_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
