/* Owns the meaning of names in a request (arn.c owns their form). Looks nothing up: the code that
 * reads a resource finds out whether it exists. Pure: any thread. */
#include "names.h"

#include <stdio.h>
#include <string.h>

static const char *kind_of(access_kind kind)
{
    switch (kind) {
    case ACCESS_ENVIRONMENT:
        return "compute-environment";
    case ACCESS_QUEUE:
        return "job-queue";
    case ACCESS_DEFINITION:
    case ACCESS_NEW_DEFINITION:
        return "job-definition";
    case ACCESS_NEW_SCHEDULING_POLICY:
        return "scheduling-policy";
    case ACCESS_JOB:
        return "job";
    case ACCESS_NONE:
    case ACCESS_ARN:
    case ACCESS_LOG_GROUP:
    case ACCESS_LOG_GROUP_ID:
    case ACCESS_LOG_STREAM:
    case ACCESS_KEY:
    case ACCESS_INSTANCE:
        break;
    }
    return "";
}

static void set_kind(api_name *n, const char *kind)
{
    (void)snprintf(n->of, sizeof n->of, "%s", kind);
}

/* The ARN of any of the caller's resources in Batch. */
static const char *read_arn(const api_request *req, api_name *n)
{
    arn_parts parts;
    if (!arn_parse(n->text, &parts))
        return NULL;
    set_kind(n, parts.kind);
    bool ours = strcmp(parts.region, req->region) == 0 && strcmp(parts.account, req->account) == 0;
    return ours ? parts.rest : NULL;
}

static const char *read_plain(const api_request *req, api_name *n)
{
    const char *name = NULL;
    set_kind(n, kind_of(n->kind));
    switch (n->kind) {
    case ACCESS_ENVIRONMENT:
    case ACCESS_QUEUE:
    case ACCESS_DEFINITION:
        return arn_or_name(n->text, n->of, req->region, req->account, &name) ? name : NULL;
    case ACCESS_NEW_DEFINITION:
    case ACCESS_NEW_SCHEDULING_POLICY:
    case ACCESS_JOB: /* by their names and ids alone */
        return arn_is(n->text) ? NULL : n->text;
    case ACCESS_NONE:
    case ACCESS_ARN:
    case ACCESS_LOG_GROUP:
    case ACCESS_LOG_GROUP_ID:
    case ACCESS_LOG_STREAM:
    case ACCESS_KEY:
    case ACCESS_INSTANCE:
        break;
    }
    return n->text;
}

static void resolve(const api_request *req, api_name *n)
{
    if (n->kind == ACCESS_LOG_GROUP || n->kind == ACCESS_LOG_GROUP_ID) {
        n->name = arn_log_group(n->text, n->kind == ACCESS_LOG_GROUP_ID, req->region, req->account);
        return;
    }
    const char *name = n->kind == ACCESS_ARN ? read_arn(req, n) : read_plain(req, n);
    if (!name)
        return;
    n->name = ob_strdup(name);
    if (strcmp(n->of, "job-definition") == 0)
        n->valid = definition_name_split(name, n->base, &n->revision);
    else if (strcmp(n->of, "job") == 0)
        n->valid = ob_job_ref_parse(name, &n->job);
}

static void add(api_request *req, const access_use *use, size_t at, const char *text)
{
    req->names = ob_realloc(req->names, (req->n_names + 1) * sizeof *req->names);
    api_name *n = &req->names[req->n_names++];
    *n = (api_name){ .kind = use->kind, .member = use->member, .at = at, .text = text };
    resolve(req, n);
}

/* All texts at a path: members of objects, and each entry of a list where the path has "[]". */
static void
read_path(api_request *req, const access_use *use, size_t at, const json_t *value, const char *path)
{
    if (strncmp(path, "[]", 2) == 0) {
        size_t i;
        json_t *entry;
        json_array_foreach(value, i, entry)
        {
            if (i == NAMES_MAX)
                break;
            read_path(req, use, i, entry, path + 2 + (path[2] == '.'));
        }
        return;
    }
    if (!*path) {
        if (json_is_string(value))
            add(req, use, at, json_string_value(value));
        return;
    }
    size_t n = strcspn(path, ".[");
    read_path(req, use, at, json_object_getn(value, path, n), path + n + (path[n] == '.'));
}

static bool is_group(access_kind kind)
{
    return kind == ACCESS_LOG_GROUP || kind == ACCESS_LOG_GROUP_ID;
}

void names_read(api_request *req)
{
    static const access_use groups[] = { { ACCESS_LOG_GROUP, ACCESS_GROUP, NULL }, /* of streams */
                                         { ACCESS_LOG_GROUP_ID, ACCESS_GROUP_ID, NULL },
                                         { 0 } };
    const access_rule *rule = req->op->access;
    if (!rule)
        return;
    for (const access_use *use = groups; req->op->protocol == API_LOGS && use->member; use++)
        read_path(req, use, 0, req->body, use->member);
    for (const access_use *use = rule->uses; use->kind != ACCESS_NONE; use++)
        if (!is_group(use->kind))
            read_path(req, use, 0, req->body, use->member);
}

void names_done(api_request *req)
{
    for (size_t i = 0; i < req->n_names; i++)
        free(req->names[i].name);
    free(req->names);
    req->names = NULL;
    req->n_names = 0;
}

const api_name *names_at(const api_request *req, const char *member, size_t at)
{
    for (size_t i = 0; i < req->n_names; i++)
        if (req->names[i].at == at && strcmp(req->names[i].member, member) == 0)
            return &req->names[i];
    return NULL;
}

const api_name *names_of(const api_request *req, const char *member)
{
    return names_at(req, member, 0);
}
