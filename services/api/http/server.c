/* The HTTP server: civetweb with a fixed number of worker threads, one for each connection; the
 * pool lends database connections. Owns threads, connections, the listening socket and the answer
 * to /healthz; dispatch.c executes requests. Workers share http_common, and the health connection
 * under a lock that no worker waits for.
 *
 * Invariant: every answer except /healthz's needs a valid signature, or, the metrics, their
 * token. */
#include "server.h"

#include <civetweb.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "dispatch.h"
#include "listener.h"
#include "metrics_page.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/service.h"
#include "request/api_metrics.h"

#define DRAIN_MS 10000  /* the time for which open connections are still served at the end */
#define STATUS_LEFT 499 /* for the server's own statistics: nothing is sent */
#define HEALTH_MS 1000  /* the time for which /healthz waits for PostgreSQL */

struct http_server {
    http_common common;
    struct mg_context *mg;
    int listen_fd; /* the one that clients connect to; -1: none */
    int place;     /* the server's number for it */
    bool serves;   /* it has it */
    pthread_mutex_t health_lock;
    ob_db *health_db; /* not of the pool, which may be empty */
};

/* ---- requests -------------------------------------------------------------------------------- */

/* Does PostgreSQL answer? While another thread asks, the last result is used. */
static void check_database(http_server *server)
{
    if (pthread_mutex_trylock(&server->health_lock) != 0)
        return;
    ob_error err = { 0 };
    int r = 0;
    if (!server->health_db || !db_usable(server->health_db)) {
        ob_db_free(server->health_db);
        server->health_db = NULL;
        r = db_open(server->common.ctx->config->pg, "openbatch-api health", NULL, HEALTH_MS,
                    &server->health_db, &err);
    }
    if (r == 0)
        r = ob_db_sql(server->health_db, "SELECT 1", NULL, NULL, &err);
    ob_health_set("postgresql", true, r == 0, r == 0 ? "answers" : err.text);
    (void)pthread_mutex_unlock(&server->health_lock);
}

static int healthz(http_server *server, exchange *x)
{
    if (atomic_load(
            &server->common.ctx->ready)) /* before that, main.c reports the progress of the start */
        check_database(server);
    json_auto_t *health = ob_health_object();
    ob_cleanup(ob_freep) char *text = json_dumps(health, JSON_COMPACT);
    int status = json_is_true(json_object_get(health, "ok")) ? 200 : 503;
    exchange_send(x, status, NULL, text, strlen(text));
    return status;
}

static bool asks_for_health(const exchange *x)
{
    return strcmp(exchange_path(x), "/healthz") == 0 &&
           (x->head || strcmp(x->info->request_method, "GET") == 0);
}

/* The address that the last proxy has added. */
static const char *forwarded_for(const struct mg_request_info *info)
{
    const char *found = NULL;
    for (int i = 0; i < info->num_headers; i++)
        if (strcasecmp(info->http_headers[i].name, "X-Forwarded-For") == 0)
            found = info->http_headers[i].value;
    return found;
}

/* Before the answer: who has it may look for the line. */
static void write_audit(const exchange *x, const api_reply *rep)
{
    const audit_source from = { .request_id = x->request_id,
                                .remote = x->info->remote_addr,
                                .forwarded = forwarded_for(x->info) };
    audit_request(x->w->common->audit, &x->audit, &from, rep);
}

/* Strangers are counted apart, so that they make no series: an operation, or its name, is what they
 * ask for. */
static void count_request(const exchange *x, const api_reply *rep)
{
    const audit_note *n = &x->audit;
    const char *operation = n->op ? n->op->name : "none";
    if (!n->known) {
        if (n->refused)
            ob_series_add(ob_metric_with(&api_metrics[API_SIGNATURE_FAILURES], rep->code), 1);
        return;
    }
    ob_series_add(
        ob_metric_with(&api_metrics[API_REQUESTS], operation, rep->code ? rep->code : "OK"), 1);
    ob_series_observe(ob_metric_with(&api_metrics[API_REQUEST_SECONDS], operation),
                      ob_mono_us() - n->received_us);
}

static int on_request(struct mg_connection *conn)
{
    int64_t began_us = ob_mono_us();
    exchange x;
    exchange_begin(&x, conn, mg_get_thread_pointer(conn));
    if (asks_for_health(&x))
        return healthz(mg_get_user_data(mg_get_context(conn)), &x);
    if (metrics_are_asked(&x))
        return metrics_answer(&x);

    api_reply rep = { 0 };
    int r = dispatch(&x, &rep);
    const char *operation = x.audit.op ? x.audit.op->name : "-";
    if (x.left) {
        mg_disable_connection_keep_alive(conn);
        exchange_end(&x);
        api_reply_done(&rep);
        return STATUS_LEFT;
    }
    if (r < 0 && !rep.code) {
        ob_log(r == -ENOTCONN ? OB_LOG_DEBUG : OB_LOG_WARN, "request.failed", "{s:s, s:s, s:s}",
               "requestId", x.request_id, "operation", operation, "error", rep.err.text);
        api_error_from(&rep, r);
    }
    write_audit(&x, &rep);
    count_request(&x, &rep);
    int status = exchange_answer(&x, &rep);
    ob_debug("request.answered", "{s:s, s:s, s:i, s:s*, s:I}", "requestId", x.request_id,
             "operation", operation, "status", status, "code", rep.code, "us",
             (json_int_t)(ob_mono_us() - began_us));
    exchange_end(&x);
    api_reply_done(&rep);
    return status;
}

/* ---- threads and connections ----------------------------------------------------------------- */

static void *on_thread(const struct mg_context *mg, int type)
{
    if (type != 1) /* not a worker */
        return NULL;
    http_server *server = mg_get_user_data(mg);
    return worker_new(&server->common);
}

static void on_thread_end(const struct mg_context *mg, int type, void *thread)
{
    worker_free(thread);
}

static int on_connection(const struct mg_connection *conn, void **data)
{
    http_server *server = mg_get_user_data(mg_get_context(conn));
    ob_conn *slot = ob_conns_add(server->common.conns);
    ob_conn_waits(server->common.conns, slot, HEADER_MS);
    *data = slot;
    return 0;
}

static void on_connection_end(const struct mg_connection *conn)
{
    http_server *server = mg_get_user_data(mg_get_context(conn));
    ob_conn *slot = mg_get_user_connection_data(conn);
    if (!slot)
        return;
    mg_set_user_connection_data(conn, NULL);
    ob_conns_remove(server->common.conns, slot);
}

static int on_log(const struct mg_connection *conn, const char *message)
{
    ob_debug("http.reported", "{s:s}", "text", message);
    return 1;
}

static void count_cut(const char *why, int n)
{
    ob_series_add(ob_metric_with(&api_metrics[API_CONNECTIONS_CUT], why), n);
}

static void show_connections(void *arg)
{
    const http_server *server = arg;
    size_t waiting = 0, all = ob_conns_count(server->common.conns, &waiting);
    ob_metric *m = &api_metrics[API_CONNECTIONS];
    ob_metric_put(m, (int64_t)(all - waiting), "working");
    ob_metric_put(m, (int64_t)waiting, "waiting");
}

int http_start(api_ctx *ctx, http_server **ret, ob_error *err)
{
    http_server *server = ob_calloc(1, sizeof *server);
    server->common.ctx = ctx;
    server->listen_fd = -1;
    (void)pthread_mutex_init(&server->health_lock, NULL);
    ob_cleanup(ob_freep) char *n_threads = ob_strf("%lld", (long long)ctx->config->threads);
    const char *options[] = { "listening_ports",
                              LISTENER_PLACE,
                              "num_threads",
                              n_threads,
                              "enable_keep_alive",
                              "yes",
                              "keep_alive_timeout_ms",
                              "2000",
                              "request_timeout_ms",
                              "2000", /* all headers; each read and write */
                              "tcp_nodelay",
                              "1",
                              "listen_backlog",
                              "512",
                              "connection_queue",
                              "256",
                              "decode_url",
                              "no",
                              NULL };
    const struct mg_callbacks callbacks = { .begin_request = on_request,
                                            .log_message = on_log,
                                            .init_thread = on_thread,
                                            .exit_thread = on_thread_end,
                                            .init_connection = on_connection,
                                            /* connection_closed finds no data any more */
                                            .connection_close = on_connection_end };
    /* Half of the database connections, so that others get one; a quarter of the threads. */
    size_t running = (size_t)ctx->config->db_connections / 2;
    server->common.turns = turns_new(running > 0 ? running : 1, (size_t)ctx->config->threads / 4);
    server->common.audit = audit_new(AUDIT_COUNTS_MS);
    int r = listener_open(ctx->config->listen, (int)ctx->config->port, &server->listen_fd, err);
    if (r == 0)
        r = ob_conns_new((int)ctx->config->port, (int)ctx->config->threads, count_cut,
                         &server->common.conns, err);
    if (r < 0) {
        http_stop(server);
        return r;
    }
    (void)mg_init_library(0);
    char text[256] = "";
    struct mg_error_data why = { .text = text, .text_buffer_size = sizeof text };
    struct mg_init_data init = { .callbacks = &callbacks,
                                 .user_data = server,
                                 .configuration_options = options };
    server->mg = mg_start2(&init, &why);
    if (!server->mg) {
        http_stop(server);
        return ob_fail(err, EIO, "the HTTP server cannot start: %s", text);
    }
    ob_metrics_on_show(show_connections, server);
    *ret = server;
    return 0;
}

int http_serve(http_server *server, ob_error *err)
{
    if (server->serves)
        return 0;
    int r = listener_give(server->mg, server->listen_fd, &server->place, err);
    server->serves = r == 0;
    return r;
}

int http_drain(http_server *server)
{
    const struct timespec nap = { .tv_nsec = 10 * 1000000L };
    int64_t until_ms = ob_mono_ms() + DRAIN_MS;
    if (server->serves)
        listener_take_back(server->place);
    atomic_store(&server->common.draining, true);
    while (ob_conns_are_open(server->common.conns) && ob_service_again() && ob_mono_ms() < until_ms)
        (void)nanosleep(&nap, NULL);
    return fcntl(server->listen_fd, F_DUPFD_CLOEXEC, 0);
}

void http_stop(http_server *server)
{
    if (!server)
        return;
    if (server->mg)
        mg_stop(server->mg);
    ob_metrics_off_show(show_connections, server); /* its threads are those that show */
    if (server->listen_fd >= 0)
        (void)close(server->listen_fd);
    (void)mg_exit_library();
    ob_conns_free(server->common.conns);
    turns_free(server->common.turns);
    audit_free(server->common.audit);
    ob_db_free(server->health_db);
    (void)pthread_mutex_destroy(&server->health_lock);
    free(server);
}
