/* The common part of the Describe operations: a list of names, or pages of all. */
#pragma once

#include "arn.h"
#include "operation.h"
#include "store.h"

/* The names in a list of names and ARNs of 'kind'; ARNs that are not the caller's are left out (as
 * AWS does with unknown names). Borrowed from the body; *ret is new. Refuses names together with
 * paging: "<what> and MaxResults cannot both be set". */
int describe_names(api_request *req,
                   const char *member,
                   const char *what,
                   const char *kind,
                   const char ***ret,
                   size_t *ret_n,
                   api_reply *rep);

/* A kind of resource that is described by names or page by page. */
typedef struct describe_kind {
    const char *member;   /* of request and answer: "jobQueues" */
    const char *what;     /* in AWS's texts: "JobQueues" */
    const char *arn_kind; /* "job-queue" */
    int (*list)(api_request *req, const store_selection *which, PGresult **ret, ob_error *err);
    /* *ret is new. */
    int (*view)(const api_request *req,
                const PGresult *rows,
                int row,
                json_t **ret,
                int64_t *ret_id,
                ob_error *err);
} describe_kind;

/* The complete operation: the named resources (unknown names are left out), or a page of all. */
int describe(api_request *req, const describe_kind *kind, api_reply *rep);
