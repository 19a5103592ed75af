/* Finds the queue or definition that a request names, by name or ARN, in the caller's account and
 * region. Owns the texts that clients compare ("JobQueue x not found."). Reads only. Thread: the
 * request's. */
#include "resolve.h"

#include <string.h>

#include "definitions/definition_store.h"
#include "ob/json.h"
#include "queues/queue_store.h"

int resolve_queue(api_request *req, api_queue *ret, api_reply *rep)
{
    const api_name *named = names_of(req, "jobQueue");
    const char *name = named ? named->name : NULL, *text = named ? named->text : "";
    if (!name || !name_is_valid(name))
        return api_client_error(rep, "JobQueue %.300s not found.", text);
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = req_db(req, &rep->err);
    if (r == 0)
        r = queue_of_jobs(req->db, req->account, req->region, name, &res, &rep->err);
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
                        .fargate = ob_col_bool(res, 0, QUEUE_COL_FARGATE),
                        .eks = ob_col_bool(res, 0, QUEUE_COL_EKS) };
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

int resolve_definition(api_request *req, const api_name *named, api_definition *ret, api_reply *rep)
{
    const char *text = named ? named->text : "";
    if (!named || !named->name)
        return not_found(text, rep);
    if (!named->valid)
        return arn_is(text)
                   ? not_found(text, rep)
                   : api_client_error(
                         rep, "Provided name %.300s is not supported pattern[a-zA-Z_0-9-]{1,128}",
                         text);
    const char *name = named->base;
    int revision = named->revision;
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
    memcpy(ret->name, named->base, sizeof ret->name);
    arn_job_definition(ret->arn, req->region, req->account, name, ret->revision);
    ret->body_len = (size_t)PQgetlength(res, 0, DEF_COL_BODY);
    ret->body = ob_json_read_text(ob_col(res, 0, DEF_COL_BODY));
    return ret->body ? 0 : ob_fail(&rep->err, EIO, "the stored body of %s is damaged", ret->arn);
}

int resolve_active_definition(api_request *req,
                              const api_name *named,
                              api_definition *ret,
                              api_reply *rep)
{
    int r = resolve_definition(req, named, ret, rep);
    if (r == 0 && !ret->active) {
        api_definition_done(ret);
        return not_found(named->text, rep);
    }
    return r;
}
