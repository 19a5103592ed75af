/* The names of resources in policies. The main name is the ARN as OpenBatch writes it, whatever
 * spelling the request used; it comes from names.c, and the handler gets the same. Owns the other
 * names by which a policy may mean a resource (a job's queue, a child's array, a revision's
 * definition). Decides nothing. Thread: an HTTP worker. */
#include "resource.h"

#include <stdio.h>
#include <string.h>

#include "access_store.h"
#include "request/name_cache.h"
#include "request/resolve.h"

void resource_done(resource *r)
{
    for (size_t i = 0; i < r->n_names; i++)
        free(r->names[i]);
    json_decref(r->tags);
    memset(r, 0, sizeof *r);
}

void resource_add_name(resource *r, char *name)
{
    if (r->n_names < RESOURCE_NAMES_MAX)
        r->names[r->n_names++] = name;
    else
        free(name);
}

char *resource_batch_arn(const api_request *req, const char *kind, const char *name)
{
    return ob_strf("arn:aws:batch:%s:%s:%s/%s", req->region, req->account, kind, name);
}

/* A name that is not in the caller's account or region is used as it was sent. */
void resource_name_one(const api_request *req, const api_name *n, resource *ret)
{
    resource_add_name(ret, n->name ? resource_batch_arn(req, n->of, n->name) : ob_strdup(n->text));
}

/* A child also has its array's ARN, so a rule for the array applies to its children. */
static void name_ref(const api_request *req, const ob_job_ref *ref, resource *ret)
{
    char text[OB_RUN_TEXT];
    ob_job_ref_format(ref, text);
    resource_add_name(ret, resource_batch_arn(req, "job", text));
    if (ref->index < 0)
        return;
    ob_job_ref_format(&(ob_job_ref){ .id = ref->id, .index = -1 }, text);
    resource_add_name(ret, resource_batch_arn(req, "job", text));
}

int resource_name_job(api_request *req, const ob_job_ref *ref, resource *ret, ob_error *err)
{
    char *queue = NULL;
    name_ref(req, ref, ret);
    int r = access_store_job(req, &ref->id, &queue, &ret->tags, err);
    if (r == 0)
        resource_add_name(ret, queue);
    return r == -ENOENT ? 0 : r;
}

void resource_name_revision(const api_request *req, const char *name, int revision, resource *ret)
{
    ob_cleanup(ob_freep) char *full = ob_strf("%s:%d", name, revision);
    resource_add_name(ret, resource_batch_arn(req, "job-definition", full));
    resource_add_name(ret, resource_batch_arn(req, "job-definition", name));
}

/* Without a revision the latest one is meant. The revision is stored for the handler; otherwise a
 * newer one could be used without a check. */
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
        api_reply_done(rep); /* the handler reports that it does not exist, to keys that may know */
        revision = r == 0 ? latest.revision : -1;
        req->definition_revision = revision;
    }
    if (revision > 0)
        resource_name_revision(req, n->base, revision, ret);
    else
        resource_add_name(ret, resource_batch_arn(req, "job-definition", n->base));
    ret->shown = n->revision == 0 ? ret->n_names - 1 : 0;
    return 0;
}

int resource_name_any(api_request *req, const api_name *n, resource *ret, api_reply *rep)
{
    if (n->name && n->valid && strcmp(n->of, "job") == 0)
        return resource_name_job(req, &n->job, ret, &rep->err);
    if (n->name && n->valid && strcmp(n->of, "job-definition") == 0)
        return name_definition(req, n, ret, rep);
    resource_name_one(req, n, ret);
    return 0;
}

static char *group_arn(const api_request *req, const char *group, const char *rest)
{
    return ob_strf("arn:aws:logs:%s:%s:log-group:%s%s", req->region, req->account, group, rest);
}

void resource_name_group(const api_request *req, const api_name *group, resource *ret)
{
    if (!group->name) {
        resource_add_name(ret, ob_strdup(group->text));
        return;
    }
    resource_add_name(ret, group_arn(req, group->name, ""));
    resource_add_name(ret, group_arn(req, group->name, ":*"));
}

int resource_name_stream(
    api_request *req, const api_name *group, const char *stream, resource *ret, ob_error *err)
{
    if (!group->name) {
        resource_add_name(ret, ob_strf("%s:log-stream:%s", group->text, stream));
        return -ENOENT;
    }
    ob_cleanup(ob_freep) char *rest = ob_strf(":log-stream:%s", stream);
    resource_add_name(ret, group_arn(req, group->name, rest));
    char *queue = NULL;
    int r = access_store_stream(req, group->name, stream, &queue, &ret->tags, err);
    if (r == 0)
        resource_add_name(ret, queue);
    ret->orphan = r == -ENODATA;
    return r == -ENODATA ? 0 : r;
}
