/* One request and its answer. */
#pragma once

#include <civetweb.h>
#include <stdatomic.h>

#include "audit.h"
#include "heavy_reads.h"
#include "ob/clients.h"
#include "request/operation.h"
#include "sigv4.h"

#define BODY_MAX (256 * 1024)
/* The time for which a thread waits for a client (ob/clients.h). */
#define HEADER_MS 5000 /* idle connections are closed sooner, by the server */
#define BODY_MS 5000
#define WRITE_MS 20000

/* The state that all requests of a server share. */
typedef struct http_common {
    api_ctx *ctx;
    ob_conns *conns;
    turns *turns;
    audit *audit;
    atomic_bool draining;
} http_common;

/* The state of a thread for its requests. */
typedef struct worker {
    http_common *common;
    sigv4_ctx *sigv4;
    char *body; /* BODY_MAX + 1 */
} worker;
worker *worker_new(http_common *common);
void worker_free(worker *w); /* NULL: nothing */

typedef struct exchange {
    struct mg_connection *conn;
    const struct mg_request_info *info;
    ob_conn *slot;
    worker *w;
    api_protocol protocol;
    const char *type; /* Content-Type of the answer; NULL: the protocol's */
    char request_id[OB_UUID_TEXT];
    size_t body_len;
    audit_note audit; /* of this request, and its operation once that is known */
    bool head;        /* is answered without a body */
    bool left;        /* the client has gone, so nothing is answered */
    bool close;       /* the connection cannot be used again */
} exchange;

/* A request whose headers have arrived. */
void exchange_begin(exchange *x, struct mg_connection *conn, worker *w);
/* It has been answered. */
void exchange_end(exchange *x);
/* "" when there is none. */
const char *exchange_path(const exchange *x);
/* Sends a text unchanged. code: NULL, or the name of an error. */
void exchange_send(exchange *x, int status, const char *code, const char *text, size_t len);
/* Sends the reply 'rep'. Returns the status. */
int exchange_answer(exchange *x, api_reply *rep);
/* A request that waited behind others on its connection, or for its turn, may have lost its
 * client. */
bool exchange_is_left(exchange *x);
