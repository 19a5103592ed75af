/* Authorisation: what a request touches (request/access_rule.h) is held against its key's policy
 * (key_policy.c). Owns how resources are named to policies, and AWS's words of refusal; decides
 * nothing by itself. A resource is named as OpenBatch writes its ARN, whatever spelling the request
 * used: it is what names.c made of that, which is also what the handler gets. Thread: an HTTP
 * worker.
 *
 * Invariants: a key that is not the root key can do nothing that its policy does not allow;
 * a refusal does not tell whether the resource is there; the output of a job that is gone is shown
 * to those only whom no queue could keep from it. */
#include "authorize.h"

#include <stdio.h>
#include <string.h>

#include "access_container.h"
#include "access_store.h"
#include "keys.h"
#include "ob/json.h"
#include "request/name_cache.h"
#include "request/names.h"
#include "request/resolve.h"

#define ALIASES_MAX 5
#define RIGHTS_MAX 8

typedef struct facts {
    policy_fact *list;
    size_t n;
} facts;

/* One resource that a request touches. */
typedef struct resource {
    char *names[ALIASES_MAX]; /* owned */
    size_t n_names;
    size_t shown; /* of names: the one in a refusal, which tells nothing that the caller did not */
    json_t *tags; /* owned, or NULL */
    bool orphan;  /* names and tags that it should have are not known any more */
} resource;

static void resource_done(resource *r)
{
    for (size_t i = 0; i < r->n_names; i++)
        free(r->names[i]);
    json_decref(r->tags);
    memset(r, 0, sizeof *r);
}

/* Takes 'name' over. */
static void add_name(resource *r, char *name)
{
    if (r->n_names < ALIASES_MAX)
        r->names[r->n_names++] = name;
    else
        free(name);
}

/* ---- facts ----------------------------------------------------------------------------------- */

/* Takes 'key' over; 'value' is borrowed. */
static void add_fact(facts *f, char *key, const char *value)
{
    f->list = ob_realloc(f->list, (f->n + 1) * sizeof *f->list);
    f->list[f->n++] = (policy_fact){ .key = key, .value = value };
}

static void facts_done(facts *f)
{
    for (size_t i = 0; i < f->n; i++)
        free((void *)(uintptr_t)f->list[i].key);
    free(f->list);
}

static void add_tags(facts *f, const char *prefix, json_t *tags)
{
    const char *name;
    json_t *value;
    json_object_foreach(tags, name, value)
    {
        if (json_is_string(value))
            add_fact(f, ob_strf("%s%s", prefix, name), json_string_value(value));
    }
}

/* A path of object members, without lists. */
static const json_t *member_at(const json_t *body, const char *path)
{
    while (body && *path) {
        size_t n = strcspn(path, ".");
        ob_cleanup(ob_freep) char *name = ob_strf("%.*s", (int)n, path);
        body = json_object_get(body, name);
        path += n + (path[n] == '.');
    }
    return body;
}

static void add_request_facts(const api_request *req, facts *f)
{
    add_tags(f, "aws:RequestTag/", json_object_get(req->body, "tags"));
    for (const access_fact *fact = req->op->facts; fact && fact->key; fact++) {
        const json_t *value = member_at(req->body, fact->member);
        const char *text = json_is_boolean(value) ? (json_is_true(value) ? "true" : "false")
                                                  : json_string_value(value);
        if (text)
            add_fact(f, ob_strdup(fact->key), text);
    }
}

/* ---- deciding -------------------------------------------------------------------------------- */

static const char *service_of(const api_request *req)
{
    return req->op->protocol == API_LOGS    ? "logs"
           : req->op->protocol == API_ADMIN ? "openbatch"
                                            : "batch";
}

static char *action_of(const api_request *req)
{
    const access_rule *rule = req->op->access;
    return ob_strf("%s:%s", service_of(req), rule && rule->action ? rule->action : req->operation);
}

static int refuse(const api_request *req,
                  policy_answer answer,
                  const char *action,
                  const char *name,
                  api_reply *rep)
{
    ob_cleanup(ob_freep) char *why =
        answer == POLICY_FORBIDDEN
            ? ob_strdup("with an explicit deny in an identity-based policy")
            : ob_strf("because no identity-based policy allows the %s action", action);
    (void)api_error(rep, 403, "AccessDeniedException",
                    "User: arn:aws:iam::%s:user/%s is not authorized to perform: %s on resource: "
                    "%s %s",
                    req->account, req->key->name[0] ? req->key->name : req->key_id, action, name,
                    why);
    return -EACCES;
}

static policy_answer weigh(const api_request *req, const char *action, const resource *r)
{
    facts f = { 0 };
    add_request_facts(req, &f);
    add_tags(&f, "aws:ResourceTag/", r->tags);
    const policy_question question = {
        .action = action,
        .names = (const char *const *)r->names,
        .n_names = r->n_names,
        .facts = f.list,
        .n_facts = f.n,
    };
    policy_answer answer = policy_decide(req->key->policy, &question);
    facts_done(&f);
    /* What is not known might take away what the rest gives. */
    if (answer == POLICY_ALLOWED && r->orphan && !policy_only_adds(req->key->policy, action))
        answer = POLICY_NOT_ALLOWED;
    return answer;
}

/* ---- naming ---------------------------------------------------------------------------------- */

static char *batch_arn(const api_request *req, const char *kind, const char *name)
{
    return ob_strf("arn:aws:batch:%s:%s:%s/%s", req->region, req->account, kind, name);
}

/* What is not the caller's goes by what was sent. */
static void name_one(const api_request *req, const api_name *n, resource *ret)
{
    add_name(ret, n->name ? batch_arn(req, n->of, n->name) : ob_strdup(n->text));
}

/* A child goes by its array's ARN too: what holds for the one holds for the other. */
static void name_ref(const api_request *req, const ob_job_ref *ref, resource *ret)
{
    char text[OB_RUN_TEXT];
    ob_job_ref_format(ref, text);
    add_name(ret, batch_arn(req, "job", text));
    if (ref->index < 0)
        return;
    ob_job_ref_format(&(ob_job_ref){ .id = ref->id, .index = -1 }, text);
    add_name(ret, batch_arn(req, "job", text));
}

static int name_job(api_request *req, const ob_job_ref *ref, resource *ret, ob_error *err)
{
    char *queue = NULL;
    name_ref(req, ref, ret);
    int r = access_store_job(req, &ref->id, &queue, &ret->tags, err);
    if (r == 0)
        add_name(ret, queue);
    return r == -ENOENT ? 0 : r;
}

/* By its revision and, for all revisions, by its name alone. */
static void name_revision(const api_request *req, const char *name, int revision, resource *ret)
{
    ob_cleanup(ob_freep) char *full = ob_strf("%s:%d", name, revision);
    add_name(ret, batch_arn(req, "job-definition", full));
    add_name(ret, batch_arn(req, "job-definition", name));
}

/* Without a revision the latest is meant: which one, the handler may do this with is written down,
 * or a newer one would slip through. */
static int name_definition(api_request *req, const api_name *n, resource *ret, api_reply *rep)
{
    int revision = n->revision;
    if (revision == 0) {
        ob_cleanup(api_definition_done) api_definition latest = { 0 };
        int r = known_definition(req->ctx->known, req, n->name, &latest)
                    ? 0
                    : resolve_definition(req, n, &latest, rep);
        if (r < 0 && !rep->code)
            return r;
        api_reply_done(rep); /* the handler says that it is not there, to who may know */
        revision = r == 0 ? latest.revision : -1;
        req->definition_revision = revision;
    }
    if (revision > 0)
        name_revision(req, n->base, revision, ret);
    else
        add_name(ret, batch_arn(req, "job-definition", n->base));
    ret->shown = n->revision == 0 ? ret->n_names - 1 : 0;
    return 0;
}

/* Anything in Batch, with its other names. */
static int name_any(api_request *req, const api_name *n, resource *ret, api_reply *rep)
{
    if (n->name && n->valid && strcmp(n->of, "job") == 0)
        return name_job(req, &n->job, ret, &rep->err);
    if (n->name && n->valid && strcmp(n->of, "job-definition") == 0)
        return name_definition(req, n, ret, rep);
    name_one(req, n, ret);
    return 0;
}

static char *group_arn(const api_request *req, const char *group, const char *rest)
{
    return ob_strf("arn:aws:logs:%s:%s:log-group:%s%s", req->region, req->account, group, rest);
}

static void name_group(const api_request *req, const api_name *group, resource *ret)
{
    if (!group->name) {
        add_name(ret, ob_strdup(group->text));
        return;
    }
    add_name(ret, group_arn(req, group->name, ""));
    add_name(ret, group_arn(req, group->name, ":*"));
}

/* -ENOENT: there is no such stream. */
static int name_stream(
    api_request *req, const api_name *group, const char *stream, resource *ret, ob_error *err)
{
    if (!group->name) {
        add_name(ret, ob_strf("%s:log-stream:%s", group->text, stream));
        return -ENOENT;
    }
    ob_cleanup(ob_freep) char *rest = ob_strf(":log-stream:%s", stream);
    add_name(ret, group_arn(req, group->name, rest));
    char *queue = NULL;
    int r = access_store_stream(req, group->name, stream, &queue, &ret->tags, err);
    if (r == 0)
        add_name(ret, queue);
    ret->orphan = r == -ENODATA;
    return r == -ENODATA ? 0 : r;
}

/* ---- a request ------------------------------------------------------------------------------- */

typedef struct check {
    api_request *req;
    api_reply *rep;
    char *action;
    size_t touched;
} check;

static int judge(check *c, resource *r)
{
    int got = 0;
    if (!r->tags && policy_asks_resource_tags(c->req->key->policy))
        got = access_store_tags(c->req, r->names[0], &r->tags, &c->rep->err);
    if (got == 0 || got == -ENOENT) {
        policy_answer answer = weigh(c->req, c->action, r);
        got = answer == POLICY_ALLOWED
                  ? 0
                  : refuse(c->req, answer, c->action, r->names[r->shown], c->rep);
    }
    c->touched++;
    return got;
}

/* A stream is in one group; a request that names two is refused by its handler, but not on the
 * strength of one of them. */
static int check_stream(check *c, const char *stream)
{
    static const char *const members[] = { ACCESS_GROUP, ACCESS_GROUP_ID };
    int r = 0;
    for (size_t i = 0; r == 0 && i < 2; i++) {
        const api_name *group = names_of(c->req, members[i]);
        if (!group)
            continue;
        ob_cleanup(resource_done) resource res = { 0 };
        r = name_stream(c->req, group, stream, &res, &c->rep->err);
        if (r == 0 || r == -ENOENT)
            r = judge(c, &res);
    }
    return r;
}

static char *own_arn(const api_request *req, const char *kind, const char *id)
{
    return ob_strf("arn:aws:openbatch:%s:%s:%s/%s", req->region, req->account, kind, id);
}

static int check_name(check *c, const api_name *n)
{
    ob_cleanup(resource_done) resource res = { 0 };
    int r = 0;
    switch (n->kind) {
    case ACCESS_NONE:
        return 0;
    case ACCESS_ENVIRONMENT:
    case ACCESS_QUEUE:
    case ACCESS_NEW_SCHEDULING_POLICY:
        name_one(c->req, n, &res);
        break;
    case ACCESS_NEW_DEFINITION: /* patterns name revisions too */
        name_one(c->req, n, &res);
        add_name(&res, ob_strf("%s:*", res.names[0]));
        break;
    case ACCESS_DEFINITION:
    case ACCESS_JOB:
    case ACCESS_ARN:
        r = name_any(c->req, n, &res, c->rep);
        break;
    case ACCESS_LOG_GROUP:
    case ACCESS_LOG_GROUP_ID:
        name_group(c->req, n, &res);
        break;
    case ACCESS_LOG_STREAM:
        return check_stream(c, n->name);
    case ACCESS_KEY:
        add_name(&res, own_arn(c->req, "key", n->name));
        break;
    case ACCESS_INSTANCE:
        add_name(&res, own_arn(c->req, "instance", n->name));
        break;
    }
    return r < 0 ? r : judge(c, &res);
}

static int check_uses(check *c, const access_rule *rule)
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

int access_check(api_request *req, api_reply *rep)
{
    req->definition_revision = 0;
    if (req->key->root)
        return 0;
    const access_rule *rule = req->op->access;
    if (rule && rule->one_by_one)
        return 0;
    ob_cleanup(ob_freep) char *action = action_of(req);
    policy_answer outlook = rule ? policy_outlook(req->key->policy, action) : POLICY_NOT_ALLOWED;
    if (outlook != POLICY_ALLOWED)
        return refuse(req, outlook, action, "*", rep);
    if (rule->shows.list)
        return 0; /* entry by entry, in the answer */
    check c = { .req = req, .rep = rep, .action = action };
    int r = check_uses(&c, rule);
    if (r < 0 || c.touched > 0)
        return r;
    resource everything = { .names = { ob_strdup("*") }, .n_names = 1 };
    r = judge(&c, &everything);
    resource_done(&everything);
    return r;
}

int access_check_job(api_request *req, const ob_job_ref *job, api_reply *rep)
{
    if (req->key->root)
        return 0;
    ob_cleanup(ob_freep) char *action = action_of(req);
    ob_cleanup(resource_done) resource res = { 0 };
    check c = { .req = req, .rep = rep, .action = action };
    int r = name_job(req, job, &res, &rep->err);
    return r < 0 ? r : judge(&c, &res);
}

int access_check_container(const api_request *req,
                           const char *definition,
                           int revision,
                           const json_t *container,
                           json_t *tags,
                           api_reply *rep)
{
    const char *actions[RIGHTS_MAX];
    if (req->key->root)
        return 0;
    ob_cleanup(resource_done) resource res = { .tags = json_incref(tags) };
    if (revision > 0) {
        name_revision(req, definition, revision, &res);
    } else { /* as check_name has it */
        add_name(&res, batch_arn(req, "job-definition", definition));
        add_name(&res, ob_strf("%s:*", res.names[0]));
    }
    size_t n = access_container_actions(container, actions, RIGHTS_MAX);
    for (size_t i = 0; i < n; i++) {
        policy_answer answer = weigh(req, actions[i], &res);
        if (answer != POLICY_ALLOWED)
            return refuse(req, answer, actions[i], res.names[0], rep);
    }
    return 0;
}

/* ---- an answer ------------------------------------------------------------------------------- */

/* May the key see this entry? */
static int visible(check *c, const access_shows *shows, const json_t *entry, bool *ret)
{
    static const char any_stream[] = ":*";
    ob_cleanup(resource_done) resource res = { 0 };
    const char *arn = json_string_value(json_object_get(entry, shows->arn));
    const char *also = shows->also ? json_string_value(json_object_get(entry, shows->also)) : NULL;
    *ret = false;
    if (!arn)
        return 0;
    add_name(&res, ob_strdup(arn));
    if (also)
        add_name(&res, ob_strdup(also));
    /* As name_definition, name_group and name_ref. */
    arn_parts parts;
    ob_job_ref job = { .index = -1 };
    const char *colon = strrchr(arn, ':');
    size_t n = strlen(arn), tail = sizeof any_stream - 1;
    if ((arn_parse(arn, &parts) && strcmp(parts.kind, "job-definition") == 0) ||
        (n > tail && strcmp(arn + n - tail, any_stream) == 0))
        add_name(&res, ob_strf("%.*s", (int)(colon - arn), arn));
    if (arn_parse(arn, &parts) && strcmp(parts.kind, "job") == 0 &&
        ob_job_ref_parse(parts.rest, &job) && job.index >= 0)
        add_name(&res, ob_strf("%.*s", (int)(colon - arn), arn));
    else /* children are shown without those of their array */
        res.tags = json_incref(json_object_get(entry, "tags"));
    if (!res.tags && policy_asks_resource_tags(c->req->key->policy)) {
        int r = access_store_tags(c->req, arn, &res.tags, &c->rep->err);
        if (r < 0 && r != -ENOENT)
            return r;
    }
    *ret = weigh(c->req, c->action, &res) == POLICY_ALLOWED;
    return 0;
}

/* May the key, which may see the group, see this stream of it? */
static int stream_visible(check *c, const api_name *group, const char *stream, bool *ret)
{
    ob_cleanup(resource_done) resource res = { 0 };
    int r = name_stream(c->req, group, stream, &res, &c->rep->err);
    if (r < 0 && r != -ENOENT)
        return r;
    res.orphan |= r == -ENOENT; /* gone since it was read */
    name_group(c->req, group, &res);
    *ret = weigh(c->req, c->action, &res) == POLICY_ALLOWED;
    return 0;
}

/* Keeps of a list what is in streams that the key may see; each stream is looked up once. */
static int filter_streams(check *c, const char *list_name)
{
    const json_t *list = json_object_get(c->rep->body, list_name);
    const api_name *name = names_of(c->req, ACCESS_GROUP);
    const api_name *group = name ? name : names_of(c->req, ACCESS_GROUP_ID);
    json_auto_t *asked = json_object(), *kept = json_array();
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry)
    {
        const char *stream = json_string_value(json_object_get(entry, "logStreamName"));
        const json_t *seen = json_object_get(asked, stream);
        bool visible = json_is_true(seen);
        int r = seen ? 0 : stream_visible(c, group, stream, &visible);
        if (r < 0)
            return r;
        if (!seen)
            (void)json_object_set_new(asked, stream, json_boolean(visible));
        if (visible)
            (void)json_array_append(kept, entry);
    }
    (void)json_object_set(c->rep->body, list_name, kept);
    return 0;
}

int access_filter(api_request *req, api_reply *rep)
{
    const access_rule *rule = req->key->root ? NULL : req->op->access;
    if (!rule || (!rule->shows.list && !rule->in_streams && !rule->of_stream))
        return 0;
    ob_cleanup(ob_freep) char *action = action_of(req);
    check c = { .req = req, .rep = rep, .action = action };
    if (rule->of_stream) /* it may have been made since it was asked for */
        return policy_only_adds(req->key->policy, action) ? 0 : check_uses(&c, rule);
    if (rep->raw) {
        int r = ob_json_parse_as(rep->raw, rep->raw_len, OB_JSON_NUL, &rep->body, &rep->err);
        free(rep->raw);
        rep->raw = NULL;
        if (r < 0)
            return r;
    }
    if (rule->in_streams)
        return policy_only_adds(req->key->policy, action) ? 0
                                                          : filter_streams(&c, rule->in_streams);
    json_t *list = json_object_get(rep->body, rule->shows.list);
    for (size_t i = 0; i < json_array_size(list);) {
        bool seen = false;
        int r = visible(&c, &rule->shows, json_array_get(list, i), &seen);
        if (r < 0)
            return r;
        if (seen)
            i++;
        else
            (void)json_array_remove(list, i);
    }
    return 0;
}
