/* CheckAccess (OpenBatch's own: docs/access.md): may a key do this? The question is a request of
 * that key, which gets as far as the check of every request (authorize.c) and no further: nothing
 * is decided here. Thread: an HTTP worker. */
#include "authorize.h"
#include "key_operations.h"

#include <string.h>

#include "keys.h"
#include "ob/json.h"
#include "ob/message.h"
#include "operations.h"

/* "SubmitJob", or an action of policies: "batch:SubmitJob". */
static const api_operation *find_operation(const char *text)
{
    const char *colon = strchr(text, ':');
    const api_operation *op = api_operation_named(colon ? colon + 1 : text);
    if (!op || !colon)
        return op;
    const char *service = api_service(op->protocol);
    size_t len = (size_t)(colon - text);
    return strlen(service) == len && strncmp(service, text, len) == 0 ? op : NULL;
}

static int read_request(const api_request *req, json_t **ret, api_reply *rep)
{
    ob_error err = { 0 };
    const char *text = ob_json_str(req->body, "request", "{}");
    if (ob_json_parse_as(text, strlen(text), OB_JSON_BRIEF, ret, &err) < 0 || !json_is_object(*ret))
        return api_client_error(rep, "request is not a JSON object: %s", err.text);
    return 0;
}

/* The caller itself, a session too; or the named key of the account. A session that manages no keys
 * asks about no other key than its own. */
static int find_key(api_request *req, api_key *other, const api_key **ret, api_reply *rep)
{
    const char *id = ob_json_str(req->body, "accessKeyId", NULL);
    bool is_session = req->key->session[0] != '\0', is_own = !id || strcmp(id, req->key_id) == 0;
    ob_error err = { 0 };
    *ret = req->key;
    if (!id || (is_own && !is_session))
        return 0;
    if (!is_own && is_session && !req->key->manages_keys) {
        (void)api_error(rep, 403, "AccessDeniedException",
                        "Cannot call %s about another key with session credentials",
                        req->operation);
        return -EACCES;
    }
    int r = req_db(req, &rep->err);
    if (r == 0)
        r = keys_find(req->ctx->keys, req->db, id, other, &err);
    if (r == -ENOENT || (r == 0 && strcmp(other->account, req->account) != 0))
        return api_error(rep, 400, "NoSuchEntityException", "access key %.128s does not exist", id);
    if (r < 0) {
        if (!rep->err.text[0])
            rep->err = err;
        return r;
    }
    *ret = other;
    return 0;
}

/* Some operations show or touch a list and decide for each entry. */
static bool is_by_entry(const api_operation *op)
{
    return op->access &&
           (op->access->one_by_one || op->access->shows.list || op->access->in_streams);
}

/* The question as a request of the key, as dispatch.c makes one. */
static int
ask(api_request *req, const api_operation *op, const api_key *key, json_t *body, api_reply *said)
{
    api_request question = *req;
    question.op = op;
    question.operation = op->name;
    question.key = key;
    question.key_id = key->key_id;
    question.body = body;
    question.names = NULL;
    question.n_names = 0;
    names_read(&question);
    int r = access_check(&question, said);
    names_done(&question);
    req->db = question.db; /* it may have taken one */
    return r;
}

static int
answer(api_request *req, const api_operation *op, const api_key *key, json_t *body, api_reply *rep)
{
    api_reply *said = ob_calloc(1, sizeof *said); /* long: not on the stack */
    int r = ask(req, op, key, body, said);
    if (r < 0 && r != -EACCES) {
        rep->err = said->err;
    } else {
        rep->body = json_pack("{s:s, s:s, s:b, s:b, s:s*}", "accessKeyId", key->key_id, "operation",
                              op->name, "allowed", r == 0, "byEntry", is_by_entry(op), "reason",
                              r == 0 ? NULL : said->message);
        r = 0;
    }
    api_reply_done(said);
    free(said);
    return r;
}

int op_check_access(api_request *req, api_reply *rep)
{
    const char *name = ob_json_str(req->body, "operation", "");
    const api_operation *op = find_operation(name);
    json_auto_t *body = NULL;
    api_key other = { 0 };
    const api_key *key = NULL;
    if (!op)
        return api_client_error(rep, "there is no operation %.128s", name);
    int r = read_request(req, &body, rep);
    if (r == 0)
        r = find_key(req, &other, &key, rep);
    if (r == 0)
        r = answer(req, op, key, body, rep);
    api_key_done(&other);
    return r;
}
