/* Owns the order of checks: body, signature, operation, members, access, handler. Depends on no
 * single operation. Never logs bodies or credentials. Thread: an HTTP worker.
 *
 * Invariant: before the signature is checked, nothing is done and only the key is looked up */
#include "dispatch.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

#include "auth/answer_filter.h"
#include "auth/authorize.h"
#include "auth/keys.h"
#include "body.h"
#include "ob/json.h"
#include "operations.h"
#include "request/names.h"
#include "uri.h"

#define HANDLER_TRIES 3
#define INVOCATION_ID_MAX 128

static int refused(api_reply *rep, const sigv4_refusal *refusal)
{
    return api_error(rep, 403, refusal->code, "%s", refusal->message);
}

static int find_key(const exchange *x, const char *key_id, api_key *ret, ob_error *err)
{
    api_ctx *ctx = x->w->common->ctx;
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

/* Identifies the caller. Fills 'auth' and 'key'. */
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

/* The request of an authenticated caller. */
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
        .ctx = x->w->common->ctx,
    };
    names_read(&req);
    r = call_in_turn(x, op, &req, rep);
    names_done(&req);
    req_db_release(&req);
    return r;
}

int dispatch(exchange *x, api_reply *rep, const char **ret_operation)
{
    sigv4_auth auth;
    api_key key = { 0 };
    http_conns *conns = x->w->common->conns;
    conn_waits(conns, x->slot, BODY_MS);
    int r = body_read(x, rep);
    conn_works(conns, x->slot);
    if (r < 0)
        return r;
    if (exchange_is_left(x))
        return -EPIPE;
    if (!atomic_load(&x->w->common->ctx->ready))
        return ob_fail_retry(&rep->err, ENOTCONN, "starting");
    r = authenticate(x, &auth, &key, rep);
    if (r == 0)
        r = perform(x, &auth, &key, rep, ret_operation);
    api_key_done(&key);
    return r;
}
