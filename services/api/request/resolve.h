/* Finds the queue or definition that a request names. */
#pragma once

#include "names.h"
#include "operation.h"

/* A queue as jobs see it. */
typedef struct api_queue {
    int64_t id;
    int64_t version; /* changes with any of the following */
    char name[API_NAME_MAX];
    char arn[API_ARN_MAX];
    bool enabled;
    bool deleting;
    bool fair_share; /* it has a scheduling policy, with any content */
    bool fargate;    /* its environments are Fargate's */
    bool eks;        /* they are of Kubernetes clusters */
} api_queue;

/* The queue in the request's member jobQueue. Errors: -ENOENT, the reply is ClientException
 * "JobQueue <text> not found."; a queue that is being deleted (DELETING) is found. */
int resolve_queue(api_request *req, api_queue *ret, api_reply *rep);

typedef struct api_definition {
    int64_t id;
    char name[API_NAME_MAX];
    int revision;
    char arn[API_ARN_MAX];
    bool active;
    bool latest;     /* found without a revision: the latest active one */
    size_t body_len; /* of the stored text */
    json_t *body;    /* the JobDefinition object of Describe without jobDefinitionName,
                        jobDefinitionArn, revision, status:
                        {"type":"container","parameters":{},"containerProperties":{...},"tags":{},...},
                        normalised: the empty collections are there; vcpus/memory in the form in which
                        they were sent. Owned */
} api_definition;
void api_definition_done(api_definition *definition);

/* Without a revision: the latest ACTIVE one. With a revision: that one, even if INACTIVE. named:
 * NULL names nothing. Errors: -ENOENT or -EINVAL, the reply is SubmitJob's ClientException. */
int resolve_definition(api_request *req,
                       const api_name *named,
                       api_definition *ret,
                       api_reply *rep);
/* The same; an INACTIVE revision is refused too. */
int resolve_active_definition(api_request *req,
                              const api_name *named,
                              api_definition *ret,
                              api_reply *rep);
