/* Owns the order of checks: body, signature, operation, members, access, handler. Depends on no
 * single operation. Never logs bodies or credentials. Thread: an HTTP worker.
 *
 * Invariant: before the signature is checked, nothing is done and only the key is looked up */
#include "dispatch.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "auth/answer_filter.h"
#include "auth/authorize.h"
#include "authenticate.h"
#include "body.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/message.h"
#include "operations.h"
#include "query_protocol.h"
#include "request/names.h"
#include "uri.h"

#define HANDLER_TRIES 3
#define INVOCATION_ID_MAX 128

static int parse_body(exchange *x, json_t **ret, api_reply *rep)
{
    if (x->protocol == API_STS)
        return query_read(x->w->body, x->body_len, ret, rep);
    if (x->body_len == 0) {
        *ret = json_object();
        return 0;
    }
    ob_error err = { 0 };
    if (ob_json_parse_as(x->w->body, x->body_len, OB_JSON_BRIEF, ret, &err) < 0 ||
        !json_is_object(*ret))
        return api_error(rep, 400, "SerializationException",
                         "The request's body is not a JSON object: %.200s", err.text);
    return 0;
}

/* A caller without the right gets that refusal before any other about the request. */
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

/* form: of API_STS, else NULL. */
static const api_operation *find_operation(const exchange *x, const json_t *form)
{
    const char *method = x->info->request_method, *key = exchange_path(x);
    if (x->protocol == API_LOGS)
        key = mg_get_header(x->conn, "X-Amz-Target");
    if (x->protocol == API_STS)
        key = strcmp(ob_json_str(form, "Version", ""), QUERY_VERSION) == 0
                  ? ob_json_str(form, "Action", NULL)
                  : NULL;
    return key ? api_operation_find(x->protocol, method, key) : NULL;
}

/* "attempt=1; max=3": SDKs count their tries. */
static bool is_first_try(const exchange *x)
{
    static const char first[] = "attempt=1";
    const char *text = mg_get_header(x->conn, "amz-sdk-request");
    const char *at = text ? strstr(text, first) : NULL;
    return at && !isdigit((unsigned char)at[sizeof first - 1]);
}

/* The id of an SDK is a UUID; NULL: none, or not one that an SDK makes. */
static const char *invocation_id(const exchange *x)
{
    const char *text = mg_get_header(x->conn, "amz-sdk-invocation-id");
    size_t n = text ? strlen(text) : 0;
    bool usable = n >= 1 && n <= INVOCATION_ID_MAX;
    for (size_t i = 0; usable && i < n; i++)
        usable = text[i] >= ' ' && text[i] <= '~';
    return usable ? text : NULL;
}

static int call_in_turn(exchange *x, const api_operation *op, api_request *req, api_reply *rep)
{
    turns *t = x->w->common->turns;
    ob_error err = { 0 };
    bool logs = x->protocol == API_LOGS;
    if (!op->heavy)
        return call(op, req, rep);
    if (turns_take(t, req->key_id, &err) < 0)
        return api_error(rep, logs ? 400 : 429,
                         logs ? "ThrottlingException" : "TooManyRequestsException",
                         "Too many concurrent requests with this access key; try again.");
    int r = exchange_is_left(x) ? -EPIPE : call(op, req, rep);
    req_db_release(req);
    turns_give(t, req->key_id);
    return r;
}

static int no_operation(const exchange *x, const json_t *form, api_reply *rep)
{
    if (x->protocol == API_STS)
        return query_no_action(form, rep);
    return api_error(rep, x->protocol == API_LOGS ? 400 : 404, "UnknownOperationException",
                     "Unknown operation");
}

/* Finds the operation and reads the members of its request. */
static int read_members(exchange *x, json_t **ret, api_reply *rep)
{
    const bool form = x->protocol == API_STS;
    int r = form ? parse_body(x, ret, rep) : 0;
    if (r < 0)
        return r;
    const api_operation *op = find_operation(x, *ret);
    x->audit.op = op;
    if (!op)
        return no_operation(x, *ret, rep);
    r = api_operation_check_size(op, x->body_len, x->request_id, rep);
    if (r == 0 && !form)
        r = parse_body(x, ret, rep);
    if (r == 0 && op->in_path)
        r = uri_members(x->info->request_uri, op->key, op->in_path, x->info->query_string, *ret,
                        rep);
    return r;
}

/* The request of an authenticated caller. */
static int perform(exchange *x, const caller *c, api_reply *rep)
{
    json_auto_t *body = NULL;
    int r = read_members(x, &body, rep);
    if (r < 0)
        return r;
    const api_operation *op = x->audit.op;
    api_request req = {
        .op = op,
        .operation = op->name,
        .account = c->key.account,
        .region = c->auth.region,
        .key_id = c->key.key_id,
        .key = &c->key,
        .invocation_id = invocation_id(x),
        .traceparent = mg_get_header(x->conn, "traceparent"),
        .first_try = is_first_try(x),
        .request_id = x->request_id,
        .body = body,
        .body_text = x->w->body,
        .body_len = x->body_len,
        .ctx = x->w->common->ctx,
    };
    names_read(&req);
    r = call_in_turn(x, op, &req, rep);
    audit_note_request(&x->audit, &req, rep);
    names_done(&req);
    req_db_release(&req);
    return r;
}

static int identify(exchange *x, caller *c, api_reply *rep)
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
    int r = authenticate(x->w->common->ctx, x->w->sigv4, &signed_request, api_service(x->protocol),
                         time(NULL), c, rep);
    if (r == 0) {
        audit_note_caller(&x->audit, &c->key, c->auth.region);
    } else if (rep->code) { /* who it claims to be, and what it asks for */
        x->audit.refused = true;
        (void)snprintf(x->audit.key_id, sizeof x->audit.key_id, "%s", c->auth.key_id);
        x->audit.op = find_operation(x, NULL);
    }
    return r;
}

int dispatch(exchange *x, api_reply *rep)
{
    ob_cleanup(caller_done) caller c = { 0 };
    ob_conns *conns = x->w->common->conns;
    ob_conn_waits(conns, x->slot, BODY_MS);
    int r = body_read(x, rep);
    ob_conn_works(conns, x->slot);
    if (r < 0)
        return r;
    if (exchange_is_left(x))
        return -EPIPE;
    if (!atomic_load(&x->w->common->ctx->ready))
        return ob_fail_retry(&rep->err, ENOTCONN, "starting");
    x->audit.received_us = ob_mono_us();
    r = identify(x, &c, rep);
    return r < 0 ? r : perform(x, &c, rep);
}
