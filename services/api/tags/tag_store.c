/* Tags of environments, queues, definitions and
 * policies are part of their bodies; tags of jobs, whose rows never change, are rows of job_tag
 * once they differ from those submitted. Changing tags changes nothing else: no version, no
 * doorbell. Thread: the request's. */
#include "tag_store.h"

#include <stdio.h>
#include <string.h>

#include "ob/id.h"
#include "ob/job.h"
#include "ob/json.h"
#include "request/names.h"
#include "request/store.h"
#include "tags_sql.h"

struct tag_kind {
    const char *arn_kind;
    const char *find, *lock, *put; /* statements */
    bool revision;                 /* named by name:revision */
};

static const struct tag_kind kinds[] = {
    { "compute-environment", STMT_TAG_ENVIRONMENT_FIND, STMT_TAG_ENVIRONMENT_LOCK,
      STMT_TAG_ENVIRONMENT_PUT, false },
    { "job-queue", STMT_TAG_QUEUE_FIND, STMT_TAG_QUEUE_LOCK, STMT_TAG_QUEUE_PUT, false },
    { "job-definition", STMT_TAG_DEFINITION_FIND, STMT_TAG_DEFINITION_LOCK, STMT_TAG_DEFINITION_PUT,
      true },
    { "scheduling-policy", STMT_TAG_POLICY_FIND, STMT_TAG_POLICY_LOCK, STMT_TAG_POLICY_PUT, false },
    { "job", NULL, NULL, NULL, false },
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
    SCOPED(p, req);
    ob_cleanup(ob_params_done) ob_params id = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    if (!named->valid || named->job.index >= 0)
        return missing(named->text, rep);
    ob_uuid_format(&named->job.id, ret->job_id);
    ob_param_text(&id, ret->job_id);
    ob_param_text(&p, ret->job_id);
    int r = lock ? req_exec(req, STMT_TAG_JOB_LOCK, &id, NULL, &rep->err) : 0;
    if (r == 0)
        r = req_exec(req, STMT_TAG_JOB_FIND, &p, &res, &rep->err);
    if (r < 0)
        return r;
    if (PQntuples(res) == 0)
        return missing(named->text, rep);
    json_t *tags = ob_json_read_text(ob_col(res, 0, JOB_TAGS_COL_TAGS));
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
    ret->id = ob_col_int(res, 0, TAGGED_COL_ID, 0);
    ret->body = ob_json_read_text(ob_col(res, 0, TAGGED_COL_BODY));
    return ret->body ? 0 : ob_fail(&rep->err, EIO, "the stored body of %s is damaged", arn);
}

int tags_find(api_request *req, bool lock, tagged *ret, api_reply *rep)
{
    const api_name *named = names_of(req, "resourceArn");
    ret->arn = named ? named->text : "";
    if (!named || !named->of[0])
        return api_client_error(rep, "Invalid resource ARN: %.383s", ret->arn);
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
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
    int r = req_exec(req, t->kind->put ? t->kind->put : STMT_TAG_JOB_PUT, &p, &res, &rep->err);
    if (r == 0 && !t->kind->put && PQntuples(res) == 0)
        return missing(t->arn, rep);
    return r;
}
