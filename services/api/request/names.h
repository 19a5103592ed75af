/* What the texts of a request name, resolved once: the key is asked about these (authorize.c), and
 * handlers act on these. Nobody parses a name or an ARN of a request a second time. */
#pragma once

#include "arn.h"
#include "ob/id.h"
#include "operation.h"

#define NAMES_MAX 100 /* AWS quota: ids in a DescribeJobs call; the largest of any list */

typedef struct api_name {
    access_kind kind;
    const char *member;      /* as in its access_rule: "jobQueue" */
    size_t at;               /* its place in the request's list; 0 when there is none */
    const char *text;        /* as sent, for what is told to the caller; borrowed from the body */
    char of[ARN_KIND_MAX];   /* what it is, as ARNs spell it: "job-queue"; "": no ARN of Batch's */
    char *name;              /* what that is called in the caller's account and region, owned; NULL:
                                nothing there can be meant */
    bool valid;              /* definitions and jobs: 'name' is one, and is taken apart below */
    char base[API_NAME_MAX]; /* a definition's name without its revision */
    int revision;            /* 0: none was given */
    ob_job_ref job;
} api_name;

/* Resolves what the operation's access_rule lists, into req->names. Entries of a list
 * beyond NAMES_MAX are left out, so nobody acts on them. Called once for each request, whatever its
 * key. Pure. */
void names_read(api_request *req);
void names_done(api_request *req);

/* The name of a member, or the entry 'at' of its list. NULL: the request does not have it. */
const api_name *names_of(const api_request *req, const char *member);
const api_name *names_at(const api_request *req, const char *member, size_t at);
