/* Checks a resource and the facts of a request against the policies of its key (rights.c
 * decides). Owns the facts and AWS's words of refusal. Thread: an HTTP worker.
 *
 * Invariant: a key that is not the root key can do nothing that its policy does not allow. */
#include "verdict.h"

#include <string.h>

#include "access_store.h"
#include "ob/json.h"

typedef struct facts {
    policy_fact *list;
    size_t n;
} facts;

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

char *verdict_action(const api_request *req)
{
    const access_rule *rule = req->op->access;
    return ob_strf("%s:%s", api_service(req->op->protocol),
                   rule && rule->action ? rule->action : req->operation);
}

static char *reason(rights_answer answer, const char *action)
{
    switch (answer) {
    case RIGHT_DENIED:
        return ob_strdup("with an explicit deny in an identity-based policy");
    case RIGHT_DENIED_IN_SESSION:
        return ob_strdup("with an explicit deny in a session policy");
    case RIGHT_NOT_IN_SESSION:
        return ob_strf("because no session policy allows the %s action", action);
    case RIGHT_GIVEN:
    case RIGHT_NOT_GIVEN:
        break;
    }
    return ob_strf("because no identity-based policy allows the %s action", action);
}

int verdict_refuse(const api_request *req,
                   rights_answer answer,
                   const char *action,
                   const char *name,
                   api_reply *rep)
{
    ob_cleanup(ob_freep) char *who = rights_arn(req->key), *why = reason(answer, action);
    (void)api_error(rep, 403, "AccessDeniedException",
                    "User: %s is not authorized to perform: %s on resource: %s %s", who, action,
                    name, why);
    return -EACCES;
}

rights_answer verdict_weigh(const api_request *req, const char *action, const resource *r)
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
    rights_answer answer = rights_decide(req->key, &question);
    facts_done(&f);
    /* Unknown names or tags could take away what the known ones give. */
    if (answer == RIGHT_GIVEN && r->orphan && !rights_only_add(req->key, action))
        answer = RIGHT_NOT_GIVEN;
    return answer;
}

int verdict_judge(inquiry *c, resource *r)
{
    int got = 0;
    if (!r->tags && rights_ask_resource_tags(c->req->key))
        got = access_store_tags(c->req, r->names[0], &r->tags, &c->rep->err);
    if (got == 0 || got == -ENOENT) {
        rights_answer answer = verdict_weigh(c->req, c->action, r);
        got = answer == RIGHT_GIVEN
                  ? 0
                  : verdict_refuse(c->req, answer, c->action, r->names[r->shown], c->rep);
    }
    c->touched++;
    return got;
}
