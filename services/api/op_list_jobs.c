/* ListJobs: the jobs of a queue in one state or passing a filter, or the children of an array, in
 * pages. A filter does not apply to children. Thread: an HTTP worker. */
#include <stdio.h>
#include <string.h>

#include "job_detail.h"
#include "job_filter.h"
#include "job_store.h"
#include "job_view.h"
#include "ob/message.h"
#include "page.h"
#include "resolve.h"

#define STATE_PAGE_MAX 1000 /* AWS: ListJobs by status */
#define FILTER_PAGE_MAX 100 /* AWS: ListJobs with filters */

typedef struct listing {
    ob_job_state state;
    bool any_state; /* a filter goes for all states, but for SHARE_IDENTIFIER with a status */
    list_filter filter;
    bool has_filter;
    const char *position; /* of the page before; NULL: the first */
    int limit;
} listing;

/* One more row than a page tells whether another follows. */
static int list_queue(api_request *req, listing *l, PGresult **ret, api_reply *rep)
{
    api_queue queue;
    ob_uuid before, *below = NULL;
    int r = resolve_queue(req, &queue, rep);
    if (r < 0)
        return r;
    if (l->position != NULL) {
        if (!ob_uuid_parse(l->position, strlen(l->position), &before))
            return api_client_error(rep, "Invalid nextToken.");
        below = &before;
    } else if (l->filter.sql.before_ms > 0) {
        int64_t lead_ms = 0;
        r = job_store_id_lead(req->db, &lead_ms, &rep->err);
        if (r < 0)
            return r;
        before = ob_uuid_from_ms(l->filter.sql.before_ms + lead_ms);
        below = &before;
    }
    if (!l->any_state)
        return job_store_list_state(req->db, queue.id, l->state, l->filter.sql.share, below,
                                    l->limit + 1, ret, &rep->err);
    int limit = l->filter.nothing ? 0 : l->limit + 1;
    return job_store_list_filtered(req->db, queue.id, &l->filter.sql, below, limit, ret, &rep->err);
}

static int list_children(api_request *req, const listing *l, PGresult **ret, api_reply *rep)
{
    const api_name *named = names_of(req, "arrayJobId");
    char scope[JOB_DETAIL_PREFIX_MAX];
    ob_job_ref array = named->job;
    bool exists = false;
    job_detail_scope(scope, req->region, req->account);
    if (named->valid && array.index < 0) {
        int r = job_store_array_exists(req->db, &array.id, scope, &exists, &rep->err);
        if (r < 0)
            return r;
    }
    if (!exists)
        return api_client_error(rep, "Array job %.100s does not exist.", named->text);
    int from = l->position != NULL ? atoi(l->position) : 0;
    return job_store_list_children(req->db, &array.id, scope, l->state, from, l->limit + 1, ret,
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

/* The one of the three that is given; NULL with the reply filled. */
static const char *what(const api_request *req, api_reply *rep)
{
    static const char *const names[] = { "jobQueue", "arrayJobId", "multiNodeJobId" };
    const char *found = NULL;
    int n = 0;
    for (size_t i = 0; i < 3; i++) {
        if (json_is_nothing(json_object_get(req->body, names[i])))
            continue;
        found = names[i];
        n++;
    }
    if (n == 1)
        return found;
    (void)api_client_error(
        rep, "Exactly one of jobQueue, arrayJobId and multiNodeJobId must be specified.");
    return NULL;
}

static int read_listing(const api_request *req, listing *l, api_reply *rep)
{
    const json_t *filters = json_object_get(req->body, "filters");
    const char *status = ob_json_str(req->body, "jobStatus", "");
    l->state = *status ? (ob_job_state)ob_job_state_parse(status) : OB_JOB_RUNNING;
    l->has_filter = json_array_size(filters) > 0;
    if (!l->has_filter)
        return 0;
    int r = list_filter_read(req, filters, &l->filter, rep);
    l->any_state = l->filter.sql.share == NULL || *status == '\0';
    return r;
}

int op_list_jobs(api_request *req, api_reply *rep)
{
    listing l = { 0 };
    const char *of = what(req, rep);
    int r = of != NULL ? read_listing(req, &l, rep) : -EINVAL;
    if (r < 0)
        return r;
    if (strcmp(of, "multiNodeJobId") == 0)
        return api_client_error(rep, "Multi-node parallel job %.100s does not exist.",
                                ob_json_str(req->body, of, ""));
    ob_cleanup(ob_freep) char *position = NULL;
    ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
    bool children = strcmp(of, "arrayJobId") == 0;
    bool filtered = l.has_filter && !children;
    r = page_read(req, filtered ? FILTER_PAGE_MAX : STATE_PAGE_MAX, &l.limit, &position, rep);
    if (r == 0)
        r = req_db(req, &rep->err);
    if (r < 0)
        return r;
    l.position = position;
    r = children ? list_children(req, &l, &rows, rep) : list_queue(req, &l, &rows, rep);
    req_db_release(req);
    return r < 0 ? r : build_page(req, rows, l.limit, children, rep);
}
