/* DescribeComputeEnvironments: by names or ARNs, or page by page. Unknown names are left out.
 * Thread: an HTTP worker. */
#include <stdio.h>

#include "describe.h"
#include "environment.h"
#include "page.h"

#define PAGE_MAX 100

int op_describe_compute_environments(api_request *req, api_reply *rep)
{
    ob_cleanup(ob_freep) const char **names = NULL;
    ob_cleanup(ob_freep) char *position = NULL;
    ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
    size_t n_names = 0;
    int limit = 0;
    int r = describe_names(req, "computeEnvironments", "ComputeEnvironments", "compute-environment",
                           &names, &n_names, rep);
    if (r == 0)
        r = page_read(req, PAGE_MAX, &limit, &position, rep);
    if (r == 0)
        r = environment_list(req, names, n_names, position ? atoll(position) : 0, limit + 1, &rows,
                             &rep->err);
    if (r < 0)
        return r;

    json_t *list = json_array();
    rep->body = json_pack("{s:o}", "computeEnvironments", list);
    int64_t last = 0;
    for (int i = 0; i < PQntuples(rows); i++) {
        if (!names && i == limit) {
            char at[24];
            (void)snprintf(at, sizeof at, "%lld", (long long)last);
            ob_cleanup(ob_freep) char *token = page_token_new(req, at);
            (void)json_object_set_new(rep->body, "nextToken", json_string(token));
            break;
        }
        ob_cleanup(api_environment_done) api_environment e = { 0 };
        r = environment_from_row(rows, i, &e, &rep->err);
        if (r < 0)
            return r;
        (void)json_array_append_new(list, environment_json(req, &e));
        last = e.id;
    }
    return 0;
}
