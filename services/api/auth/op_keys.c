/* Operations on access keys (OpenBatch's own: docs/access.md). They cannot change the root key, so
 * nobody can lock themselves out. Thread: an HTTP worker. */
#include "key_operations.h"
#include <string.h>

#include "keys.h"
#include "keys_sql.h"
#include "request/operation.h"

static const char *text_of(const api_request *req, const char *member)
{
    return json_string_value(json_object_get(req->body, member));
}

static int check_policy(const char *text, api_reply *rep)
{
    policy *p = NULL;
    ob_error err = { 0 };
    if (policy_parse(text, strlen(text), &p, &err) < 0)
        return api_error(rep, 400, "MalformedPolicyDocumentException", "%s", err.text);
    policy_unref(p);
    return 0;
}

int op_create_key(api_request *req, api_reply *rep)
{
    const char *name = text_of(req, "name"), *policy_json = text_of(req, "policy");
    int r = policy_json ? check_policy(policy_json, rep) : 0;
    if (r == 0)
        r = req_db(req, &rep->err);
    if (r < 0)
        return r;
    api_key key;
    r = keys_create(req->ctx->keys, req->db, req->account, name ? name : "", policy_json, &key,
                    &rep->err);
    if (r == 0)
        rep->body = json_pack("{s:s, s:s, s:s}", "accessKeyId", key.key_id, "secretAccessKey",
                              key.secret, "name", key.name);
    api_key_done(&key);
    return r;
}

int op_list_keys(api_request *req, api_reply *rep)
{
    ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
    int r = req_db(req, &rep->err);
    if (r == 0)
        r = keys_list(req->db, req->account, text_of(req, "accessKeyId"), &rows, &rep->err);
    if (r < 0)
        return r;
    json_t *list = json_array();
    rep->body = json_pack("{s:o}", "keys", list);
    for (int i = 0; i < PQntuples(rows); i++)
        (void)json_array_append_new(
            list, json_pack("{s:s, s:s, s:b, s:I, s:s*}", "accessKeyId",
                            ob_col(rows, i, KEY_COL_ID), "name", ob_col(rows, i, KEY_COL_NAME),
                            "root", (int)ob_col_bool(rows, i, KEY_COL_ROOT), "createdAt",
                            (json_int_t)ob_col_int(rows, i, KEY_COL_CREATED_AT_MS, 0), "policy",
                            ob_col(rows, i, KEY_COL_POLICY)));
    return 0;
}

/* The result of a change. */
static int changed(int r, api_reply *rep)
{
    if (r == -ENOENT)
        return api_error(rep, 400, "NoSuchEntityException", "%s", rep->err.text);
    if (r == -EPERM)
        return api_client_error(rep, "%s, which cannot be changed", rep->err.text);
    return r;
}

int op_revoke_key(api_request *req, api_reply *rep)
{
    int r = req_db(req, &rep->err);
    if (r == 0)
        r = keys_revoke(req->ctx->keys, req->db, req->account, text_of(req, "accessKeyId"),
                        &rep->err);
    return changed(r, rep);
}

int op_put_key_policy(api_request *req, api_reply *rep)
{
    const char *policy_json = text_of(req, "policy");
    int r = check_policy(policy_json, rep);
    if (r == 0)
        r = req_db(req, &rep->err);
    if (r < 0)
        return r;
    r = keys_set_policy(req->ctx->keys, req->db, req->account, text_of(req, "accessKeyId"),
                        policy_json, &rep->err);
    return changed(r, rep);
}
