/* EKS jobs as DescribeJobs shows them: with a pod in place of a container. Pure: any thread. */
#pragma once

#include <jansson.h>
#include <libpq-fe.h>
#include <stdio.h>

#include "ob/id.h"
#include "request/operation.h"

/* Is it the stored text of an EKS job (job_detail_text.h)? */
bool pod_view_is(const char *detail);

typedef struct pod_view {
    const api_request *req;
    const ob_job_ref *ref;
    const char *detail;     /* the stored text */
    const json_t *attempts; /* rows of those that have ended, in order */
    bool placed;            /* it is STARTING or RUNNING */
} pod_view;
/* Appends the JobDetail of a row of job_store_describe, with these members in addition, 'separator'
 * before it. */
void pod_view_write(FILE *out,
                    const char *separator,
                    const pod_view *v,
                    json_t *members,
                    const PGresult *rows,
                    int row);
