/* The resources that a request names, resolved once. Access is checked for these (authorize.c), and
 * handlers act on these. No other code parses a name or an ARN of a request. */
#pragma once

#include "arn.h"
#include "ob/id.h"
#include "operation.h"

#define NAMES_MAX 100 /* AWS quota: ids in a DescribeJobs call; the largest of any list */

typedef struct api_name {
    access_kind kind;
    const char *member;    /* as in its access_rule: "jobQueue" */
    size_t at;             /* its position in the request's list; 0 if there is no list */
    const char *text;      /* as sent, for texts to the caller; borrowed from the body */
    char of[ARN_KIND_MAX]; /* its kind as in ARNs: "job-queue"; "": not an ARN of Batch */
    char *name; /* its name in the caller's account and region, owned; NULL: it can name nothing
                   there */
    bool valid; /* definitions and jobs: 'name' is valid and is split below */
    char base[API_NAME_MAX]; /* a definition's name without its revision */
    int revision;            /* 0: none was given */
    ob_job_ref job;
} api_name;

/* Resolves the members that the operation's access_rule lists, into req->names. Entries of a list
 * beyond NAMES_MAX are left out, so no code acts on them. Called once for each request, whatever
 * its key. Pure. */
void names_read(api_request *req);
void names_done(api_request *req);

/* The name in a member, or in entry 'at' of its list. NULL: the request does not have it. */
const api_name *names_of(const api_request *req, const char *member);
const api_name *names_at(const api_request *req, const char *member, size_t at);
