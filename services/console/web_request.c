/* Owns the form of answers, with the headers that keep a page from doing what it should not, and
 * the checks that requests share. Never logs bodies, cookies or addresses of pages. Thread: an HTTP
 * worker.
 *
 * Invariants: nothing is answered with another type than its own, no page may be framed or run code
 * that does not come from this program, and no answer to a signed-in page is stored by caches. */
#include "web_request.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "ob/clock.h"
#include "ob/json.h"
#include "ob/text.h"

/* Trusted types: text becomes markup nowhere, whatever a library may try. */
#define SAFE_HEADERS                                                                               \
    "Content-Security-Policy: default-src 'self'; base-uri 'none'; form-action 'self'; "           \
    "frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'\r\n"            \
    "X-Content-Type-Options: nosniff\r\n"                                                          \
    "X-Frame-Options: DENY\r\n"                                                                    \
    "Referrer-Policy: no-referrer\r\n"                                                             \
    "Cross-Origin-Opener-Policy: same-origin\r\n"                                                  \
    "Cross-Origin-Resource-Policy: same-origin\r\n"

static const char *header(const web_request *q, const char *name)
{
    return mg_get_header(q->conn, name);
}

static bool is_address(const char *text)
{
    size_t n = strspn(text, "0123456789abcdefABCDEF:.");
    return n > 0 && n < WEB_ADDRESS_TEXT && text[n] == '\0';
}

/* Behind the proxy: the address that the proxy adds as its last header. */
static void find_client(web_request *q)
{
    const char *found = q->info->remote_addr;
    for (int i = 0; q->tls && i < q->info->num_headers; i++)
        if (strcasecmp(q->info->http_headers[i].name, "X-Forwarded-For") == 0 &&
            is_address(q->info->http_headers[i].value))
            found = q->info->http_headers[i].value;
    (void)ob_text_into(q->client, sizeof q->client, found);
}

int web_host_port(const char *host, bool tls)
{
    const char *colon = host ? strrchr(host, ':') : NULL;
    if (!host || !*host)
        return 0;
    if (!colon || strchr(colon, ']')) /* a colon of an address in brackets */
        return tls ? 443 : 80;
    size_t digits = strspn(colon + 1, "0123456789");
    long port = digits >= 1 && digits <= 5 && !colon[1 + digits] ? strtol(colon + 1, NULL, 10) : 0;
    return port <= 65535 ? (int)port : 0;
}

void web_request_begin(web_request *q, struct mg_connection *conn, web_worker *w)
{
    const struct mg_request_info *info = mg_get_request_info(conn);
    *q = (web_request){ .conn = conn,
                        .info = info,
                        .w = w,
                        .slot = info->conn_data,
                        .path = info->request_uri ? info->request_uri : "" };
    const char *protocol = header(q, "X-Forwarded-Proto");
    q->tls = protocol && strcmp(protocol, "https") == 0;
    q->head = strcmp(info->request_method, "HEAD") == 0;
    /* Our own port may be another one: containers publish theirs elsewhere, a proxy has its own. */
    q->port = web_host_port(header(q, "Host"), q->tls);
    if (q->port == 0)
        q->port = (int)w->c->config->port;
    find_client(q);
    ob_conn_from(w->c->conns, q->slot, info->remote_addr, info->remote_port);
    ob_conn_works(w->c->conns, q->slot);
}

bool web_request_is(const web_request *q, const char *method)
{
    return strcmp(q->info->request_method, method) == 0 || (q->head && strcmp(method, "GET") == 0);
}

/* ---- answers --------------------------------------------------------------------------------- */

static const char *status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } texts[] = { { 200, "OK" },
                  { 204, "No Content" },
                  { 304, "Not Modified" },
                  { 400, "Bad Request" },
                  { 401, "Unauthorized" },
                  { 403, "Forbidden" },
                  { 404, "Not Found" },
                  { 405, "Method Not Allowed" },
                  { 411, "Length Required" },
                  { 413, "Content Too Large" },
                  { 429, "Too Many Requests" },
                  { 502, "Bad Gateway" },
                  { 503, "Service Unavailable" } };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (texts[i].status == status)
            return texts[i].text;
    return "Answer";
}

static void write_out(web_request *q, const char *data, size_t len)
{
    ob_conn_waits(q->w->c->conns, q->slot, WEB_WRITE_MS);
    (void)mg_write(q->conn, data, len);
    ob_conn_waits(q->w->c->conns, q->slot, WEB_HEADER_MS); /* for the next request */
}

/* length: the line that says how long the body is; "": until the connection ends. */
static char *
head_text(web_request *q, int status, const char *type, const char *more, const char *length)
{
    if (!*length || ob_conn_had_its_turn(q->w->c->conns, q->slot))
        q->close = true;
    if (q->close)
        mg_disable_connection_keep_alive(q->conn);
    bool cached = more && strstr(more, "Cache-Control:");
    return ob_strf("HTTP/1.1 %d %s\r\n"
                   "%s%s%s"
                   "%s%s" SAFE_HEADERS "%s"
                   "Connection: %s\r\n\r\n",
                   status, status_text(status), type ? "Content-Type: " : "", type ? type : "",
                   type ? "\r\n" : "", length, cached ? "" : "Cache-Control: no-store\r\n",
                   more ? more : "", q->close ? "close" : "keep-alive");
}

void web_send(
    web_request *q, int status, const char *type, const char *more, const char *body, size_t len)
{
    if (q->sent)
        return;
    q->sent = true;
    char length[64];
    (void)snprintf(length, sizeof length, "Content-Length: %zu\r\n", len);
    ob_cleanup(ob_freep) char *head =
        head_text(q, status, type, more, status == 304 ? "Content-Length: 0\r\n" : length);
    size_t head_len = strlen(head), sent = q->head || status == 304 ? 0 : len;
    char *out = ob_realloc(ob_take(head), head_len + sent + 1);
    if (sent > 0)
        memcpy(out + head_len, body, sent);
    write_out(q, out, head_len + sent);
    free(out);
}

void web_refuse(web_request *q, int status, const char *message)
{
    json_auto_t *body = json_pack("{s:o}", "message", ob_json_text(message));
    ob_cleanup(ob_freep) char *text = json_dumps(body, JSON_COMPACT);
    web_send(q, status, "application/json", NULL, text, strlen(text));
}

void web_send_head(web_request *q, int status, const char *type, const char *more)
{
    ob_cleanup(ob_freep) char *head = head_text(q, status, type, more, "");
    q->sent = true;
    write_out(q, head, strlen(head));
}

/* ---- checks ---------------------------------------------------------------------------------- */

bool web_origin_matches(const char *origin, const char *host)
{
    const char *at = origin ? strstr(origin, "://") : NULL;
    if (!at || !host || !*host)
        return false;
    size_t scheme = (size_t)(at - origin);
    bool web = (scheme == 4 && strncmp(origin, "http", 4) == 0) ||
               (scheme == 5 && strncmp(origin, "https", 5) == 0);
    return web && strcasecmp(at + 3, host) == 0;
}

static bool is_loopback(const char *address)
{
    struct in_addr a;
    return strcmp(address, "::1") == 0 ||
           (inet_pton(AF_INET, address, &a) == 1 && ntohl(a.s_addr) >> 24 == IN_LOOPBACKNET);
}

bool web_host_is_local(const char *host)
{
    static const char own[] = "localhost";
    char name[256];
    const char *begin = host && *host == '[' ? host + 1 : host;
    size_t len = begin ? strcspn(begin, begin == host ? ":" : "]") : 0;
    if (len == 0 || len >= sizeof name)
        return false;
    (void)ob_text_copy(name, sizeof name, begin, len);
    if (is_loopback(name))
        return true;
    size_t below = len > strlen(own) ? len - strlen(own) : 0;
    return strcasecmp(name + below, own) == 0 && (below == 0 || name[below - 1] == '.');
}

bool web_check_host(web_request *q)
{
    if (q->tls || !is_loopback(q->w->c->config->listen) || web_host_is_local(header(q, "Host")))
        return true;
    web_refuse(q, 403,
               "The console is not known by this name here. A proxy in front of it must send "
               "X-Forwarded-Proto: https.");
    return false;
}

bool web_check_origin(web_request *q)
{
    const char *site = header(q, "Sec-Fetch-Site");
    if (web_origin_matches(header(q, "Origin"), header(q, "Host")) &&
        (!site || strcmp(site, "same-origin") == 0))
        return true;
    web_refuse(q, 403, "This request does not come from a page of this console.");
    return false;
}

/* What is wrong with a body that is announced so; 0: nothing. */
static int wrong_body(const web_request *q, const char **ret_why)
{
    static const char json[] = "application/json";
    const char *type = header(q, "Content-Type");
    *ret_why = "The request does not say how long it is.";
    if (q->info->content_length < 0 || header(q, "Transfer-Encoding"))
        return 411;
    *ret_why = "The request is too long.";
    if (q->info->content_length > WEB_BODY_MAX)
        return 413;
    *ret_why = "The request is not JSON.";
    return type && strncasecmp(type, json, strlen(json)) == 0 ? 0 : 400;
}

bool web_read_body(web_request *q, size_t *ret_len)
{
    const char *why;
    int status = wrong_body(q, &why);
    size_t len = 0;
    q->close = status != 0; /* the body is not read */
    if (status != 0) {
        web_refuse(q, status, why);
        return false;
    }
    size_t announced = (size_t)q->info->content_length;
    ob_conn_waits(q->w->c->conns, q->slot, WEB_BODY_MS);
    while (len < announced) {
        int n = mg_read(q->conn, q->w->body + len, announced - len);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    ob_conn_works(q->w->c->conns, q->slot);
    q->close = len < announced;
    if (q->close) {
        web_refuse(q, 503, "The request did not arrive in time.");
        return false;
    }
    q->w->body[len] = '\0';
    *ret_len = len;
    return true;
}

/* In a time that does not depend on what is equal. */
static bool is_pass(const char *pass, const web_session *s)
{
    unsigned differ = 0;
    if (!pass || strlen(pass) != PASS_DIGITS)
        return false;
    for (size_t i = 0; i < PASS_DIGITS; i++)
        differ |= (unsigned char)pass[i] ^ (unsigned char)s->pass[i];
    return differ == 0;
}

bool web_read_session(web_request *q, const char *pass, web_session *ret)
{
    const console *c = q->w->c;
    char name[64];
    web_cookie_name(q->tls, q->port, name);
    ob_cleanup(ob_freep) char *sealed = web_cookie_find(header(q, "Cookie"), name);
    if (sealed && web_session_open(c->key, "cookie", sealed, ret, NULL) == 0) {
        if (is_pass(pass, ret) && ret->ends_ms > ob_wall_ms())
            return true;
        web_session_done(ret);
    }
    web_refuse(q, 401, "Sign in first.");
    return false;
}
