/* What a request touches, as policies name it. */
#pragma once

#include "ob/id.h"
#include "request/names.h"
#include "request/operation.h"

#define RESOURCE_NAMES_MAX 5

/* One resource. Zero-initialise; resource_done frees. */
typedef struct resource {
    char *names[RESOURCE_NAMES_MAX]; /* owned */
    size_t n_names;
    size_t shown; /* of names: the one for refusals; it reveals only what the caller sent */
    json_t *tags; /* owned, or NULL */
    bool orphan;  /* names and tags that the resource had are no longer known */
} resource;
void resource_done(resource *r);

/* Takes 'name' over. */
void resource_add_name(resource *r, char *name);
/* A new text. */
char *resource_batch_arn(const api_request *req, const char *kind, const char *name);

/* Only with the names in the request. */
void resource_name_one(const api_request *req, const api_name *n, resource *ret);
/* With its revision, and with its name alone, which stands for all revisions. */
void resource_name_revision(const api_request *req, const char *name, int revision, resource *ret);
void resource_name_group(const api_request *req, const api_name *group, resource *ret);
/* With its other names and its tags. A resource that does not exist has none. Errors: the
 * database's */
int resource_name_job(api_request *req, const ob_job_ref *ref, resource *ret, ob_error *err);
/* Any resource of Batch, with its other names. Sets req->definition_revision. */
int resource_name_any(api_request *req, const api_name *n, resource *ret, api_reply *rep);
/* Errors: -ENOENT: there is no such stream. */
int resource_name_stream(
    api_request *req, const api_name *group, const char *stream, resource *ret, ob_error *err);
