/* Answers of EC2's Query API. Pure. */
#pragma once

#include <stddef.h>

#include "ob/id.h"

#define EC2_TAG_INSTANCE "openbatch:instance" /* our id of an instance */
#define EC2_TAG_COPY "openbatch:copy"

typedef struct ec2_instance {
    char ec2_id[40];
    char id[OB_INSTANCE_TEXT]; /* of its tag; empty: it has none */
    char state[24];            /* "pending", "running", "shutting-down", ... */
} ec2_instance;

typedef struct ec2_answer {
    char kind[40];           /* of the document: "DescribeInstancesResponse" */
    ec2_instance *instances; /* of RunInstances or DescribeInstances */
    size_t n;
    char *next_token; /* NULL: that was all */
    char code[80];    /* of an error */
    char message[400];
} ec2_answer;

/* Reads an answer; free it with ec2_answer_done, also after a failure: then it has what was read
 * until there. Errors: -EBADMSG: it is not a whole XML document, so nothing may be concluded from
 * what it lacks. */
int ec2_answer_read(const char *xml, size_t len, ec2_answer *ret);
void ec2_answer_done(ec2_answer *answer);

/* What an answer without what was asked for means. -ENOSPC: not available now; -EINVAL: never
 * possible; -EAGAIN: nothing, so ask again. */
int ec2_answer_meaning(int status, const ec2_answer *answer);
