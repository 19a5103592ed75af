/* Passes a page's request on to the api: an operation of the list, signed with the page's session.
 * Reads are GET with the members as JSON in the query, so that an answer that has not changed need
 * not be sent again (ETag); changes are POST, from our own pages only. Thread: an HTTP worker. */
#include <string.h>

#include "ob/digest.h"
#include "ob/hex.h"
#include "routes.h"

#define QUERY_MAX (16 * 1024)
#define ETAG_BYTES 12
#define ONCE_MAX 64

static void send_read(web_request *q, const api_answer *answer)
{
    uint8_t hash[OB_SHA256_BYTES];
    char hex[2 * ETAG_BYTES + 1];
    ob_sha256(answer->body, answer->len, hash);
    ob_hex(hash, ETAG_BYTES, hex);
    ob_cleanup(ob_freep) char *tag = ob_strf("\"%s\"", hex);
    ob_cleanup(ob_freep) char *line = ob_strf("ETag: %s\r\n", tag);
    const char *known = mg_get_header(q->conn, "If-None-Match");
    int status = known && strcmp(known, tag) == 0 ? 304 : 200;
    web_send(q, status, "application/json", line, answer->body, answer->len);
}

static void send_answer(web_request *q, bool read, const api_answer *answer)
{
    if (answer->status == 0)
        web_refuse(q, 502, "The api does not answer, or its answer is too long.");
    else if (api_answer_ends_session(answer))
        web_refuse(q, 401, "This session has ended: sign in again.");
    else if (answer->status == 200 && read)
        send_read(q, answer);
    else
        web_send(q, answer->status, "application/json", NULL, answer->body, answer->len);
}

/* The id of all tries of one submission; a page sends a UUID. */
static const char *once_of(const web_request *q)
{
    const char *text = mg_get_header(q->conn, "X-Console-Once");
    size_t n = text ? strspn(text, "0123456789abcdef-") : 0;
    return n >= 1 && n <= ONCE_MAX && text[n] == '\0' ? text : NULL;
}

/* The members of a read, in the worker's body. */
static bool read_query(web_request *q)
{
    const char *query = q->info->query_string ? q->info->query_string : "";
    if (!*query)
        query = "{}";
    if (mg_url_decode(query, (int)strnlen(query, QUERY_MAX), q->w->body, WEB_BODY_MAX, 0) >= 0)
        return true;
    web_refuse(q, 400, "The query is too long.");
    return false;
}

static bool is_waited_for(void *arg)
{
    web_request *q = arg;
    return !ob_conn_is_left(q->w->c->conns, q->slot);
}

void route_call(web_request *q, const char *operation)
{
    const allowed_operation *op = allow_list_find(operation);
    size_t len = 0;
    if (!op) {
        web_refuse(q, 404, "The console has no such operation.");
        return;
    }
    if (!web_request_is(q, op->changes ? "POST" : "GET")) {
        web_refuse(q, 405,
                   op->changes ? "This operation needs POST." : "This operation needs GET.");
        return;
    }
    if (op->changes && !web_check_origin(q))
        return;
    web_session s;
    if (!web_read_session(q, mg_get_header(q->conn, "X-Console-Pass"), &s))
        return;
    if (op->changes ? web_read_body(q, &len) : read_query(q)) {
        api_answer answer;
        const api_signer signer = { s.key_id, s.secret, s.token, s.region };
        api_client_while(q->w->api, op->changes ? NULL : is_waited_for, q);
        api_client_call(q->w->api, op, &signer, q->w->body, op->changes ? once_of(q) : NULL,
                        q->client, &answer);
        api_client_while(q->w->api, NULL, NULL);
        send_answer(q, !op->changes, &answer);
        api_answer_done(&answer);
    }
    web_session_done(&s);
}
