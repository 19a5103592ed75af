/* Identifies the caller of a request: an access key, or a session of one. Owns AWS's words for
 * credentials that are not accepted. Never decides what a caller may do; never logs. Thread: an
 * HTTP worker.
 *
 * Invariant: a caller is known only after the signature was checked with the secret of the key, or
 * of the session whose token this copy made and whose key is still there. */
#include "authenticate.h"

#include "auth/session_token.h"

#define TOKEN_HEADER "x-amz-security-token"

void caller_done(caller *c)
{
    api_key_done(&c->key);
}

static int refused(api_reply *rep, const char *code, const char *text)
{
    (void)api_error(rep, 403, code, "%s", text);
    return -EACCES;
}

static int unknown(api_reply *rep)
{
    return refused(rep, "UnrecognizedClientException",
                   "The security token included in the request is invalid.");
}

static int find_key(api_ctx *ctx, const char *key_id, api_key *ret, ob_error *err)
{
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

/* The key is looked up for each request, so what became of it holds for its sessions at once. */
static int find_session(api_ctx *ctx, const char *token, int64_t now_s, caller *ret, api_reply *rep)
{
    ob_cleanup(session_claim_done) session_claim claim = { 0 };
    const char *key_id = ret->auth.key_id;
    int r = session_token_open(ctx->session_key, key_id, token, now_s, &claim, NULL);
    if (r == -ESTALE)
        return refused(rep, "ExpiredTokenException",
                       "The security token included in the request is expired");
    if (r < 0)
        return unknown(rep);
    r = find_key(ctx, claim.parent, &ret->key, &rep->err);
    if (r == 0)
        r = session_token_adopt(ctx->session_key, key_id, &claim, &ret->key, NULL);
    return r == -ENOENT || r == -EACCES ? unknown(rep) : r;
}

int authenticate(api_ctx *ctx,
                 sigv4_ctx *sigv4,
                 const sigv4_request *request,
                 const char *service,
                 int64_t now_s,
                 caller *ret,
                 api_reply *rep)
{
    sigv4_refusal refusal = { 0 };
    if (sigv4_read(request, &ret->auth, &refusal) < 0)
        return refused(rep, refusal.code, refusal.message);
    const char *token = sigv4_header_value(request, TOKEN_HEADER);
    int r = 0;
    if (token && *token) {
        r = find_session(ctx, token, now_s, ret, rep);
    } else {
        r = find_key(ctx, ret->auth.key_id, &ret->key, &rep->err);
        if (r == -ENOENT)
            return unknown(rep);
    }
    if (r < 0)
        return r;
    if (sigv4_verify(sigv4, request, &ret->auth, service, ret->key.secret, now_s, &refusal) < 0)
        return refused(rep, refusal.code, refusal.message);
    return 0;
}
