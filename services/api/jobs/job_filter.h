/* The filter of ListJobs. */
#pragma once

#include "job_list.h"
#include "request/operation.h"

#define FILTER_TEXT_MAX 256

typedef struct list_filter {
    job_filter sql; /* its texts are in 'text' */
    bool nothing;   /* no job can pass */
    char text[2][FILTER_TEXT_MAX];
} list_filter;

/* Reads the only pair of 'filters' (a non-empty list). Errors: -EINVAL with the reply filled. */
int list_filter_read(const api_request *req,
                     const json_t *filters,
                     list_filter *ret,
                     api_reply *rep);
