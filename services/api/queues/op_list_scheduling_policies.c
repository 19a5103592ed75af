/* DescribeSchedulingPolicies, by ARNs (unknown ones are left out), and ListSchedulingPolicies, page
 * by page. Thread: an HTTP worker. */
#include "ob/json.h"
#include "policy_operations.h"
#include "request/describe.h"
#include "request/paging.h"
#include "sched_policy_store.h"

#define PAGE_MAX 100

int op_describe_scheduling_policies(api_request *req, api_reply *rep)
{
    ob_cleanup(ob_freep) const char **names = NULL;
    ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
    size_t n = 0;
    int r = describe_names(req, "arns", "Arns", "scheduling-policy", &names, &n, rep);
    if (r == 0)
        r = sched_policy_list(req, &(store_selection){ .names = names, .n = n }, &rows, &rep->err);
    if (r < 0)
        return r;
    json_t *list = json_array();
    rep->body = json_pack("{s:o}", "schedulingPolicies", list);
    for (int i = 0; i < PQntuples(rows); i++) {
        char arn[API_ARN_MAX];
        const char *name = ob_col(rows, i, SCHED_POLICY_COL_NAME);
        arn_scheduling_policy(arn, req->region, req->account, name);
        json_t *one = ob_json_read_text(ob_col(rows, i, SCHED_POLICY_COL_BODY));
        if (!one)
            return ob_fail(&rep->err, EIO, "the stored body of %s is damaged", arn);
        (void)json_object_set_new(one, "name", json_string(name));
        (void)json_object_set_new(one, "arn", json_string(arn));
        (void)json_array_append_new(list, one);
    }
    return 0;
}

int op_list_scheduling_policies(api_request *req, api_reply *rep)
{
    ob_cleanup(ob_freep) char *position = NULL;
    ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
    int limit = 0;
    int r = page_read(req, PAGE_MAX, &limit, &position, rep);
    if (r == 0)
        r = sched_policy_list(
            req, &(store_selection){ .after = position ? atoll(position) : 0, .limit = limit + 1 },
            &rows, &rep->err);
    if (r < 0)
        return r;
    json_t *list = json_array();
    rep->body = json_pack("{s:o}", "schedulingPolicies", list);
    for (int i = 0; i < PQntuples(rows) && i < limit; i++) {
        char arn[API_ARN_MAX];
        arn_scheduling_policy(arn, req->region, req->account,
                              ob_col(rows, i, SCHED_POLICY_COL_NAME));
        (void)json_array_append_new(list, json_pack("{s:s}", "arn", arn));
    }
    if (PQntuples(rows) > limit) {
        ob_cleanup(ob_freep) char *token =
            page_token_new(req, ob_col(rows, limit - 1, SCHED_POLICY_COL_ID));
        (void)json_object_set_new(rep->body, "nextToken", json_string(token));
    }
    return 0;
}
