/* Names or pages: the way in of DescribeComputeEnvironments, DescribeJobQueues and
 * DescribeJobDefinitions. Pure. */
#include "describe.h"

#include <string.h>

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
