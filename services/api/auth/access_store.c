/* What authorisation looks up. Reads only. Thread: the request's. */
#include "access_store.h"

#include <string.h>

#include "access_sql.h"
#include "ob/id.h"
#include "ob/json.h"
#include "request/arn.h"
#include "request/store.h"

static int job_facts(api_request *req,
                     const char *statement,
                     const ob_params *p,
                     char **ret_queue,
                     json_t **ret_tags,
                     ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = req_exec(req, statement, p, &res, err);
    if (r < 0)
        return r;
    if (PQntuples(res) == 0)
        return -ENOENT;
    const char *queue = ob_col(res, 0, JOB_FACTS_COL_QUEUE_ARN);
    if (!queue)
        return -ENODATA;
    *ret_queue = ob_strdup(queue);
    *ret_tags = ob_json_read_text(ob_col(res, 0, JOB_FACTS_COL_TAGS));
    return 0;
}

int access_store_job(
    api_request *req, const ob_uuid *id, char **ret_queue, json_t **ret_tags, ob_error *err)
{
    SCOPED(p, req);
    ob_param_uuid(&p, id);
    return job_facts(req, STMT_ACCESS_JOB, &p, ret_queue, ret_tags, err);
}

int access_store_stream(api_request *req,
                        const char *group,
                        const char *stream,
                        char **ret_queue,
                        json_t **ret_tags,
                        ob_error *err)
{
    SCOPED(p, req);
    ob_param_text(&p, group);
    ob_param_text(&p, stream);
    return job_facts(req, STMT_ACCESS_STREAM, &p, ret_queue, ret_tags, err);
}

static int job_tags(api_request *req, const char *ref_text, json_t **ret, ob_error *err)
{
    ob_job_ref ref;
    ob_cleanup(ob_freep) char *queue = NULL;
    return ob_job_ref_parse(ref_text, &ref) ? access_store_job(req, &ref.id, &queue, ret, err)
                                            : -ENOENT;
}

int access_store_tags(api_request *req, const char *arn, json_t **ret, ob_error *err)
{
    static const struct {
        const char *kind, *statement;
    } kinds[] = { { "compute-environment", STMT_ACCESS_TAGS_ENVIRONMENT },
                  { "job-queue", STMT_ACCESS_TAGS_QUEUE },
                  { "scheduling-policy", STMT_ACCESS_TAGS_POLICY },
                  { "job-definition", STMT_ACCESS_TAGS_DEFINITION } };
    arn_parts parts;
    if (!arn_parse(arn, &parts) || strcmp(parts.account, req->account) != 0 ||
        strcmp(parts.region, req->region) != 0)
        return -ENOENT;
    if (strcmp(parts.kind, "job") == 0)
        return job_tags(req, parts.rest, ret, err);
    size_t i = 0, n = ARRAY_SIZE(kinds);
    while (i < n && strcmp(parts.kind, kinds[i].kind) != 0)
        i++;
    char name[API_NAME_MAX];
    int revision = 0;
    bool definition = strcmp(parts.kind, "job-definition") == 0;
    if (i == n || (definition && !definition_name_split(parts.rest, name, &revision)))
        return -ENOENT;
    SCOPED(p, req);
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_param_text(&p, definition ? name : parts.rest);
    if (definition)
        ob_param_int(&p, revision);
    int r = req_exec(req, kinds[i].statement, &p, &res, err);
    if (r < 0)
        return r;
    if (PQntuples(res) == 0)
        return -ENOENT;
    *ret = ob_json_read_text(ob_col(res, 0, ACCESS_TAGS_COL_TAGS));
    return 0;
}
