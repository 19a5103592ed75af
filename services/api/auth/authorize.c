/* Authorisation: checks what a request touches (request/access_rule.h) against its key's policies
 * (verdict.c), before its handler is called. Thread: an HTTP worker.
 *
 * Invariants: a key that is not the root key can do nothing that its policy does not allow; a
 * refusal does not reveal whether the resource exists. */
#include "authorize.h"

#include <string.h>

#include "access_container.h"

#define RIGHTS_MAX 8

/* A stream is in one group. The handler refuses a request that names two groups; this check must
 * not decide by one of them. */
static int check_stream(inquiry *c, const char *stream)
{
    static const char *const members[] = { ACCESS_GROUP, ACCESS_GROUP_ID };
    int r = 0;
    for (size_t i = 0; r == 0 && i < 2; i++) {
        const api_name *group = names_of(c->req, members[i]);
        if (!group)
            continue;
        ob_cleanup(resource_done) resource res = { 0 };
        r = resource_name_stream(c->req, group, stream, &res, &c->rep->err);
        if (r == 0 || r == -ENOENT)
            r = verdict_judge(c, &res);
    }
    return r;
}

static char *own_arn(const api_request *req, const char *kind, const char *id)
{
    return ob_strf("arn:aws:openbatch:%s:%s:%s/%s", req->region, req->account, kind, id);
}

static int check_name(inquiry *c, const api_name *n)
{
    ob_cleanup(resource_done) resource res = { 0 };
    int r = 0;
    switch (n->kind) {
    case ACCESS_NONE:
        return 0;
    case ACCESS_ENVIRONMENT:
    case ACCESS_QUEUE:
    case ACCESS_NEW_SCHEDULING_POLICY:
        resource_name_one(c->req, n, &res);
        break;
    case ACCESS_NEW_DEFINITION: /* patterns name revisions too */
        resource_name_one(c->req, n, &res);
        resource_add_name(&res, ob_strf("%s:*", res.names[0]));
        break;
    case ACCESS_DEFINITION:
    case ACCESS_JOB:
    case ACCESS_ARN:
        r = resource_name_any(c->req, n, &res, c->rep);
        break;
    case ACCESS_LOG_GROUP:
    case ACCESS_LOG_GROUP_ID:
        resource_name_group(c->req, n, &res);
        break;
    case ACCESS_LOG_STREAM:
        return check_stream(c, n->name);
    case ACCESS_KEY:
        resource_add_name(&res, own_arn(c->req, "key", n->name));
        break;
    case ACCESS_INSTANCE:
        resource_add_name(&res, own_arn(c->req, "instance", n->name));
        break;
    }
    return r < 0 ? r : verdict_judge(c, &res);
}

int access_check_uses(inquiry *c, const access_rule *rule)
{
    int r = 0;
    for (const access_use *use = rule->uses; use->kind != ACCESS_NONE; use++) {
        if (use->unless && json_array_size(json_object_get(c->req->body, use->unless)) > 0)
            continue;
        for (size_t i = 0; r == 0 && i < c->req->n_names; i++)
            if (strcmp(c->req->names[i].member, use->member) == 0)
                r = check_name(c, &c->req->names[i]);
    }
    return r;
}

/* AWS: "GetSessionToken must be called by using long-term credentials", and its sessions cannot
 * call operations of IAM. */
static int check_session(const api_request *req, api_reply *rep)
{
    api_sessions may = req->op->sessions;
    if (!req->key->session[0] || may == SESSIONS_MAY ||
        (may == SESSIONS_MAY_IF_THEY_MANAGE_KEYS && req->key->manages_keys))
        return 0;
    (void)api_error(rep, 403, "AccessDeniedException", "Cannot call %s with session credentials",
                    req->operation);
    return -EACCES;
}

static bool is_denial(rights_answer answer)
{
    return answer == RIGHT_DENIED || answer == RIGHT_DENIED_IN_SESSION;
}

int access_check(api_request *req, api_reply *rep)
{
    req->definition_revision = 0;
    int r = check_session(req, rep);
    if (r < 0 || rights_are_all(req->key))
        return r;
    const access_rule *rule = req->op->access;
    if (rule && (rule->one_by_one || rule->needs == ACCESS_NEEDS_NOTHING))
        return 0;
    ob_cleanup(ob_freep) char *action = verdict_action(req);
    rights_answer outlook = rule ? rights_outlook(req->key, action) : RIGHT_NOT_GIVEN;
    ob_cleanup(resource_done) resource everything = { 0 };
    resource_add_name(&everything, ob_strdup("*"));
    if (rule && rule->needs == ACCESS_NEEDS_NO_DENIAL) {
        rights_answer answer = verdict_weigh(req, action, &everything);
        return is_denial(answer) ? verdict_refuse(req, answer, action, "*", rep) : 0;
    }
    if (outlook != RIGHT_GIVEN)
        return verdict_refuse(req, outlook, action, "*", rep);
    if (rule->shows.list && rule->uses[0].kind == ACCESS_NONE)
        return 0; /* checked for each entry of the answer */
    inquiry c = { .req = req, .rep = rep, .action = action };
    r = access_check_uses(&c, rule);
    return r < 0 || c.touched > 0 ? r : verdict_judge(&c, &everything);
}

int access_check_job(api_request *req, const ob_job_ref *job, api_reply *rep)
{
    if (rights_are_all(req->key))
        return 0;
    ob_cleanup(ob_freep) char *action = verdict_action(req);
    ob_cleanup(resource_done) resource res = { 0 };
    inquiry c = { .req = req, .rep = rep, .action = action };
    int r = resource_name_job(req, job, &res, &rep->err);
    return r < 0 ? r : verdict_judge(&c, &res);
}

int access_sees_job(api_request *req, const ob_job_ref *job, bool *ret, ob_error *err)
{
    *ret = true;
    if (rights_are_all(req->key))
        return 0;
    ob_cleanup(resource_done) resource res = { 0 };
    int r = resource_name_job(req, job, &res, err);
    if (r == 0)
        *ret = verdict_weigh(req, "batch:DescribeJobs", &res) == RIGHT_GIVEN;
    return r;
}

int access_check_container(const api_request *req,
                           const char *definition,
                           int revision,
                           const json_t *container,
                           json_t *tags,
                           api_reply *rep)
{
    const char *actions[RIGHTS_MAX];
    if (rights_are_all(req->key))
        return 0;
    ob_cleanup(resource_done) resource res = { .tags = json_incref(tags) };
    if (revision > 0) {
        resource_name_revision(req, definition, revision, &res);
    } else { /* as check_name has it */
        resource_add_name(&res, resource_batch_arn(req, "job-definition", definition));
        resource_add_name(&res, ob_strf("%s:*", res.names[0]));
    }
    size_t n = access_container_actions(container, actions, RIGHTS_MAX);
    for (size_t i = 0; i < n; i++) {
        rights_answer answer = verdict_weigh(req, actions[i], &res);
        if (answer != RIGHT_GIVEN)
            return verdict_refuse(req, answer, actions[i], res.names[0], rep);
    }
    return 0;
}
