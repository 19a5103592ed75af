/* One request of a browser and its answer. */
#pragma once

#include <civetweb.h>
#include <stdbool.h>
#include <stddef.h>

#include "api_client.h"
#include "console.h"
#include "web_session.h"

#define WEB_BODY_MAX (64 * 1024) /* a submission has at most 30 KiB */
#define WEB_ADDRESS_TEXT 46
/* The time for which a thread waits for a client (ob/clients.h). */
#define WEB_HEADER_MS 5000
#define WEB_BODY_MS 5000
#define WEB_WRITE_MS 20000

/* The state of a thread for its requests. */
typedef struct web_worker {
    console *c;
    api_client *api;
    char *body; /* WEB_BODY_MAX + 1 */
} web_worker;

typedef struct web_request {
    struct mg_connection *conn;
    const struct mg_request_info *info;
    web_worker *w;
    ob_conn *slot;
    const char *path; /* never NULL */
    bool head;
    bool tls;   /* it came through the proxy that ends TLS */
    bool sent;  /* it has been answered */
    bool close; /* the connection cannot be used again */
    int port;   /* that the browser uses */
    char client[WEB_ADDRESS_TEXT];
} web_request;

void web_request_begin(web_request *q, struct mg_connection *conn, web_worker *w);
bool web_request_is(const web_request *q, const char *method);

/* ---- answers: the first one counts ---- */

/* more: further header lines, each with its line break; NULL: none. */
void web_send(
    web_request *q, int status, const char *type, const char *more, const char *body, size_t len);
/* An object with "message". */
void web_refuse(web_request *q, int status, const char *message);
/* Only the head; the body follows with mg_write. */
void web_send_head(web_request *q, int status, const char *type, const char *more);

/* ---- checks: false when the request has been refused ---- */

/* Is it for us? Known where the console listens on this host only and no proxy is in front of it:
 * then browsers have no other name for it than the host's own. */
bool web_check_host(web_request *q);
/* Does it come from a page of this console? For all that changes something. */
bool web_check_origin(web_request *q);
/* Reads the body into the worker's, with a NUL. */
bool web_read_body(web_request *q, size_t *ret_len);
/* The session in the cookie, if the page's pass belongs to it. Forget it with web_session_done. */
bool web_read_session(web_request *q, const char *pass, web_session *ret);

/* Pure: "localhost", a name below it, or an address of the loopback, with or without a port? For a
 * Host, which may be NULL. */
bool web_host_is_local(const char *host);
/* Pure: the port that a Host names, which may be NULL. 0: none that can be. */
int web_host_port(const char *host, bool tls);
/* Pure; for web_check_origin: is it the origin of what is under this Host? Both may be NULL. */
bool web_origin_matches(const char *origin, const char *host);
