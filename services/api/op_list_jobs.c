/* ListJobs: the jobs of a queue or the children of an array in one state, in pages. Thread: an HTTP
 * worker. */
#include <stdio.h>
#include <string.h>

#include "job_detail.h"
#include "job_store.h"
#include "job_view.h"
#include "ops.h"
#include "page.h"
#include "resolve.h"

#define LIST_PAGE_MAX 1000 /* AWS: ListJobs by status */

/* One more row than a page tells whether another follows. */
static int list_queue(api_request *req,
                      ob_job_state state,
                      const char *position,
                      int limit,
                      PGresult **ret,
                      api_reply *rep)
{
    api_queue queue;
    int r =
        resolve_queue(req, json_string_value(json_object_get(req->body, "jobQueue")), &queue, rep);
    if (r < 0)
        return r;
    ob_uuid before;
    if (position != NULL && !ob_uuid_parse(position, strlen(position), &before))
        return api_client_error(rep, "Invalid nextToken.");
    return job_store_list_queue(req->db, queue.id, state, position != NULL ? &before : NULL,
                                limit + 1, ret, &rep->err);
}

static int list_children(api_request *req,
                         ob_job_state state,
                         const char *position,
                         int limit,
                         PGresult **ret,
                         api_reply *rep)
{
    const char *text = json_string_value(json_object_get(req->body, "arrayJobId"));
    char scope[JOB_DETAIL_PREFIX_MAX];
    ob_job_ref array;
    bool exists = false;
    job_detail_scope(scope, req->region, req->account);
    if (ob_job_ref_parse(text, &array) && array.index < 0) {
        int r = job_store_array_exists(req->db, &array.id, scope, &exists, &rep->err);
        if (r < 0)
            return r;
    }
    if (!exists)
        return api_client_error(rep, "Array job %.100s does not exist.", text);
    int from = position != NULL ? atoi(position) : 0;
    return job_store_list_children(req->db, &array.id, scope, state, from, limit + 1, ret,
                                   &rep->err);
}

static int build_page(api_request *req, PGresult *rows, int limit, bool children, api_reply *rep)
{
    int n = PQntuples(rows);
    json_t *list = json_array();
    rep->body = json_pack("{s:o}", "jobSummaryList", list);
    for (int row = 0; row < n && row < limit; row++) {
        json_t *one = job_view_summary(req, rows, row);
        if (one != NULL)
            json_array_append_new(list, one);
    }
    if (n <= limit)
        return 0;
    char position[OB_UUID_TEXT];
    ob_uuid id;
    if (children)
        snprintf(position, sizeof(position), "%d", (int)ob_col_int(rows, limit, JOB_COL_INDEX, 0));
    else if (ob_col_uuid(rows, limit - 1, JOB_COL_ID, &id))
        ob_uuid_format(&id, position);
    ob_cleanup(ob_freep) char *token = page_token_new(req, position);
    json_object_set_new(rep->body, "nextToken", json_string(token));
    return 0;
}

int op_list_jobs(api_request *req, api_reply *rep)
{
    bool by_queue = json_object_get(req->body, "jobQueue") != NULL;
    bool by_array = json_object_get(req->body, "arrayJobId") != NULL;
    if (json_object_get(req->body, "multiNodeJobId") != NULL)
        return api_client_error(rep, "multiNodeJobId is not supported by OpenBatch yet.");
    if (by_queue == by_array)
        return api_client_error(
            rep, "Exactly one of jobQueue, arrayJobId and multiNodeJobId must be specified.");
    const char *status = json_string_value(json_object_get(req->body, "jobStatus"));
    int state = status != NULL ? ob_job_state_parse(status) : OB_JOB_RUNNING;
    if (state < 0)
        return api_client_error(rep, "Invalid jobStatus %.60s.", status);

    int limit = 0;
    ob_cleanup(ob_freep) char *position = NULL;
    ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
    int r = page_read(req, LIST_PAGE_MAX, &limit, &position, rep);
    if (r < 0)
        return r;
    r = req_db(req, &rep->err);
    if (r < 0)
        return r;
    r = by_queue ? list_queue(req, (ob_job_state)state, position, limit, &rows, rep)
                 : list_children(req, (ob_job_state)state, position, limit, &rows, rep);
    req_db_release(req);
    if (r < 0)
        return r;
    return build_page(req, rows, limit, by_array, rep);
}
