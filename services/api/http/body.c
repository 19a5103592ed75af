/* The end of a request's body, and its bytes. Owns the limits of a request; refuses a request whose
 * end a proxy in front of the api might see elsewhere. Thread: an HTTP worker. */
#include "body.h"

#include <string.h>
#include <strings.h>

static int too_long(exchange *x, api_reply *rep)
{
    x->close = true;
    return api_error(rep, 413, "RequestEntityTooLargeException",
                     "The request is larger than %d bytes.", BODY_MAX);
}

/* accepts "12"; the server would also accept "+12" and "12abc" */
static bool is_length(const char *text)
{
    size_t n = strspn(text, "0123456789");
    return n > 0 && text[n + strspn(text + n, " \t")] == '\0';
}

/* The server splits its headers into names and values in place and includes spaces before the colon
 * in neither: then the name ends before the colon. */
static bool ends_at_its_colon(const struct mg_header *h)
{
    const char *end = h->name + strlen(h->name);
    return h->value == end + 1 || end[1] != '\0';
}

/* There must be one way to find the end of the body: with two, or with an ambiguous one, a proxy in
 * front of the api could choose the other. */
static const char *misframed(const struct mg_request_info *info)
{
    int n = 0;
    for (int i = 0; i < info->num_headers; i++) {
        const struct mg_header *h = &info->http_headers[i];
        bool length = strcasecmp(h->name, "Content-Length") == 0;
        if (!ends_at_its_colon(h))
            return "A header has a space before its colon.";
        if (length && !is_length(h->value))
            return "The request's length is not a number.";
        n += length || strcasecmp(h->name, "Transfer-Encoding") == 0;
    }
    return n > 1 ? "The request's length is given more than once." : NULL;
}

int body_read(exchange *x, api_reply *rep)
{
    const char *expect = mg_get_header(x->conn, "Expect");
    long long announced = x->info->content_length;
    if (x->info->num_headers >= MG_MAX_HEADERS) { /* the server drops further headers */
        x->close = true;
        return api_error(rep, 400, "SerializationException", "The request has %d or more headers.",
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
        /* The client may only have been starved: SDKs repeat a call after 503, not after 400. */
        x->close = true;
        return api_error(rep, 503, "ServiceUnavailableException",
                         "The request's body did not arrive in time; try again.");
    }
    x->w->body[len] = '\0';
    x->body_len = len;
    return 0;
}
