/* The common part of DescribeComputeEnvironments, DescribeJobQueues and DescribeJobDefinitions:
 * names, or pages of all. Owns nothing. Thread: an HTTP worker. */
#include "describe.h"

#include <stdio.h>
#include <string.h>

#include "paging.h"

#define PAGE_MAX 100

int describe_names(api_request *req,
                   const char *member,
                   const char *what,
                   const char *kind,
                   const char ***ret,
                   size_t *ret_n,
                   api_reply *rep)
{
    const json_t *list = json_object_get(req->body, member);
    *ret = NULL;
    *ret_n = 0;
    if (json_array_size(list) == 0)
        return 0;
    if (json_object_get(req->body, "maxResults"))
        return api_client_error(rep, "%s and MaxResults cannot both be set", what);
    const char *token = json_string_value(json_object_get(req->body, "nextToken"));
    if (token && *token)
        return api_client_error(rep, "%s and NextToken cannot both be set", what);
    *ret = ob_calloc(json_array_size(list), sizeof **ret);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = NULL;
        if (arn_or_name(json_string_value(json_array_get(list, i)), kind, req->region, req->account,
                        &name))
            (*ret)[(*ret_n)++] = name;
    }
    return 0;
}

static void set_next(api_request *req, int64_t last, api_reply *rep)
{
    char at[24];
    (void)snprintf(at, sizeof at, "%lld", (long long)last);
    ob_cleanup(ob_freep) char *token = page_token_new(req, at);
    (void)json_object_set_new(rep->body, "nextToken", json_string(token));
}

int describe(api_request *req, const describe_kind *kind, api_reply *rep)
{
    ob_cleanup(ob_freep) const char **names = NULL;
    ob_cleanup(ob_freep) char *position = NULL;
    ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
    size_t n_names = 0;
    int limit = 0;
    int r = describe_names(req, kind->member, kind->what, kind->arn_kind, &names, &n_names, rep);
    if (r == 0)
        r = page_read(req, PAGE_MAX, &limit, &position, rep);
    if (r == 0)
        r = kind->list(req,
                       &(store_selection){ .names = names,
                                           .n = n_names,
                                           .after = position ? atoll(position) : 0,
                                           .limit = limit + 1 },
                       &rows, &rep->err);
    if (r < 0)
        return r;

    json_t *list = json_array();
    rep->body = json_pack("{s:o}", kind->member, list);
    int64_t last = 0;
    for (int i = 0; i < PQntuples(rows); i++) {
        if (!names && i == limit) {
            set_next(req, last, rep);
            break;
        }
        json_t *one = NULL;
        r = kind->view(req, rows, i, &one, &last, &rep->err);
        if (r < 0)
            return r;
        (void)json_array_append_new(list, one);
    }
    return 0;
}
