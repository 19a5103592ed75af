/* Every SQL statement on the tags of resources. Tags of environments, queues, definitions and
 * policies are part of their bodies; tags of jobs, whose rows never change, are rows of job_tag
 * once they differ from those submitted. Changing tags changes nothing else: no version, no
 * doorbell. Thread: the request's. */
#include "tag_store.h"

#include <stdio.h>
#include <string.h>

#include "jobs/job_detail_text.h"
#include "ob/id.h"
#include "ob/job.h"
#include "ob/json.h"
#include "request/names.h"
#include "request/store.h"

struct tag_kind {
    const char *arn_kind;
    const char *find, *lock, *put; /* statements */
    bool revision;                 /* named by name:revision */
};

static const struct tag_kind kinds[] = {
    { "compute-environment", "tag_ce_find", "tag_ce_lock", "tag_ce_put", false },
    { "job-queue", "tag_jq_find", "tag_jq_lock", "tag_jq_put", false },
    { "job-definition", "tag_def_find", "tag_def_lock", "tag_def_put", true },
    { "scheduling-policy", "tag_policy_find", "tag_policy_lock", "tag_policy_put", false },
    { "job", NULL, NULL, NULL, false },
};

#define SCOPE "r.account = $1 AND r.region = $2 AND r.name = $3"
#define CE_FIND                                                                                    \
    "SELECT r.id, r.body FROM compute_environment r WHERE " SCOPE                                  \
    " AND NOT (r.deleting AND NOT EXISTS (SELECT FROM ce_status s WHERE s.ce_id = r.id))"
#define JQ_FIND                                                                                    \
    "SELECT r.id, r.body FROM job_queue r WHERE " SCOPE                                            \
    " AND NOT (r.deleting AND NOT EXISTS (SELECT FROM queue_status s WHERE s.queue_id = r.id))"
#define DEF_FIND "SELECT r.id, r.body FROM job_definition r WHERE " SCOPE " AND r.revision = $4"
#define POLICY_FIND "SELECT r.id, r.body FROM scheduling_policy r WHERE " SCOPE
#define PUT(table) "UPDATE " table " SET body = $2 WHERE id = $1"

const ob_db_stmt tag_store_stmts[] = {
    { "tag_ce_find", CE_FIND },
    { "tag_ce_lock", CE_FIND " FOR UPDATE" },
    { "tag_ce_put", PUT("compute_environment") },
    { "tag_jq_find", JQ_FIND },
    { "tag_jq_lock", JQ_FIND " FOR UPDATE" },
    { "tag_jq_put", PUT("job_queue") },
    { "tag_def_find", DEF_FIND },
    { "tag_def_lock", DEF_FIND " FOR UPDATE" },
    { "tag_def_put", PUT("job_definition") },
    { "tag_policy_find", POLICY_FIND },
    { "tag_policy_lock", POLICY_FIND " FOR UPDATE" },
    { "tag_policy_put", PUT("scheduling_policy") },
    /* $2: how the detail of the caller's jobs begins */
    { "tag_job_find", "SELECT coalesce(t.tags, (j.detail::json -> 'tags')::text, '{}')"
                      " FROM job j LEFT JOIN job_tag t ON t.job_id = j.id"
                      " WHERE j.id = $1 AND starts_with(j.detail, $2)" },
    { "tag_job_lock", "SELECT pg_advisory_xact_lock(hashtextextended($1::text, 8))" },
    /* Not for a job that has gone meanwhile; retention finds what is written for one that goes. */
    { "tag_job_put", "INSERT INTO job_tag (job_id, tags) SELECT id, $2::text FROM job WHERE id = $1"
                     " FOR KEY SHARE ON CONFLICT (job_id) DO UPDATE SET tags = excluded.tags"
                     " RETURNING 1" },
    { 0 },
};

void tagged_done(tagged *t)
{
    json_decref(t->body);
    t->body = NULL;
}

static int missing(const char *arn, api_reply *rep)
{
    (void)api_client_error(rep, "%.383s does not exist", arn);
    return -ENOENT;
}

/* Children have no tags of their own. */
static int find_job(api_request *req, const api_name *named, bool lock, tagged *ret, api_reply *rep)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    char scope[JOB_DETAIL_PREFIX_MAX];
    job_detail_scope(scope, req->region, req->account);
    if (!named->valid || named->job.index >= 0)
        return missing(named->text, rep);
    ob_uuid_format(&named->job.id, ret->job_id);
    ob_param_text(&p, ret->job_id);
    int r = lock ? req_exec(req, "tag_job_lock", &p, NULL, &rep->err) : 0;
    ob_param_text(&p, scope);
    if (r == 0)
        r = req_exec(req, "tag_job_find", &p, &res, &rep->err);
    if (r < 0)
        return r;
    if (PQntuples(res) == 0)
        return missing(named->text, rep);
    json_t *tags = ob_json_read_text(ob_col(res, 0, 0));
    ret->body = json_pack("{s:o}", "tags", tags ? tags : json_object());
    return 0;
}

static int
find_resource(api_request *req, const api_name *named, bool lock, tagged *ret, api_reply *rep)
{
    char name[API_NAME_MAX] = "";
    int revision = 0;
    const char *arn = named->text;
    if (!definition_name_split(named->name, name, &revision) ||
        (revision > 0) != ret->kind->revision)
        return missing(arn, rep);
    SCOPED(p, req);
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_param_text(&p, name);
    if (revision)
        ob_param_int(&p, revision);
    int r = req_exec(req, lock ? ret->kind->lock : ret->kind->find, &p, &res, &rep->err);
    if (r < 0)
        return r;
    if (PQntuples(res) == 0)
        return missing(arn, rep);
    ret->id = ob_col_int(res, 0, 0, 0);
    ret->body = ob_json_read_text(ob_col(res, 0, 1));
    return ret->body ? 0 : ob_fail(&rep->err, EIO, "the stored body of %s is damaged", arn);
}

int tags_find(api_request *req, bool lock, tagged *ret, api_reply *rep)
{
    const api_name *named = names_of(req, "resourceArn");
    ret->arn = named ? named->text : "";
    if (!named || !named->of[0])
        return api_client_error(rep, "Invalid resource ARN: %.383s", ret->arn);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].arn_kind, named->of) == 0)
            ret->kind = &kinds[i];
    if (!ret->kind)
        return api_client_error(rep, "Resources of type %s cannot be tagged.", named->of);
    if (!named->name)
        return missing(ret->arn, rep);
    return ret->kind->find ? find_resource(req, named, lock, ret, rep)
                           : find_job(req, named, lock, ret, rep);
}

int tags_put(api_request *req, const tagged *t, api_reply *rep)
{
    const json_t *value = t->kind->put ? t->body : json_object_get(t->body, "tags");
    ob_cleanup(ob_freep) char *text = json_dumps(value, JSON_COMPACT);
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    if (t->kind->put)
        ob_param_int(&p, t->id);
    else
        ob_param_text(&p, t->job_id);
    ob_param_text(&p, text);
    int r = req_exec(req, t->kind->put ? t->kind->put : "tag_job_put", &p, &res, &rep->err);
    if (r == 0 && !t->kind->put && PQntuples(res) == 0)
        return missing(t->arn, rep);
    return r;
}
