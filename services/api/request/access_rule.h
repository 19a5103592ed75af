/* The resources that an operation touches, as data: each row (*_operations.c) has a rule that
 * follows the "Service Authorization Reference" of AWS Batch and of CloudWatch Logs; docs/access.md
 * lists the differences and their reasons. */
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
    ACCESS_ARN,          /* the ARN of any resource of Batch */
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
    const char *member; /* "jobQueue", "jobs[]", "computeEnvironmentOrder[].computeEnvironment". A
                           member that the request does not have is not touched */
    const char *unless; /* does not apply if the request has this member */
} access_use;

/* The list in an answer: each entry is a resource, and is removed if the key may not see it. What
 * the request names (access_rule.uses) is checked before, if it names anything. */
typedef struct access_shows {
    const char *list; /* the answer's member; NULL: it lists nothing */
    const char *arn;  /* the entry's ARN */
    const char *also; /* another ARN of the entry: a job's queue */
} access_shows;

typedef enum access_needs {
    ACCESS_NEEDS_RIGHT,     /* a policy must allow it */
    ACCESS_NEEDS_NO_DENIAL, /* any key may do it, unless a statement denies it on everything */
    ACCESS_NEEDS_NOTHING    /* any key may do it */
} access_needs;

typedef struct access_rule {
    access_use uses[4]; /* if the request names none, it touches "*" */
    access_shows shows;
    const char *in_streams; /* the answer's list of entries that are in log streams of the group
                               that it touches; removed if the key may not see the stream */
    bool of_stream; /* it answers with the content of a stream, which may not have existed when it
                       was checked, so it is checked again */
    const char *action; /* the operation whose right it needs; NULL: its own */
    access_needs needs;
    bool one_by_one; /* its handler calls access_check_job() for each job and answers for each */
} access_rule;

/* A condition key of Batch and the member of the request with its value. */
typedef struct access_fact {
    const char *key, *member;
} access_fact;
