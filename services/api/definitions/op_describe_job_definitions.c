/* DescribeJobDefinitions: a list of name:revision or ARNs, or pages by name and status, newest
 * first. Unknown ones are left out. Thread: an HTTP worker. */
#include "definition_operations.h"
#include <stdio.h>
#include <string.h>

#include "definition_store.h"
#include "ob/json.h"
#include "request/describe.h"
#include "request/paging.h"

#define PAGE_MAX 100

static json_t *definition_json(const api_request *req, const PGresult *rows, int row)
{
    const char *name = ob_col(rows, row, DEF_COL_NAME);
    int revision = (int)ob_col_int(rows, row, DEF_COL_REVISION, 0);
    char arn[API_ARN_MAX];
    arn_job_definition(arn, req->region, req->account, name, revision);
    json_t *out = ob_json_read_text(ob_col(rows, row, DEF_COL_BODY));
    json_auto_t *more = json_pack("{s:s, s:s, s:i, s:s}", "jobDefinitionName", name,
                                  "jobDefinitionArn", arn, "revision", revision, "status",
                                  ob_col_bool(rows, row, DEF_COL_ACTIVE) ? "ACTIVE" : "INACTIVE");
    if (out)
        (void)json_object_update(out, more);
    return out;
}

static bool is_in(const json_t *list, const json_t *definition)
{
    const json_t *arn = json_object_get(definition, "jobDefinitionArn");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_equal(json_object_get(json_array_get(list, i), "jobDefinitionArn"), arn))
            return true;
    return false;
}

/* Each once, even if the request names it twice. */
static int
describe_listed(api_request *req, const char **names, size_t n, json_t *list, api_reply *rep)
{
    for (size_t i = 0; i < n; i++) {
        char name[API_NAME_MAX];
        int revision = 0;
        if (!definition_name_split(names[i], name, &revision))
            continue;
        ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
        int r = definition_find(req, name, revision, false, &rows, &rep->err);
        if (r < 0)
            return r;
        json_auto_t *one = PQntuples(rows) > 0 ? definition_json(req, rows, 0) : NULL;
        if (one && !is_in(list, one))
            (void)json_array_append(list, one);
    }
    return 0;
}

static int describe_page(api_request *req, json_t *list, api_reply *rep)
{
    const char *name = json_string_value(json_object_get(req->body, "jobDefinitionName"));
    const char *status = json_string_value(json_object_get(req->body, "status"));
    int active = -1, limit = 0;
    if (status && *status)
        active = strcmp(status, "ACTIVE") == 0 ? 1 : strcmp(status, "INACTIVE") == 0 ? 0 : 2;
    ob_cleanup(ob_freep) char *position = NULL;
    int r = page_read(req, PAGE_MAX, &limit, &position, rep);
    if (r < 0)
        return r;
    if (active == 2) /* no definition has another status */
        return 0;
    ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
    r = definition_list(req, name && *name ? name : NULL, active, position ? atoll(position) : 0,
                        limit + 1, &rows, &rep->err);
    if (r < 0)
        return r;
    for (int i = 0; i < PQntuples(rows) && i < limit; i++)
        (void)json_array_append_new(list, definition_json(req, rows, i));
    if (PQntuples(rows) > limit) {
        ob_cleanup(ob_freep) char *token = page_token_new(req, ob_col(rows, limit - 1, DEF_COL_ID));
        (void)json_object_set_new(rep->body, "nextToken", json_string(token));
    }
    return 0;
}

int op_describe_job_definitions(api_request *req, api_reply *rep)
{
    ob_cleanup(ob_freep) const char **names = NULL;
    size_t n = 0;
    int r =
        describe_names(req, "jobDefinitions", "JobDefinitions", "job-definition", &names, &n, rep);
    if (r < 0)
        return r;
    if (names && json_object_get(req->body, "jobDefinitionName"))
        return api_client_error(rep, "JobDefinitions and JobDefinitionName cannot both be set");
    if (names && json_object_get(req->body, "status"))
        return api_client_error(rep, "JobDefinitions and Status cannot both be set");
    json_t *list = json_array();
    rep->body = json_pack("{s:o}", "jobDefinitions", list);
    return names ? describe_listed(req, names, n, list, rep) : describe_page(req, list, rep);
}
