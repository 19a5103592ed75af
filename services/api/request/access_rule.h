/* What an operation touches, as data: each has its rule in its row (*_operations.c), after the
 * "Service Authorization Reference" of AWS Batch and of CloudWatch Logs; docs/access.md says where
 * and why it differs. */
#pragma once

#include <stdbool.h>

typedef enum access_kind {
    ACCESS_NONE, /* ends a list */
    ACCESS_ENVIRONMENT,
    ACCESS_QUEUE,
    ACCESS_DEFINITION, /* <name>, <name>:<revision> or ARN */
    ACCESS_NEW_DEFINITION,
    ACCESS_NEW_SCHEDULING_POLICY,
    ACCESS_JOB,
    ACCESS_ARN,          /* of anything in Batch */
    ACCESS_LOG_GROUP,    /* its name */
    ACCESS_LOG_GROUP_ID, /* its name or ARN */
    ACCESS_LOG_STREAM,   /* in the group that the request names */
    ACCESS_KEY,
    ACCESS_INSTANCE,
} access_kind;

/* The members that name a log group. */
#define ACCESS_GROUP "logGroupName"
#define ACCESS_GROUP_ID "logGroupIdentifier"

typedef struct access_use {
    access_kind kind;
    const char *member; /* "jobQueue", "jobs[]", "computeEnvironmentOrder[].computeEnvironment".
                           What the request does not name is not touched */
    const char *unless; /* not when the request has this member */
} access_use;

/* What an answer lists: each entry is a resource of its own, and left out when the key may not see
 * it. */
typedef struct access_shows {
    const char *list; /* the answer's member; NULL: it lists nothing */
    const char *arn;  /* the entry's ARN */
    const char *also; /* another ARN that it goes by: a job's queue */
} access_shows;

typedef struct access_rule {
    access_use uses[4]; /* none found in the request: it touches "*" */
    access_shows shows;
    const char *in_streams; /* the answer's list of what is in log streams of the group that it
                               touches: left out when the key may not see the stream */
    bool of_stream; /* it answers with what is in a stream, which may not have been there when it
                       was checked: it is checked once more */
    const char *action; /* the operation whose right it asks for; NULL: its own */
    bool one_by_one;    /* its handler asks access_check_job() for each job, and answers for each */
} access_rule;

/* A condition key of Batch, and the member of the request that it means. */
typedef struct access_fact {
    const char *key, *member;
} access_fact;
