/* DescribeLogGroups of CloudWatch Logs (AWS: "DescribeLogGroups"): the groups that job definitions
 * name, in the order of their names. Thread: an HTTP worker. */
#include "log_operations.h"
#include <string.h>

#include "log_reply.h"
#include "ob/message.h"
#include "request/paging.h"

#define PAGE_MAX 50
#define DAY_S 86400

static json_t *group_json(const api_request *req, const PGresult *rows, int row)
{
    char arn[LOG_ARN_MAX];
    const char *name = ob_col(rows, row, LOG_GROUP_COL_NAME);
    log_group_arn(req, name, arn);
    ob_cleanup(ob_freep) char *all = ob_strf("%s:*", arn);
    json_t *group = json_pack(
        "{s:s, s:I, s:i, s:s, s:I, s:s, s:s}", "logGroupName", name, "creationTime",
        (json_int_t)ob_col_int(rows, row, LOG_GROUP_COL_CREATED_AT_MS, 0), "metricFilterCount", 0,
        "arn", all, "storedBytes", (json_int_t)ob_col_int(rows, row, LOG_GROUP_COL_STORED_BYTES, 0),
        "logGroupClass", "STANDARD", "logGroupArn", arn);
    int64_t kept_s = req->ctx->config->log_retention_s;
    if (kept_s > 0)
        (void)json_object_set_new(group, "retentionInDays",
                                  json_integer((kept_s + DAY_S - 1) / DAY_S));
    return group;
}

/* The groups that logGroupIdentifiers names. */
static int named(api_request *req, const json_t *list, PGresult **ret, api_reply *rep)
{
    static const char *const alone[] = { "logGroupNamePrefix", "logGroupNamePattern",
                                         "logGroupClass" };
    char *names[PAGE_MAX];
    size_t i, n = 0;
    json_t *item;
    for (i = 0; i < ARRAY_SIZE(alone); i++)
        if (json_object_get(req->body, alone[i]))
            return log_invalid(rep, "logGroupIdentifiers and %s cannot be given together.",
                               alone[i]);
    json_array_foreach(list, i, item)
    {
        char *name = n < PAGE_MAX
                         ? arn_log_group(json_string_value(item), true, req->region, req->account)
                         : NULL;
        if (name)
            names[n++] = name;
    }
    int r = log_store_groups_named(req->db, req->account, req->region, (const char *const *)names,
                                   n, ret, &rep->err);
    while (n > 0)
        free(names[--n]);
    return r;
}

static int page_of(api_request *req, int limit, PGresult **ret, api_reply *rep)
{
    const char *prefix = ob_json_str(req->body, "logGroupNamePrefix", NULL);
    const char *match = ob_json_str(req->body, "logGroupNamePattern", NULL);
    const char *token = ob_json_str(req->body, "nextToken", NULL);
    ob_cleanup(ob_freep) char *after = NULL;
    if (prefix && match)
        return log_invalid(rep,
                           "logGroupNamePrefix and logGroupNamePattern are mutually exclusive.");
    if (token && page_token_read(req, token, &after, rep) < 0)
        return log_bad_token(rep);
    const log_group_page page = { .account = req->account,
                                  .region = req->region,
                                  .prefix = prefix ? prefix : "",
                                  .match = match,
                                  .after = after,
                                  .limit = limit + 1 };
    return log_store_groups(req->db, &page, ret, &rep->err);
}

int op_describe_log_groups(api_request *req, api_reply *rep)
{
    int limit = (int)ob_json_int(req->body, "limit", PAGE_MAX);
    const json_t *identifiers = json_object_get(req->body, "logGroupIdentifiers");
    const char *class = ob_json_str(req->body, "logGroupClass", "STANDARD");
    ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
    int r = req_db(req, &rep->err);
    if (r == 0 && identifiers) {
        limit = PAGE_MAX;
        r = named(req, identifiers, &rows, rep);
    } else if (r == 0) {
        r = page_of(req, limit, &rows, rep);
    }
    if (r < 0)
        return r;
    json_t *groups = json_array();
    rep->body = json_pack("{s:o}", "logGroups", groups);
    if (strcmp(class, "STANDARD") != 0)
        return 0;
    int n = PQntuples(rows);
    for (int row = 0; row < n && row < limit; row++)
        (void)json_array_append_new(groups, group_json(req, rows, row));
    if (n > limit) {
        ob_cleanup(ob_freep) char *next =
            page_token_new(req, ob_col(rows, limit - 1, LOG_GROUP_COL_NAME));
        (void)json_object_set_new(rep->body, "nextToken", json_string(next));
    }
    return 0;
}
