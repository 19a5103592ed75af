/* Authorisation: what a request touches (access_table.c) is held against its key's policy
 * (policy.c). Owns how resources are named to policies, and AWS's words of refusal; decides nothing
 * by itself. A resource is named as OpenBatch writes its ARN, whatever spelling the request used.
 * Thread: an HTTP worker.
 *
 * Invariants: a key that is not the root key can do nothing that its policy does not allow;
 * a refusal does not tell whether the resource is there; the output of a job that is gone is shown
 * to those only whom no queue could keep from it. */
#include "access.h"

#include <stdio.h>
#include <string.h>

#include "access_store.h"
#include "access_table.h"
#include "keys.h"
#include "known.h"
#include "ob/json.h"
#include "resolve.h"

#define NAMES_MAX 4
#define ENTRIES_MAX 100 /* AWS quota: ids in a DescribeJobs call; the largest of any list */

typedef struct facts {
    policy_fact *list;
    size_t n;
} facts;

/* One resource that a request touches. */
typedef struct resource {
    char *names[NAMES_MAX]; /* owned; the first is the one that a refusal tells */
    size_t n_names;
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
    if (r->n_names < NAMES_MAX)
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
    for (const access_fact *fact = access_facts; fact->operation; fact++) {
        if (strcmp(fact->operation, req->operation) != 0)
            continue;
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
    const access_rule *rule = access_rule_find(req->operation);
    return ob_strf("%s:%s", service_of(req), rule && rule->action ? rule->action : req->operation);
}

static int refuse(const api_request *req, policy_answer answer, const char *name, api_reply *rep)
{
    ob_cleanup(ob_freep) char *action = action_of(req);
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

/* A name or an ARN of one kind; the caller's own goes by OpenBatch's spelling. */
static void name_one(const api_request *req, const char *kind, const char *text, resource *ret)
{
    const char *name = NULL;
    add_name(ret, arn_or_name(text, kind, req->region, req->account, &name)
                      ? batch_arn(req, kind, name)
                      : ob_strdup(text));
}

static int name_job(api_request *req, const char *text, resource *ret, ob_error *err)
{
    const char *id = text;
    (void)arn_or_name(text, "job", req->region, req->account, &id);
    ob_job_ref ref;
    if (!ob_job_ref_parse(id, &ref)) {
        name_one(req, "job", text, ret);
        return 0;
    }
    char canonical[OB_RUN_TEXT];
    ob_job_ref_format(&ref, canonical);
    add_name(ret, batch_arn(req, "job", canonical));
    char *queue = NULL;
    int r = access_store_job(req, &ref.id, &queue, &ret->tags, err);
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
static int name_definition(api_request *req, const char *text, resource *ret, api_reply *rep)
{
    const char *name = NULL;
    char base[API_NAME_MAX];
    int revision = 0;
    if (!arn_or_name(text, "job-definition", req->region, req->account, &name) ||
        !definition_name_split(name, base, &revision)) {
        name_one(req, "job-definition", text, ret);
        return 0;
    }
    if (revision == 0) {
        ob_cleanup(api_definition_done) api_definition latest = { 0 };
        int r = known_definition(req->ctx->known, req, text, &latest)
                    ? 0
                    : resolve_definition(req, text, &latest, rep);
        if (r < 0 && !rep->code)
            return r;
        api_reply_done(rep); /* the handler says that it is not there, to who may know */
        revision = r == 0 ? latest.revision : -1;
        req->definition_revision = revision;
    }
    if (revision > 0)
        name_revision(req, base, revision, ret);
    else
        add_name(ret, batch_arn(req, "job-definition", base));
    return 0;
}

/* The ARN of anything in Batch, with the other names of what it is. */
static int name_arn(api_request *req, const char *text, resource *ret, api_reply *rep)
{
    arn_parts parts;
    if (arn_parse(text, &parts)) {
        if (strcmp(parts.kind, "job") == 0)
            return name_job(req, text, ret, &rep->err);
        if (strcmp(parts.kind, "job-definition") == 0)
            return name_definition(req, text, ret, rep);
        name_one(req, parts.kind, text, ret);
        return 0;
    }
    add_name(ret, ob_strdup(text));
    return 0;
}

/* The name in a log group's ARN, or the text itself. *ret is new. */
static char *group_name(const char *text)
{
    static const char mark[] = ":log-group:";
    const char *at = arn_is(text) ? strstr(text, mark) : NULL;
    char *name = ob_strdup(at ? at + sizeof mark - 1 : text);
    size_t n = strlen(name);
    if (at && n > 2 && strcmp(name + n - 2, ":*") == 0)
        name[n - 2] = '\0';
    return name;
}

static char *group_arn(const api_request *req, const char *group, const char *rest)
{
    return ob_strf("arn:aws:logs:%s:%s:log-group:%s%s", req->region, req->account, group, rest);
}

static void name_group(const api_request *req, const char *text, resource *ret)
{
    ob_cleanup(ob_freep) char *group = group_name(text);
    add_name(ret, group_arn(req, group, ""));
    add_name(ret, group_arn(req, group, ":*"));
}

/* -ENOENT: there is no such stream. */
static int name_stream(
    api_request *req, const char *group_text, const char *stream, resource *ret, ob_error *err)
{
    ob_cleanup(ob_freep) char *group = group_name(group_text);
    ob_cleanup(ob_freep) char *rest = ob_strf(":log-stream:%s", stream);
    add_name(ret, group_arn(req, group, rest));
    char *queue = NULL;
    int r = access_store_stream(req, group, stream, &queue, &ret->tags, err);
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
        got = answer == POLICY_ALLOWED ? 0 : refuse(c->req, answer, r->names[0], c->rep);
    }
    c->touched++;
    return got;
}

/* A stream is in one group; a request that names two is refused by its handler, but not on the
 * strength of one of them. */
static int check_stream(check *c, const char *stream)
{
    static const char *const members[] = { "logGroupName", "logGroupIdentifier" };
    int r = 0;
    for (size_t i = 0; r == 0 && i < 2; i++) {
        const char *group = json_string_value(json_object_get(c->req->body, members[i]));
        if (!group)
            continue;
        ob_cleanup(resource_done) resource res = { 0 };
        r = name_stream(c->req, group, stream, &res, &c->rep->err);
        if (r == 0 || r == -ENOENT)
            r = judge(c, &res);
    }
    return r;
}

static int check_text(check *c, access_kind kind, const char *text)
{
    ob_cleanup(resource_done) resource res = { 0 };
    int r = 0;
    switch (kind) {
    case ACCESS_NONE:
        return 0;
    case ACCESS_ENVIRONMENT:
        name_one(c->req, "compute-environment", text, &res);
        break;
    case ACCESS_QUEUE:
        name_one(c->req, "job-queue", text, &res);
        break;
    case ACCESS_DEFINITION:
        r = name_definition(c->req, text, &res, c->rep);
        break;
    case ACCESS_NEW_DEFINITION: /* patterns name revisions too */
        name_one(c->req, "job-definition", text, &res);
        add_name(&res, ob_strf("%s:*", res.names[0]));
        break;
    case ACCESS_NEW_SCHEDULING_POLICY:
        name_one(c->req, "scheduling-policy", text, &res);
        break;
    case ACCESS_JOB:
        r = name_job(c->req, text, &res, &c->rep->err);
        break;
    case ACCESS_ARN:
        r = name_arn(c->req, text, &res, c->rep);
        break;
    case ACCESS_LOG_GROUP:
        name_group(c->req, text, &res);
        break;
    case ACCESS_LOG_STREAM:
        return check_stream(c, text);
    case ACCESS_KEY:
        add_name(&res,
                 ob_strf("arn:aws:openbatch:%s:%s:key/%s", c->req->region, c->req->account, text));
        break;
    case ACCESS_INSTANCE:
        add_name(&res, ob_strf("arn:aws:openbatch:%s:%s:instance/%s", c->req->region,
                               c->req->account, text));
        break;
    }
    return r < 0 ? r : judge(c, &res);
}

/* All texts that a path names: objects' members, and each entry of a list. */
static int check_path(check *c, access_kind kind, const json_t *at, const char *path)
{
    if (json_is_array(at)) {
        size_t i;
        json_t *entry;
        int r = 0;
        /* What is beyond is not looked up: no operation takes so many. */
        json_array_foreach(at, i, entry)
        {
            if (i == ENTRIES_MAX)
                break;
            r = r == 0 ? check_path(c, kind, entry, path) : r;
        }
        return r;
    }
    if (!*path)
        return json_is_string(at) ? check_text(c, kind, json_string_value(at)) : 0;
    size_t n = strcspn(path, ".[");
    ob_cleanup(ob_freep) char *name = ob_strf("%.*s", (int)n, path);
    return check_path(c, kind, json_object_get(at, name), path + n + strspn(path + n, "[]."));
}

static int check_uses(check *c, const access_rule *rule)
{
    int r = 0;
    for (const access_use *use = rule->uses; r == 0 && use->kind != ACCESS_NONE; use++)
        if (!use->unless || json_array_size(json_object_get(c->req->body, use->unless)) == 0)
            r = check_path(c, use->kind, c->req->body, use->member);
    return r;
}

int access_check(api_request *req, api_reply *rep)
{
    req->definition_revision = 0;
    if (req->key->root)
        return 0;
    const access_rule *rule = access_rule_find(req->operation);
    if (rule && rule->one_by_one)
        return 0;
    ob_cleanup(ob_freep) char *action = action_of(req);
    policy_answer outlook = rule ? policy_outlook(req->key->policy, action) : POLICY_NOT_ALLOWED;
    if (outlook != POLICY_ALLOWED)
        return refuse(req, outlook, "*", rep);
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

int access_check_job(api_request *req, const char *job, api_reply *rep)
{
    if (req->key->root)
        return 0;
    ob_cleanup(ob_freep) char *action = action_of(req);
    check c = { .req = req, .rep = rep, .action = action };
    return check_text(&c, ACCESS_JOB, job);
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
    /* As name_definition and name_group. */
    arn_parts parts;
    const char *colon = strrchr(arn, ':');
    size_t n = strlen(arn), tail = sizeof any_stream - 1;
    if ((arn_parse(arn, &parts) && strcmp(parts.kind, "job-definition") == 0) ||
        (n > tail && strcmp(arn + n - tail, any_stream) == 0))
        add_name(&res, ob_strf("%.*s", (int)(colon - arn), arn));
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
static int stream_visible(check *c, const char *group, const char *stream, bool *ret)
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
    const json_t *body = c->req->body, *list = json_object_get(c->rep->body, list_name);
    const char *name = json_string_value(json_object_get(body, "logGroupName"));
    const char *group =
        name ? name : json_string_value(json_object_get(body, "logGroupIdentifier"));
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
    const access_rule *rule = req->key->root ? NULL : access_rule_find(req->operation);
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
