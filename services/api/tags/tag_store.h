/* Tags of resources in PostgreSQL. */
#pragma once

#include "request/operation.h"

/* The tags of a resource, locked until the transaction ends. */
typedef struct tagged {
    const struct tag_kind *kind;
    int64_t id;
    const char *arn; /* as sent; the request's */
    char job_id[OB_UUID_TEXT];
    json_t *body; /* owned: of a resource, with its member "tags"; of a job {"tags": {}} */
} tagged;
void tagged_done(tagged *t);

/* Finds the resource in the request's resourceArn. lock: for a change. Inside store_tx. Errors:
 * -ENOENT, -EINVAL with the reply. */
int tags_find(api_request *req, bool lock, tagged *ret, api_reply *rep);
/* Writes t->body's tags. Errors: -ENOENT with the reply, when the job is gone. */
int tags_put(api_request *req, const tagged *t, api_reply *rep);
