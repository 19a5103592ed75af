/* Finds the queue or definition that a request names, by name or ARN, in the caller's account and
 * region. Owns the texts that clients compare ("JobQueue x not found."). Reads only. Thread: the
 * request's. */
#include "resolve.h"

#include <string.h>

#include "api_store.h"
#include "job_store.h"
#include "ob/json.h"

int resolve_queue(api_request *req, const char *text, api_queue *ret, api_reply *rep)
{
    const char *name = NULL;
    if (!text || !arn_or_name(text, "job-queue", req->region, req->account, &name) ||
        !name_is_valid(name))
        return api_client_error(rep, "JobQueue %.300s not found.", text ? text : "");
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = req_db(req, &rep->err);
    if (r == 0)
        r = job_store_find_queue(req->db, req->account, req->region, name, &res, &rep->err);
    if (r < 0)
        return r;
    if (PQntuples(res) == 0) {
        (void)api_client_error(rep, "JobQueue %.300s not found.", text);
        return -ENOENT;
    }
    *ret = (api_queue){ .id = ob_col_int(res, 0, QUEUE_COL_ID, 0),
                        .version = ob_col_int(res, 0, QUEUE_COL_VERSION, 0),
                        .enabled = ob_col_bool(res, 0, QUEUE_COL_ENABLED),
                        .deleting = ob_col_bool(res, 0, QUEUE_COL_DELETING),
                        .fair_share = ob_col_bool(res, 0, QUEUE_COL_FAIR_SHARE),
                        .fargate = ob_col_bool(res, 0, QUEUE_COL_FARGATE) };
    memcpy(ret->name, name, strlen(name) + 1);
    arn_job_queue(ret->arn, req->region, req->account, name);
    return 0;
}

void api_definition_done(api_definition *definition)
{
    json_decref(definition->body);
    definition->body = NULL;
}

static int not_found(const char *text, api_reply *rep)
{
    if (arn_is(text))
        (void)api_client_error(rep, "JobDefinition %.300s not found.", text);
    else
        (void)api_client_error(
            rep, "JobDefinition name %.300s does not exist or is not in ACTIVE status", text);
    return -ENOENT;
}

int resolve_definition(api_request *req, const char *text, api_definition *ret, api_reply *rep)
{
    const char *rest = NULL;
    char name[API_NAME_MAX];
    int revision = 0;
    if (!text)
        return not_found("", rep);
    if (!arn_or_name(text, "job-definition", req->region, req->account, &rest))
        return not_found(text, rep);
    if (!definition_name_split(rest, name, &revision))
        return arn_is(text)
                   ? not_found(text, rep)
                   : api_client_error(
                         rep, "Provided name %.300s is not supported pattern[a-zA-Z_0-9-]{1,128}",
                         text);
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = definition_find(req, name, revision, true, &res, &rep->err);
    if (r < 0)
        return r;
    if (PQntuples(res) == 0)
        return not_found(text, rep);
    ret->id = ob_col_int(res, 0, DEF_COL_ID, 0);
    ret->revision = (int)ob_col_int(res, 0, DEF_COL_REVISION, 0);
    ret->active = ob_col_bool(res, 0, DEF_COL_ACTIVE);
    ret->latest = revision == 0;
    memcpy(ret->name, name, sizeof ret->name);
    arn_job_definition(ret->arn, req->region, req->account, name, ret->revision);
    ret->body_len = (size_t)PQgetlength(res, 0, DEF_COL_BODY);
    ret->body = ob_json_read_text(ob_col(res, 0, DEF_COL_BODY));
    return ret->body ? 0 : ob_fail(&rep->err, EIO, "the stored body of %s is damaged", ret->arn);
}

int resolve_active_definition(api_request *req,
                              const char *text,
                              api_definition *ret,
                              api_reply *rep)
{
    int r = resolve_definition(req, text, ret, rep);
    if (r == 0 && !ret->active) {
        api_definition_done(ret);
        return not_found(text, rep);
    }
    return r;
}
