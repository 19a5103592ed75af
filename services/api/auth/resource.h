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
    size_t shown; /* of names: the one in a refusal, which tells nothing that the caller did not */
    json_t *tags; /* owned, or NULL */
    bool orphan;  /* names and tags that it should have are not known any more */
} resource;
void resource_done(resource *r);

/* Takes 'name' over. */
void resource_add_name(resource *r, char *name);
/* A new text. */
char *resource_batch_arn(const api_request *req, const char *kind, const char *name);

/* By what the request names alone. */
void resource_name_one(const api_request *req, const api_name *n, resource *ret);
/* By its revision and, for all revisions, by its name alone. */
void resource_name_revision(const api_request *req, const char *name, int revision, resource *ret);
void resource_name_group(const api_request *req, const api_name *group, resource *ret);
/* By its other names, too, and with its tags. One that is not there has none. Errors: the
 * database's.
 */
int resource_name_job(api_request *req, const ob_job_ref *ref, resource *ret, ob_error *err);
/* Anything in Batch, with its other names. Sets req->definition_revision. */
int resource_name_any(api_request *req, const api_name *n, resource *ret, api_reply *rep);
/* Errors: -ENOENT: there is no such stream. */
int resource_name_stream(
    api_request *req, const api_name *group, const char *stream, resource *ret, ob_error *err);
