/* Whole HTTP requests of the api: path, query, headers, body and signature, up to the answer on the
 * wire. civetweb, the connection and the key are the target's own.
 * Covers: services/api/http/dispatch.c services/api/http/exchange.c services/api/http/body.c
 * services/api/http/uri.c services/api/http/authenticate.c services/api/http/audit_note.c
 * services/api/request/operation.c */
#include "fuzz.h"

#include "api_alone.h"
#include <strings.h>
#include <time.h>

#include "auth/keys.h"
#include "http/dispatch.h"
#include "http/sigv4_canonical.h"
#include "ob/buf.h"
#include "ob/json.h"
#include "ob/text.h"

#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define NOW_S 1440938160
#define NOW "20150830T123600Z"
#define HEADERS_MAX 16

/* ---- a connection, instead of civetweb's (-Wl,--wrap) ---- */

static struct mg_request_info info;
static fuzz_input incoming; /* the body */
static ob_buf outgoing;

__typeof__(mg_get_request_info) __wrap_mg_get_request_info;
__typeof__(mg_get_header) __wrap_mg_get_header;
__typeof__(mg_read) __wrap_mg_read;
__typeof__(mg_write) __wrap_mg_write;
__typeof__(mg_disable_connection_keep_alive) __wrap_mg_disable_connection_keep_alive;
__typeof__(ob_conn_from) __wrap_ob_conn_from;
__typeof__(ob_conn_waits) __wrap_ob_conn_waits;
__typeof__(ob_conn_works) __wrap_ob_conn_works;
__typeof__(ob_conn_is_left) __wrap_ob_conn_is_left;
__typeof__(ob_conn_had_its_turn) __wrap_ob_conn_had_its_turn;
__typeof__(keys_recall) __wrap_keys_recall;
__typeof__(time) __wrap_time;

const struct mg_request_info *__wrap_mg_get_request_info(const struct mg_connection *conn)
{
    (void)conn;
    return &info;
}

const char *__wrap_mg_get_header(const struct mg_connection *conn, const char *name)
{
    (void)conn;
    for (int i = 0; i < info.num_headers; i++)
        if (strcasecmp(info.http_headers[i].name, name) == 0)
            return info.http_headers[i].value;
    return NULL;
}

int __wrap_mg_read(struct mg_connection *conn, void *buf, size_t len)
{
    (void)conn;
    size_t n = incoming.left < len ? incoming.left : len;
    n = n > 1000 ? 1000 : n; /* in pieces */
    memcpy(buf, incoming.at, n);
    incoming.at += n;
    incoming.left -= n;
    return (int)n;
}

int __wrap_mg_write(struct mg_connection *conn, const void *buf, size_t len)
{
    (void)conn;
    ob_buf_add(&outgoing, buf, len);
    return (int)len;
}

void __wrap_mg_disable_connection_keep_alive(struct mg_connection *conn)
{
    (void)conn;
}

void __wrap_ob_conn_from(ob_conns *c, ob_conn *one, const char *remote_addr, int remote_port)
{
    (void)c, (void)one, (void)remote_addr, (void)remote_port;
}

void __wrap_ob_conn_waits(ob_conns *c, ob_conn *one, int limit_ms)
{
    (void)c, (void)one, (void)limit_ms;
}

void __wrap_ob_conn_works(ob_conns *c, ob_conn *one)
{
    (void)c, (void)one;
}

bool __wrap_ob_conn_is_left(ob_conns *c, const ob_conn *one)
{
    (void)c, (void)one;
    return false;
}

bool __wrap_ob_conn_had_its_turn(ob_conns *c, const ob_conn *one)
{
    (void)c, (void)one;
    return false;
}

bool __wrap_keys_recall(api_keys *keys, const char *key_id, api_key *ret)
{
    (void)keys;
    *ret = (api_key){ .account = "123456789012", .secret = SECRET, .root = true };
    (void)snprintf(ret->key_id, sizeof(ret->key_id), "%s", key_id);
    return true;
}

time_t __wrap_time(time_t *ret)
{
    if (ret)
        *ret = NOW_S;
    return NOW_S;
}

/* ---- a request ---- */

/* Cuts the text before 'end' off, in place. */
static char *cut(char **rest, char end)
{
    char *part = *rest, *stop = strchr(part, end);
    *rest = stop ? stop + 1 : part + strlen(part);
    if (stop)
        *stop = '\0';
    return part;
}

static void add_header(char *name, char *value)
{
    if (info.num_headers < HEADERS_MAX)
        info.http_headers[info.num_headers++] = (struct mg_header){ name, value };
}

/* As civetweb does: names and values end in place, without the spaces around the colon. */
static void read_head(char *head)
{
    char *line = cut(&head, '\n');
    info = (struct mg_request_info){ .request_method = cut(&line, ' '), .content_length = -1 };
    char *path = cut(&line, '?');
    info.request_uri = path;
    info.query_string = *line ? line : NULL;
    while (*head && info.num_headers < HEADERS_MAX - 4) {
        line = cut(&head, '\n');
        char *colon = strchr(line, ':');
        if (!colon)
            continue;
        char *value = colon + 1;
        *colon = '\0';
        for (char *blank = colon; blank > line && (blank[-1] == ' ' || blank[-1] == '\t');)
            *--blank = '\0';
        value += strspn(value, " \t");
        if (strcasecmp(line, "Content-Length") == 0)
            info.content_length = strtoll(value, NULL, 10) & INT64_MAX;
        add_header(line, value);
    }
}

/* As exchange.c tells STS from CloudWatch Logs. */
static bool has_form(void)
{
    static const char form[] = "application/x-www-form-urlencoded";
    const char *type = __wrap_mg_get_header(NULL, "Content-Type");
    return type && strncasecmp(type, form, sizeof(form) - 1) == 0 &&
           !__wrap_mg_get_header(NULL, "X-Amz-Target");
}

/* Signs it as the holder of the key, if it has no Authorization of its own. New, or NULL. */
static char *sign(const char *body, size_t body_len)
{
    static const char *const services[] = { "batch", "logs", "openbatch", "sts" };
    /* As civetweb has them: a name, a NUL, its value. */
    static char host[] = "host\0localhost", date[] = "x-amz-date\0" NOW;
    static sigv4_ctx *ctx;
    if (!ctx)
        ctx = sigv4_new();
    if (__wrap_mg_get_header(NULL, "authorization"))
        return NULL;
    add_header(host, host + strlen(host) + 1);
    add_header(date, date + strlen(date) + 1);
    const char *path = info.request_uri;
    int service = strcmp(path, "/") == 0                  ? (has_form() ? 3 : 1)
                  : strncmp(path, "/openbatch/", 11) == 0 ? 2
                                                          : 0;
    ob_buf names = { 0 };
    ob_buf_str(&names, "host;x-amz-date");
    sigv4_header headers[HEADERS_MAX];
    for (int i = 0; i < info.num_headers; i++) {
        headers[i] = (sigv4_header){ info.http_headers[i].name, info.http_headers[i].value };
        bool own = strcasecmp(headers[i].name, date) == 0;
        if (strncasecmp(headers[i].name, "x-amz-", 6) == 0 && !own)
            ob_buf_addf(&names, ";%s", headers[i].name);
    }
    sigv4_auth auth = { .date = "20150830", .region = "us-east-1", .time = NOW };
    (void)snprintf(auth.service, sizeof(auth.service), "%s", services[service]);
    (void)snprintf(auth.key_id, sizeof(auth.key_id), "AKIDEXAMPLE");
    auth.signed_headers = names.at;
    auth.signed_headers_len = names.len;
    const sigv4_request request = { .method = info.request_method,
                                    .path = path,
                                    .query = info.query_string,
                                    .headers = headers,
                                    .n_headers = (size_t)info.num_headers,
                                    .body = body,
                                    .body_len = body_len };
    ob_cleanup(ob_freep) char *canonical = sigv4_canonical_request(&request, &auth);
    ob_cleanup(ob_freep) char *text = sigv4_string_to_sign(&auth, canonical);
    sigv4_signature(ctx, &auth, SECRET, text, auth.signature);
    char *line = ob_strf("authorization:AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/"
                         "%s/aws4_request, SignedHeaders=%s, Signature=%s",
                         auth.service, names.at, auth.signature);
    char *value = strchr(line, ':');
    *value++ = '\0';
    add_header(line, value);
    ob_buf_done(&names);
    return line;
}

/* ---- its answer ---- */

static void check_xml(const char *text, size_t len, int status)
{
    FUZZ_CHECK(len > 2 && text[0] == '<' && text[len - 2] == '>' && text[len - 1] == '\n');
    FUZZ_CHECK((strstr(text, "<Code>") != NULL) == (status != 200));
    FUZZ_CHECK(ob_text_is_utf8(text, len));
}

/* One status line, known headers, and a body of the announced length: JSON (of STS XML), with a
 * message if it is an error. */
static void check_answer(const exchange *x)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    const char *at = outgoing.at;
    if (strncmp(at, go_on, sizeof(go_on) - 1) == 0)
        at += sizeof(go_on) - 1;
    const char *end = strstr(at, "\r\n\r\n"), *length = strstr(at, "\r\nContent-Length: ");
    const char *kind = strstr(at, "\r\nx-amzn-ErrorType: "); /* or in the body, which quotes */
    int status = 0, lines = 0;
    FUZZ_CHECK(sscanf(at, "HTTP/1.1 %d ", &status) == 1 && end && length && length < end);
    for (const char *line = at; line < end; line = strstr(line, "\r\n") + 2)
        lines++;
    FUZZ_CHECK(lines == 6 + (kind && kind < end));
    size_t body_len = outgoing.len - (size_t)(end + 4 - outgoing.at);
    if (x->head) {
        FUZZ_CHECK(body_len == 0);
        return;
    }
    FUZZ_CHECK(strtoul(length + 18, NULL, 10) == body_len);
    if (x->protocol == API_STS) {
        check_xml(end + 4, body_len, status);
        return;
    }
    json_auto_t *body = ob_json_read(end + 4, body_len);
    FUZZ_CHECK(json_is_object(body));
    FUZZ_CHECK(status == 200 || json_is_string(json_object_get(body, "message")));
    FUZZ_CHECK(status == 200 || x->protocol != API_LOGS || json_object_get(body, "__type"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static http_common common;
    static worker *w;
    static api_reply rep;
    if (!w) {
        common.ctx = api_alone();
        common.turns = turns_new(4, 4);
        w = worker_new(&common);
    }
    fuzz_input in = fuzz_begin(data, size);
    size_t body_len;
    ob_cleanup(ob_freep) char *head = fuzz_part(&in, NULL), *body = fuzz_rest(&in, &body_len);
    read_head(head);
    char *authorization = sign(body, body_len);
    if (info.content_length < 0)
        info.content_length = (long long)body_len;
    incoming = (fuzz_input){ body, body_len };
    ob_buf_clear(&outgoing);
    exchange x;
    exchange_begin(&x, NULL, w);
    int r = dispatch(&x, &rep);
    if (r < 0 && !rep.code)
        api_error_from(&rep, r);
    (void)exchange_answer(&x, &rep);
    check_answer(&x);
    exchange_end(&x);
    free(authorization);
    api_reply_done(&rep);
    return 0;
}
