/* The tracer with a database of its own, and a receiver that keeps what it gets: how much of an
 * array it sends, in which pieces, and what a new leader sends again. */
#include "unit.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>

#include "migrated.h"
#include "ob/buf.h"
#include "ob/clock.h"
#include "ob/db.h"
#include "own_server.h"
#include "scheduler_store.h"
#include "tracer.h"

#define JOB "01900000-0000-7000-8000-00000000000"
#define REQUEST_MAX (1u << 20)
#define WAIT_MS 60000
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

static own_server server;
static char conninfo[128];
static ob_db *db;
static int listener;
static pthread_t receiving;

/* What the receiver has. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ob_buf all; /* never NULL: it begins with an empty text */
static size_t longest;

/* ---- The receiver: one connection after the other, one request after the other ---- */

/* Returns the length of the first request, 0 while it is not whole. */
static size_t whole_request(const ob_buf *in, size_t *ret_body)
{
    const char *end = in->len ? strstr(in->at, "\r\n\r\n") : NULL;
    const char *length = in->len ? strstr(in->at, "Content-Length: ") : NULL;
    if (!end || !length)
        return 0;
    *ret_body = (size_t)(end - in->at) + 4;
    size_t len = *ret_body + strtoull(length + strlen("Content-Length: "), NULL, 10);
    return in->len >= len ? len : 0;
}

static void keep(const char *body, size_t len)
{
    pthread_mutex_lock(&lock);
    ob_buf_add(&all, body, len);
    longest = len > longest ? len : longest;
    pthread_mutex_unlock(&lock);
}

static void serve(int fd)
{
    static char part[65536];
    ob_buf in = { 0 };
    for (ssize_t n; (n = read(fd, part, sizeof(part))) > 0;) {
        size_t body = 0, len;
        ob_buf_add(&in, part, (size_t)n);
        while ((len = whole_request(&in, &body)) > 0) {
            keep(in.at + body, len - body);
            assert_int_equal(write(fd, ANSWER, strlen(ANSWER)), strlen(ANSWER));
            memmove(in.at, in.at + len, in.len - len);
            in.len -= len;
            in.at[in.len] = '\0';
        }
    }
    ob_buf_done(&in);
    (void)close(fd);
}

static void *receive(void *arg)
{
    (void)arg;
    for (int fd; (fd = accept(listener, NULL, NULL)) >= 0;)
        serve(fd);
    return NULL;
}

/* memmem: with sanitizers strstr takes the length of all that follows, each time. */
static size_t count(const char *text)
{
    size_t n = 0, len = strlen(text);
    pthread_mutex_lock(&lock);
    const char *end = all.at + all.len;
    for (const char *at = all.at; (at = memmem(at, (size_t)(end - at), text, len)); at += len)
        n++;
    pthread_mutex_unlock(&lock);
    return n;
}

static void wait_for(const char *text, size_t n)
{
    for (int64_t until_ms = ob_mono_ms() + WAIT_MS; count(text) < n; usleep(10000))
        if (ob_mono_ms() > until_ms)
            fail_msg("%zu of %zu: %s", count(text), n, text);
}

static void forget(void)
{
    pthread_mutex_lock(&lock);
    ob_buf_clear(&all);
    longest = 0;
    pthread_mutex_unlock(&lock);
}

/* ---- The tracer ---- */

static tracer *begin_tracer(void)
{
    struct sockaddr_in address = { 0 };
    socklen_t len = sizeof(address);
    ob_error err = { 0 };
    tracer *t = NULL;
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    ob_cleanup(ob_freep) char *endpoint = ob_strf("http://127.0.0.1:%d", ntohs(address.sin_port));
    const scheduler_config config = { .pg = conninfo,
                                      .otlp_endpoint = endpoint,
                                      .otlp_headers = (char *)(uintptr_t) "",
                                      .otel_service = (char *)(uintptr_t) "s" };
    if (tracer_new(&config, &t, &err) < 0)
        fail_msg("%s", err.text);
    return t;
}

static void sql(const char *text)
{
    ob_error err = { 0 };
    if (ob_db_sql(db, text, NULL, NULL, &err) < 0)
        fail_msg("%s: %s", err.text, text);
}

static void end_job(int n, int size, int64_t at_ms)
{
    ob_cleanup(ob_freep) char *text = ob_strf(
        "INSERT INTO job (account, region, id, queue_id, definition, name, array_size, mcpu,"
        " mem_mib, created_at_ms, detail)"
        " VALUES ('1', 'r', '" JOB "%d', 1, 'd', 'n%d', %d, 1000, 64, 0, '{}');"
        "INSERT INTO done (job_id, idx, queue_id, state, stopped_at_ms)"
        " VALUES ('" JOB "%d', -1, 1, 6, 5);"
        "INSERT INTO job_event (round, n, at_ms, job_id, idx_lo, idx_hi, state)"
        " VALUES (7, %d, %lld, '" JOB "%d', -1, -1, 6)",
        n, n, size, n, n, (long long)at_ms, n);
    sql(text);
}

static void take_events(tracer *t)
{
    ob_cleanup(ob_pq_clearp) PGresult *events = NULL;
    assert_int_equal(store_events(db, 0, 0, 100, &events, NULL), 0);
    tracer_take(t, events);
}

/* The last 300 of 1,500 children failed. */
static void an_array_sends_a_thousand_children_in_pieces(void **state)
{
    (void)state;
    if (!db)
        skip();
    forget();
    tracer *t = begin_tracer();
    end_job(1, 5000, 1000);
    sql("INSERT INTO done (job_id, idx, queue_id, state, reason, stopped_at_ms)"
        " SELECT '" JOB "1', i, 1, CASE WHEN i >= 1200 THEN 6 ELSE 5 END, repeat('x', 1000), 5"
        " FROM generate_series(0, 1499) i;"
        "INSERT INTO attempt (job_id, idx, attempt, run, instance_id, cluster, reason,"
        " runnable_at_ms, placed_at_ms, started_at_ms, stopped_at_ms) SELECT '" JOB "1', i, k, k,"
        " 'i-1', 'c', repeat('y', 1000), 1, 2, 3, 4 FROM generate_series(0, 1499) i,"
        " generate_series(1, 3) k");
    take_events(t);
    wait_for("\"name\":\"attempt\"", 3000);
    tracer_free(t);
    assert_int_equal(count("\"name\":\"child\""), 1000);
    assert_int_equal(count("\"name\":\"attempt\""), 3000);
    assert_int_equal(count("\"batch.array.left_out\",\"value\":{\"intValue\":\"4000\"}"), 1);
    assert_int_equal(count("\"key\":\"batch.array.index\",\"value\":{\"intValue\":\"1499\"}"), 1);
    assert_int_equal(count("\"key\":\"batch.array.index\",\"value\":{\"intValue\":\"699\"}"), 1);
    assert_int_equal(count("\"key\":\"batch.array.index\",\"value\":{\"intValue\":\"700\"}"), 0);
    assert_true(count("\"resourceSpans\"") > 2);
    assert_true(longest < REQUEST_MAX);
    pthread_mutex_lock(&lock);
    assert_true(strstr(all.at, "\"intValue\":\"1499\"") < strstr(all.at, "\"intValue\":\"699\""));
    pthread_mutex_unlock(&lock);
}

/* Of the jobs that ended in the minute before the last published event; the same process does not
 * take twice what it has taken. */
static void a_new_leader_sends_what_ended_a_moment_ago(void **state)
{
    (void)state;
    if (!db)
        skip();
    forget();
    end_job(2, 0, 1000000);
    end_job(3, 0, 1000000 + 50000);
    end_job(4, 0, 1000000 + 70000);
    end_job(5, 0, 1000000 + 70000); /* not published yet */
    for (int i = 0; i < 2; i++) {
        tracer *t = begin_tracer();
        assert_int_equal(tracer_begin(t, db, 7, 4, NULL), 0);
        assert_int_equal(tracer_begin(t, db, 7, 4, NULL), 0);
        take_events(t);
        wait_for("\"n5\"", (size_t)i + 1);
        tracer_free(t);
        assert_int_equal(count("\"n2\""), 0);
        assert_int_equal(count("\"n3\""), i + 1);
        assert_int_equal(count("\"n4\""), i + 1);
        assert_int_equal(count("\"n5\""), i + 1);
    }
}

static int start(void **state)
{
    (void)state;
    ob_error err = { 0 };
    if (!own_postgres_start(&server))
        return 0;
    (void)snprintf(conninfo, sizeof(conninfo), "host=%s user=postgres dbname=postgres", server.dir);
    migrate(conninfo, SQL_DIR);
    assert_int_equal(ob_db_connect(conninfo, "test", &db, &err), 0);
    assert_int_equal(ob_db_prepare(db, publisher_stmts, &err), 0);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 8), 0);
    ob_buf_str(&all, "");
    assert_int_equal(pthread_create(&receiving, NULL, receive, NULL), 0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    if (!db)
        return 0;
    (void)shutdown(listener, SHUT_RDWR);
    (void)pthread_join(receiving, NULL);
    (void)close(listener);
    ob_buf_done(&all);
    ob_db_free(db);
    own_server_stop(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_array_sends_a_thousand_children_in_pieces),
        cmocka_unit_test(a_new_leader_sends_what_ended_a_moment_ago),
    };
    return cmocka_run_group_tests_name("scheduler_tracer", tests, start, stop);
}
