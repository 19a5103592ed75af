/* Serves HTTP with civetweb: one worker thread a connection, a fixed number of them, each with a
 * signature context of its own; database connections are lent by the pool. Owns the order of checks
 * (signature, operation, body, handler) and the shape of answers; knows no operation. Never logs
 * bodies or credentials. Shared between workers: http_server's atomics, and its health connection
 * under a lock that nobody waits for.
 *
 * Invariant: every answer but /healthz's is behind a checked signature; every answer carries
 * x-amzn-RequestId. */
#include "server.h"

#include <civetweb.h>
#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "auth/authorize.h"
#include "auth/keys.h"
#include "clients.h"
#include "heavy_reads.h"
#include "listener.h"
#include "ob/clock.h"
#include "ob/id.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/service.h"
#include "operations.h"
#include "request/names.h"
#include "sigv4.h"
#include "uri.h"

#define BODY_MAX (256 * 1024)
#define HANDLER_TRIES 3
#define INVOCATION_ID_MAX 128
/* How long a thread waits for a client (clients.h). */
#define HEADER_MS 5000 /* idle connections are closed sooner, by the server */
#define BODY_MS 5000
#define WRITE_MS 20000
#define DRAIN_MS 10000  /* how long those that have a connection are served to its end */
#define STATUS_LEFT 499 /* for the server's own statistics: nothing is sent */
#define HEALTH_MS 1000  /* how long /healthz waits for PostgreSQL */

struct http_server {
    api_ctx *ctx;
    struct mg_context *mg;
    http_conns *conns;
    turns *turns;
    int listen_fd; /* the one that clients connect to; -1: none */
    int place;     /* where the server has it */
    bool serves;   /* it has it */
    atomic_bool draining;
    pthread_mutex_t health_lock;
    ob_db *health_db; /* not of the pool, which may be empty */
};

typedef struct worker {
    http_server *server;
    sigv4_ctx *sigv4;
    char *body; /* BODY_MAX + 1 */
} worker;

/* One request on its way. */
typedef struct exchange {
    struct mg_connection *conn;
    const struct mg_request_info *info;
    http_conn *slot;
    worker *w;
    api_protocol protocol;
    char request_id[OB_UUID_TEXT];
    size_t body_len;
    bool head;  /* is answered without a body */
    bool left;  /* nobody is there any more to be answered */
    bool close; /* the connection cannot be used again */
} exchange;

static const char *status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } texts[] = { { 200, "OK" },
                  { 400, "Bad Request" },
                  { 403, "Forbidden" },
                  { 404, "Not Found" },
                  { 409, "Conflict" },
                  { 413, "Content Too Large" },
                  { 429, "Too Many Requests" },
                  { 500, "Internal Server Error" },
                  { 503, "Service Unavailable" } };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].status == status)
            return texts[i].text;
    return "Error";
}

/* ---- answers --------------------------------------------------------------------------------- */

static void http_date(char out[40])
{
    struct tm tm;
    time_t now = time(NULL);
    (void)gmtime_r(&now, &tm);
    (void)strftime(out, 40, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

static void send_answer(exchange *x, int status, const char *code, const char *text, size_t len)
{
    http_server *server = x->w->server;
    /* More clients than threads: let the waiting ones have a turn. */
    if (conn_had_its_turn(server->conns, x->slot) || atomic_load(&server->draining))
        x->close = true;

    char date[40];
    http_date(date);
    bool logs = x->protocol == API_LOGS;
    char *out = ob_calloc(1, len + 512);
    int n = snprintf(out, 512,
                     "HTTP/1.1 %d %s\r\n"
                     "Date: %s\r\n"
                     "Content-Type: %s\r\n"
                     "Content-Length: %zu\r\n"
                     "x-amzn-RequestId: %s\r\n"
                     "%s%s%s"
                     "Connection: %s\r\n\r\n",
                     status, status_text(status), date,
                     logs ? "application/x-amz-json-1.1" : "application/json", len, x->request_id,
                     code ? "x-amzn-ErrorType: " : "", code ? code : "", code ? "\r\n" : "",
                     x->close ? "close" : "keep-alive");
    size_t sent = x->head ? 0 : len;
    memcpy(out + n, text, sent);
    if (x->close)
        mg_disable_connection_keep_alive(x->conn);
    conn_waits(server->conns, x->slot, WRITE_MS);
    (void)mg_write(x->conn, out, (size_t)n + sent);
    conn_waits(server->conns, x->slot, HEADER_MS); /* for the next request */
    free(out);
}

/* CloudWatch Logs has its own names for the same things. */
static const char *logs_code(const char *code)
{
    if (strcmp(code, "ClientException") == 0)
        return "InvalidParameterException";
    if (strcmp(code, "ServerException") == 0)
        return "ServiceUnavailableException";
    return code;
}

static int answer(exchange *x, api_reply *rep)
{
    bool logs = x->protocol == API_LOGS;
    int status = rep->status ? rep->status : 200;
    if (logs && rep->code) {
        rep->code = logs_code(rep->code);
        if (status == 403) /* JSON protocols answer 400 for what is wrong with a signature */
            status = 400;
    }
    ob_cleanup(ob_freep) char *text = NULL;
    size_t len = 0;
    if (rep->code) {
        json_auto_t *body = api_error_body(rep, logs);
        text = json_dumps(body, JSON_COMPACT);
        len = text ? strlen(text) : 0;
    } else if (rep->raw) {
        text = ob_take(rep->raw);
        len = rep->raw_len;
    } else if (rep->body) {
        text = json_dumps(rep->body, JSON_COMPACT);
        len = text ? strlen(text) : 0;
    }
    if (!text) {
        text = ob_strdup("{}");
        len = 2;
    }
    send_answer(x, status, rep->code, text, len);
    return status;
}

/* ---- requests -------------------------------------------------------------------------------- */

/* Does PostgreSQL answer? While another thread asks, what is known stands. */
static void check_database(http_server *server)
{
    if (pthread_mutex_trylock(&server->health_lock) != 0)
        return;
    ob_error err = { 0 };
    int r = 0;
    if (!server->health_db || !db_usable(server->health_db)) {
        ob_db_free(server->health_db);
        server->health_db = NULL;
        r = db_open(server->ctx->config->pg, "openbatch-api health", NULL, HEALTH_MS,
                    &server->health_db, &err);
    }
    if (r == 0)
        r = ob_db_sql(server->health_db, "SELECT 1", NULL, NULL, &err);
    ob_health_set("postgresql", true, r == 0, r == 0 ? "answers" : err.text);
    (void)pthread_mutex_unlock(&server->health_lock);
}

static int healthz(exchange *x)
{
    if (atomic_load(&x->w->server->ctx->ready)) /* before, main.c tells how far it is */
        check_database(x->w->server);
    json_auto_t *health = ob_health_object();
    ob_cleanup(ob_freep) char *text = json_dumps(health, JSON_COMPACT);
    int status = json_is_true(json_object_get(health, "ok")) ? 200 : 503;
    send_answer(x, status, NULL, text, strlen(text));
    return status;
}

static int too_long(exchange *x, api_reply *rep)
{
    x->close = true;
    return api_error(rep, 413, "RequestEntityTooLargeException",
                     "The request is larger than %d bytes.", BODY_MAX);
}

/* "12"; the server takes "+12" and "12abc" for it. */
static bool is_length(const char *text)
{
    size_t n = strspn(text, "0123456789");
    return n > 0 && text[n + strspn(text + n, " \t")] == '\0';
}

/* The server cuts its headers into names and values where they lie, and takes blanks in front of
 * the colon for part of neither: then the name ends before the colon did. */
static bool ends_at_its_colon(const struct mg_header *h)
{
    const char *end = h->name + strlen(h->name);
    return h->value == end + 1 || end[1] != '\0';
}

/* One way to tell where the body ends: of two, or of one that may be read in two ways, a proxy in
 * front might believe the other. */
static const char *misframed(const struct mg_request_info *info)
{
    int n = 0;
    for (int i = 0; i < info->num_headers; i++) {
        const struct mg_header *h = &info->http_headers[i];
        bool length = strcasecmp(h->name, "Content-Length") == 0;
        if (!ends_at_its_colon(h))
            return "There is a blank before the colon of a header.";
        if (length && !is_length(h->value))
            return "The request's length is no number.";
        n += length || strcasecmp(h->name, "Transfer-Encoding") == 0;
    }
    return n > 1 ? "The request's length is given more than once." : NULL;
}

static int read_body(exchange *x, api_reply *rep)
{
    const char *expect = mg_get_header(x->conn, "Expect");
    long long announced = x->info->content_length;
    if (x->info->num_headers >= MG_MAX_HEADERS) { /* the server leaves out what is more */
        x->close = true;
        return api_error(rep, 400, "SerializationException", "The request has %d headers or more.",
                         MG_MAX_HEADERS);
    }
    const char *why = misframed(x->info);
    if (why) {
        x->close = true;
        return api_error(rep, 400, "SerializationException", "%s", why);
    }
    if (announced > BODY_MAX)
        return too_long(x, rep);
    if (expect && strcasecmp(expect, "100-continue") == 0) {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        (void)mg_write(x->conn, go_on, sizeof go_on - 1);
    }
    size_t len = 0;
    while (announced < 0 || len < (size_t)announced) {
        int n = mg_read(x->conn, x->w->body + len, BODY_MAX + 1 - len);
        if (n <= 0)
            break;
        len += (size_t)n;
        if (len > BODY_MAX)
            return too_long(x, rep);
    }
    if (announced >= 0 && len < (size_t)announced) {
        x->close = true;
        return api_error(rep, 400, "SerializationException", "The request's body ended early.");
    }
    x->w->body[len] = '\0';
    x->body_len = len;
    return 0;
}

static int refused(api_reply *rep, const sigv4_refusal *refusal)
{
    return api_error(rep, 403, refusal->code, "%s", refusal->message);
}

static int find_key(const exchange *x, const char *key_id, api_key *ret, ob_error *err)
{
    api_ctx *ctx = x->w->server->ctx;
    if (keys_recall(ctx->keys, key_id, ret))
        return 0;
    ob_db *db = NULL;
    int r = db_pool_take(ctx->pool, &db, err);
    if (r < 0)
        return r;
    r = keys_find(ctx->keys, db, key_id, ret, err);
    db_pool_give(ctx->pool, db);
    return r;
}

/* Who is it? Fills 'auth' and 'key'. */
static int authenticate(exchange *x, sigv4_auth *auth, api_key *key, api_reply *rep)
{
    const struct mg_request_info *info = x->info;
    sigv4_header headers[MG_MAX_HEADERS];
    for (int i = 0; i < info->num_headers; i++)
        headers[i] = (sigv4_header){ info->http_headers[i].name, info->http_headers[i].value };
    const sigv4_request signed_request = {
        .method = info->request_method,
        .path = info->request_uri,
        .query = info->query_string,
        .headers = headers,
        .n_headers = (size_t)info->num_headers,
        .body = x->w->body,
        .body_len = x->body_len,
    };
    sigv4_refusal refusal = { 0 };
    if (sigv4_read(&signed_request, auth, &refusal) < 0)
        return refused(rep, &refusal);
    int r = find_key(x, auth->key_id, key, &rep->err);
    if (r == -ENOENT)
        return api_error(rep, 403, "UnrecognizedClientException",
                         "The security token included in the request is invalid.");
    if (r < 0)
        return r;
    static const char *const services[] = {
        [API_BATCH] = "batch", [API_LOGS] = "logs", [API_ADMIN] = "openbatch"
    };
    const char *service = services[x->protocol];
    if (sigv4_verify(x->w->sigv4, &signed_request, auth, service, key->secret, time(NULL),
                     &refusal) < 0)
        return refused(rep, &refusal);
    return 0;
}

static int parse_body(exchange *x, json_t **ret, api_reply *rep)
{
    if (x->body_len == 0) {
        *ret = json_object();
        return 0;
    }
    ob_error err = { 0 };
    if (ob_json_parse_as(x->w->body, x->body_len, OB_JSON_BRIEF, ret, &err) < 0 ||
        !json_is_object(*ret))
        return api_error(rep, 400, "SerializationException",
                         "The request's body is no JSON object: %.200s", err.text);
    return 0;
}

/* Who may not do it is told so before anything else about the request. */
static int call(const api_operation *op, api_request *req, api_reply *rep)
{
    for (int i = 0;; i++) {
        int r = access_check(req, rep);
        if (r == 0 && i == 0)
            r = api_operation_check(op, req->body, req->request_id, rep);
        if (r == 0)
            r = op->handler(req, rep);
        if (r == 0)
            r = access_filter(req, rep);
        if (r != -EAGAIN || rep->code || i + 1 == HANDLER_TRIES)
            return r;
        api_reply_done(rep);
    }
}

static const api_operation *find_operation(const exchange *x)
{
    const char *method = x->info->request_method;
    if (x->protocol != API_LOGS)
        return api_operation_find(x->protocol, method, x->info->request_uri);
    const char *target = mg_get_header(x->conn, "X-Amz-Target");
    return target ? api_operation_find(API_LOGS, method, target) : NULL;
}

/* "attempt=1; max=3": SDKs count their tries. */
static bool is_first_try(const exchange *x)
{
    static const char first[] = "attempt=1";
    const char *text = mg_get_header(x->conn, "amz-sdk-request");
    const char *at = text ? strstr(text, first) : NULL;
    return at && !isdigit((unsigned char)at[sizeof first - 1]);
}

/* An SDK's is a UUID; NULL: none, or nothing that an SDK makes. */
static const char *invocation_id(const exchange *x)
{
    const char *text = mg_get_header(x->conn, "amz-sdk-invocation-id");
    size_t n = text ? strlen(text) : 0;
    bool usable = n >= 1 && n <= INVOCATION_ID_MAX;
    for (size_t i = 0; usable && i < n; i++)
        usable = text[i] >= ' ' && text[i] <= '~';
    return usable ? text : NULL;
}

/* What is asked for behind others on one connection, or waited for its turn, may be for nobody. */
static bool is_left(exchange *x)
{
    x->left = conn_is_left(x->w->server->conns, x->slot);
    return x->left;
}

static int call_in_turn(exchange *x, const api_operation *op, api_request *req, api_reply *rep)
{
    turns *t = x->w->server->turns;
    ob_error err = { 0 };
    bool logs = x->protocol == API_LOGS;
    if (!op->heavy)
        return call(op, req, rep);
    if (turns_take(t, req->key_id, &err) < 0)
        return api_error(rep, logs ? 400 : 429,
                         logs ? "ThrottlingException" : "TooManyRequestsException",
                         "Too many requests of this access key at a time, try again.");
    int r = is_left(x) ? -EPIPE : call(op, req, rep);
    req_db_release(req);
    turns_give(t, req->key_id);
    return r;
}

/* What an authenticated caller asks for. */
static int perform(exchange *x,
                   const sigv4_auth *auth,
                   const api_key *key,
                   api_reply *rep,
                   const char **ret_operation)
{
    const api_operation *op = find_operation(x);
    if (!op)
        return api_error(rep, x->protocol == API_LOGS ? 400 : 404, "UnknownOperationException",
                         "Unknown operation");
    *ret_operation = op->name;
    json_auto_t *body = NULL;
    int r = api_operation_check_size(op, x->body_len, x->request_id, rep);
    if (r == 0)
        r = parse_body(x, &body, rep);
    if (r == 0 && op->in_path)
        r = uri_members(x->info->request_uri, op->key, op->in_path, x->info->query_string, body,
                        rep);
    if (r < 0)
        return r;
    api_request req = {
        .op = op,
        .operation = op->name,
        .account = key->account,
        .region = auth->region,
        .key_id = key->key_id,
        .key = key,
        .invocation_id = invocation_id(x),
        .first_try = is_first_try(x),
        .request_id = x->request_id,
        .body = body,
        .body_text = x->w->body,
        .body_len = x->body_len,
        .ctx = x->w->server->ctx,
    };
    names_read(&req);
    r = call_in_turn(x, op, &req, rep);
    names_done(&req);
    req_db_release(&req);
    return r;
}

static int serve(exchange *x, api_reply *rep, const char **ret_operation)
{
    sigv4_auth auth;
    api_key key = { 0 };
    http_conns *conns = x->w->server->conns;
    conn_waits(conns, x->slot, BODY_MS);
    int r = read_body(x, rep);
    conn_works(conns, x->slot);
    if (r < 0)
        return r;
    if (is_left(x))
        return -EPIPE;
    if (!atomic_load(&x->w->server->ctx->ready))
        return ob_fail_retry(&rep->err, ENOTCONN, "starting");
    r = authenticate(x, &auth, &key, rep);
    if (r == 0)
        r = perform(x, &auth, &key, rep, ret_operation);
    api_key_done(&key);
    return r;
}

static int on_request(struct mg_connection *conn)
{
    int64_t began_us = ob_mono_us();
    worker *w = mg_get_thread_pointer(conn);
    exchange x = { .conn = conn, .info = mg_get_request_info(conn), .w = w };
    x.slot = x.info->conn_data;
    conn_from(w->server->conns, x.slot, x.info->remote_addr, x.info->remote_port);
    conn_works(w->server->conns, x.slot);
    ob_uuid id = ob_uuid_new();
    ob_uuid_format(&id, x.request_id);
    const char *path = x.info->request_uri ? x.info->request_uri : "";
    x.head = strcmp(x.info->request_method, "HEAD") == 0;
    if (strcmp(path, "/healthz") == 0 && (x.head || strcmp(x.info->request_method, "GET") == 0))
        return healthz(&x);
    x.protocol = strcmp(path, "/") == 0                                     ? API_LOGS
                 : strncmp(path, "/openbatch/", strlen("/openbatch/")) == 0 ? API_ADMIN
                                                                            : API_BATCH;

    api_reply rep = { 0 };
    const char *operation = "-";
    int r = serve(&x, &rep, &operation);
    if (x.left) {
        mg_disable_connection_keep_alive(conn);
        api_reply_done(&rep);
        return STATUS_LEFT;
    }
    if (r < 0 && !rep.code) {
        ob_log(r == -ENOTCONN ? OB_LOG_DEBUG : OB_LOG_WARN, "request.failed", "{s:s, s:s, s:s}",
               "requestId", x.request_id, "operation", operation, "error", rep.err.text);
        api_error_from(&rep, r);
    }
    int status = answer(&x, &rep);
    ob_debug("request.done", "{s:s, s:s, s:i, s:s*, s:I}", "requestId", x.request_id, "operation",
             operation, "status", status, "code", rep.code, "us",
             (json_int_t)(ob_mono_us() - began_us));
    api_reply_done(&rep);
    return status;
}

/* ---- threads and connections ----------------------------------------------------------------- */

static void *on_thread(const struct mg_context *mg, int type)
{
    if (type != 1) /* not a worker */
        return NULL;
    worker *w = ob_calloc(1, sizeof *w);
    w->server = mg_get_user_data(mg);
    w->sigv4 = sigv4_new();
    w->body = ob_calloc(1, BODY_MAX + 1);
    return w;
}

static void on_thread_end(const struct mg_context *mg, int type, void *thread)
{
    worker *w = thread;
    if (!w)
        return;
    sigv4_free(w->sigv4);
    free(w->body);
    free(w);
}

static int on_connection(const struct mg_connection *conn, void **data)
{
    http_server *server = mg_get_user_data(mg_get_context(conn));
    http_conn *slot = conns_add(server->conns);
    conn_waits(server->conns, slot, HEADER_MS);
    *data = slot;
    return 0;
}

static void on_connection_end(const struct mg_connection *conn)
{
    http_server *server = mg_get_user_data(mg_get_context(conn));
    http_conn *slot = mg_get_user_connection_data(conn);
    if (!slot)
        return;
    mg_set_user_connection_data(conn, NULL);
    conns_remove(server->conns, slot);
}

static int on_log(const struct mg_connection *conn, const char *message)
{
    ob_debug("http.note", "{s:s}", "text", message);
    return 1;
}

int http_start(api_ctx *ctx, http_server **ret, ob_error *err)
{
    http_server *server = ob_calloc(1, sizeof *server);
    server->ctx = ctx;
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
    /* Of the database connections half, so that others find one; of the threads a quarter. */
    size_t running = (size_t)ctx->config->db_connections / 2;
    server->turns = turns_new(running > 0 ? running : 1, (size_t)ctx->config->threads / 4);
    int r = listener_open(ctx->config->listen, (int)ctx->config->port, &server->listen_fd, err);
    if (r == 0)
        r = conns_new((int)ctx->config->port, (int)ctx->config->threads, &server->conns, err);
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
        return ob_fail(err, EIO, "the HTTP server does not start: %s", text);
    }
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
    atomic_store(&server->draining, true);
    while (conns_are_open(server->conns) && ob_mono_ms() < until_ms)
        (void)nanosleep(&nap, NULL);
    return fcntl(server->listen_fd, F_DUPFD_CLOEXEC, 0);
}

void http_stop(http_server *server)
{
    if (!server)
        return;
    if (server->mg)
        mg_stop(server->mg);
    if (server->listen_fd >= 0)
        (void)close(server->listen_fd);
    (void)mg_exit_library();
    conns_free(server->conns);
    turns_free(server->turns);
    ob_db_free(server->health_db);
    (void)pthread_mutex_destroy(&server->health_lock);
    free(server);
}
