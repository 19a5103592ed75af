/* A request and the form of its answer, for all protocols. Owns the status line, the headers and
 * the form of errors on the wire; depends on no operation and checks nothing. Never logs bodies or
 * credentials. Thread: an HTTP worker.
 *
 * Invariant: every answer has x-amzn-RequestId. */
#include "exchange.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "query_protocol.h"

worker *worker_new(http_common *common)
{
    worker *w = ob_calloc(1, sizeof *w);
    w->common = common;
    w->sigv4 = sigv4_new();
    w->body = ob_calloc(1, BODY_MAX + 1);
    return w;
}

void worker_free(worker *w)
{
    if (!w)
        return;
    sigv4_free(w->sigv4);
    free(w->body);
    free(w);
}

static bool has_form(struct mg_connection *conn)
{
    static const char form[] = "application/x-www-form-urlencoded";
    const char *type = mg_get_header(conn, "Content-Type");
    return type && strncasecmp(type, form, sizeof form - 1) == 0;
}

/* CloudWatch Logs and STS share a path; only Logs has a target. */
static api_protocol protocol_of(struct mg_connection *conn, const char *path)
{
    if (strcmp(path, "/") == 0)
        return has_form(conn) && !mg_get_header(conn, "X-Amz-Target") ? API_STS : API_LOGS;
    return strncmp(path, "/openbatch/", strlen("/openbatch/")) == 0 ? API_ADMIN : API_BATCH;
}

const char *exchange_path(const exchange *x)
{
    return x->info->request_uri ? x->info->request_uri : "";
}

void exchange_begin(exchange *x, struct mg_connection *conn, worker *w)
{
    const struct mg_request_info *info = mg_get_request_info(conn);
    *x = (exchange){ .conn = conn, .info = info, .slot = info->conn_data, .w = w };
    ob_conn_from(w->common->conns, x->slot, info->remote_addr, info->remote_port);
    ob_conn_works(w->common->conns, x->slot);
    ob_uuid id = ob_uuid_new();
    ob_uuid_format(&id, x->request_id);
    x->head = strcmp(info->request_method, "HEAD") == 0;
    x->protocol = protocol_of(conn, exchange_path(x));
}

void exchange_end(exchange *x)
{
    audit_note_done(&x->audit);
}

bool exchange_is_left(exchange *x)
{
    x->left = ob_conn_is_left(x->w->common->conns, x->slot);
    return x->left;
}

static const char *status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } texts[] = { { 200, "OK" },
                  { 400, "Bad Request" },
                  { 401, "Unauthorized" },
                  { 403, "Forbidden" },
                  { 404, "Not Found" },
                  { 409, "Conflict" },
                  { 413, "Content Too Large" },
                  { 429, "Too Many Requests" },
                  { 500, "Internal Server Error" },
                  { 503, "Service Unavailable" } };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (texts[i].status == status)
            return texts[i].text;
    return "Error";
}

static const char *type_of(api_protocol protocol)
{
    static const char *const types[] = { [API_BATCH] = "application/json",
                                         [API_LOGS] = "application/x-amz-json-1.1",
                                         [API_ADMIN] = "application/json",
                                         [API_STS] = "text/xml" };
    return types[protocol];
}

static void http_date(char out[40])
{
    struct tm tm;
    time_t now = time(NULL);
    (void)gmtime_r(&now, &tm);
    (void)strftime(out, 40, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

void exchange_send(exchange *x, int status, const char *code, const char *text, size_t len)
{
    http_common *common = x->w->common;
    /* There are more clients than threads: let the waiting ones have a turn. */
    if (ob_conn_had_its_turn(common->conns, x->slot) || atomic_load(&common->draining))
        x->close = true;

    char date[40];
    http_date(date);
    char *out = ob_calloc(1, len + 512);
    int n = snprintf(out, 512,
                     "HTTP/1.1 %d %s\r\n"
                     "Date: %s\r\n"
                     "Content-Type: %s\r\n"
                     "Content-Length: %zu\r\n"
                     "x-amzn-RequestId: %s\r\n"
                     "%s%s%s"
                     "Connection: %s\r\n\r\n",
                     status, status_text(status), date, x->type ? x->type : type_of(x->protocol),
                     len, x->request_id, code ? "x-amzn-ErrorType: " : "", code ? code : "",
                     code ? "\r\n" : "", x->close ? "close" : "keep-alive");
    size_t sent = x->head ? 0 : len;
    memcpy(out + n, text, sent);
    if (x->close)
        mg_disable_connection_keep_alive(x->conn);
    ob_conn_waits(common->conns, x->slot, WRITE_MS);
    (void)mg_write(x->conn, out, (size_t)n + sent);
    ob_conn_waits(common->conns, x->slot, HEADER_MS); /* for the next request */
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

/* The answer's text, by the protocol. New. */
static char *text_of(exchange *x, api_reply *rep, size_t *ret_len)
{
    char *text = NULL;
    if (x->protocol == API_STS) {
        text = query_answer(x->audit.op ? x->audit.op->name : "", rep, x->request_id);
    } else if (rep->code) {
        json_auto_t *body = api_error_body(rep, x->protocol == API_LOGS);
        text = json_dumps(body, JSON_COMPACT);
    } else if (rep->raw) {
        *ret_len = rep->raw_len;
        return ob_take(rep->raw);
    } else if (rep->body) {
        text = json_dumps(rep->body, JSON_COMPACT);
    }
    if (!text)
        text = ob_strdup("{}");
    *ret_len = strlen(text);
    return text;
}

int exchange_answer(exchange *x, api_reply *rep)
{
    int status = rep->status ? rep->status : 200;
    if (x->protocol == API_LOGS && rep->code) {
        rep->code = logs_code(rep->code);
        if (status == 403) /* JSON protocols answer 400 for errors in a signature */
            status = 400;
    }
    size_t len = 0;
    ob_cleanup(ob_freep) char *text = text_of(x, rep, &len);
    exchange_send(x, status, x->protocol == API_STS ? NULL : rep->code, text, len);
    return status;
}
