/* Every SQL statement of authorisation. Reads only. Thread: the request's. */
#include "access_store.h"

#include <string.h>

#include "jobs/job_detail_text.h"
#include "ob/id.h"
#include "ob/json.h"
#include "request/arn.h"
#include "request/store.h"

/* What a job is: its queue's ARN and its tags. */
#define JOB_FACTS                                                                                  \
    "SELECT j.detail::json->>'jobQueue', coalesce((SELECT t.tags FROM job_tag t"                   \
    " WHERE t.job_id = j.id), j.detail::json->>'tags') FROM "
#define TAGS_OF(table)                                                                             \
    "SELECT body::json->>'tags' FROM " table " WHERE account = $1 AND region = $2"

const ob_db_stmt access_store_stmts[] = {
    { "access_job", JOB_FACTS "job j WHERE j.id = $1 AND starts_with(j.detail, $2)" },
    { "access_stream", JOB_FACTS "log_stream s LEFT JOIN job j ON j.id = s.job_id"
                                 " WHERE s.account = $1 AND s.region = $2 AND s.log_group = $3"
                                 " AND s.name = $4" },
    { "access_tags_ce", TAGS_OF("compute_environment") " AND name = $3" },
    { "access_tags_jq", TAGS_OF("job_queue") " AND name = $3" },
    { "access_tags_sp", TAGS_OF("scheduling_policy") " AND name = $3" },
    { "access_tags_jd", TAGS_OF("job_definition") " AND name = $3 AND revision = $4" },
    { 0 },
};

static json_t *tags_in(const PGresult *res, int col)
{
    const char *text = ob_col(res, 0, col);
    return ob_json_read_text(text);
}

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
    const char *queue = ob_col(res, 0, 0);
    if (!queue)
        return -ENODATA;
    *ret_queue = ob_strdup(queue);
    *ret_tags = tags_in(res, 1);
    return 0;
}

int access_store_job(
    api_request *req, const ob_uuid *id, char **ret_queue, json_t **ret_tags, ob_error *err)
{
    char scope[JOB_DETAIL_PREFIX_MAX];
    job_detail_scope(scope, req->region, req->account);
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_uuid(&p, id);
    ob_param_text(&p, scope);
    return job_facts(req, "access_job", &p, ret_queue, ret_tags, err);
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
    return job_facts(req, "access_stream", &p, ret_queue, ret_tags, err);
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
    } kinds[] = { { "compute-environment", "access_tags_ce" },
                  { "job-queue", "access_tags_jq" },
                  { "scheduling-policy", "access_tags_sp" },
                  { "job-definition", "access_tags_jd" } };
    arn_parts parts;
    if (!arn_parse(arn, &parts) || strcmp(parts.account, req->account) != 0 ||
        strcmp(parts.region, req->region) != 0)
        return -ENOENT;
    if (strcmp(parts.kind, "job") == 0)
        return job_tags(req, parts.rest, ret, err);
    size_t i = 0, n = sizeof kinds / sizeof kinds[0];
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
    *ret = tags_in(res, 0);
    return 0;
}
