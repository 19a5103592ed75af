/* ListInstances (OpenBatch's own: docs/access.md): the instances of an environment that are not
 * TERMINATED, page by page in the order of their ids, and why it gets no more of them. Reads only.
 * Thread: an HTTP worker. */
#include "environment.h"
#include "environment_operations.h"
#include "instance_store.h"
#include "instance_view.h"
#include "ob/json.h"
#include "request/paging.h"

#define PAGE_MAX 100

/* The reasons only: the sizes of waiting jobs are theirs. */
static json_t *shortages_json(const PGresult *rows)
{
    json_t *out = json_array();
    const char *text = PQntuples(rows) ? ob_col(rows, 0, LACKING_COL_LACKING) : NULL;
    json_auto_t *lacking = text ? ob_json_read_text(text) : NULL;
    const char *why;
    json_t *needs;
    json_object_foreach(lacking, why, needs)
    {
        (void)json_array_append_new(out, json_string(why));
    }
    return out;
}

static void set_next(api_request *req, const char *last, api_reply *rep)
{
    ob_cleanup(ob_freep) char *token = page_token_new(req, last);
    (void)json_object_set_new(rep->body, "nextToken", json_string(token));
}

int op_list_instances(api_request *req, api_reply *rep)
{
    ob_cleanup(api_environment_done) api_environment e = { 0 };
    ob_cleanup(ob_freep) char *after = NULL;
    ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
    ob_cleanup(ob_pq_clearp) PGresult *lacking = NULL;
    int limit = 0;
    int r = page_read(req, PAGE_MAX, &limit, &after, rep);
    if (r == 0)
        r = environment_looked_at(req, &e, rep);
    if (r == 0)
        r = instance_page(req, e.id, after ? after : "", limit + 1, &rows, &rep->err);
    if (r == 0)
        r = instance_shortages(req, e.id, &lacking, &rep->err);
    if (r < 0)
        return r;
    json_t *list = json_array();
    int n = PQntuples(rows) > limit ? limit : PQntuples(rows);
    for (int i = 0; i < n; i++)
        (void)json_array_append_new(list, instance_json(rows, i));
    rep->body = json_pack("{s:s, s:o, s:o}", "computeEnvironmentName", e.name, "instances", list,
                          "shortages", shortages_json(lacking));
    if (PQntuples(rows) > limit)
        set_next(req, ob_col(rows, n - 1, INSTANCE_COL_ID), rep);
    return 0;
}
