/* ListJobs: the jobs of a queue in one state or matching a filter, or the children of an array, in
 * pages. A filter does not apply to children. A page may have fewer jobs than it could, or none,
 * although more follow (job_list.c). A token is valid only for the request that returned it.
 * Thread: an HTTP worker. */
#include "job_operations.h"
#include <stdio.h>
#include <string.h>

#include "job_detail_text.h"
#include "job_filter.h"
#include "job_list.h"
#include "job_store.h"
#include "job_view.h"
#include "ob/digest.h"
#include "ob/hex.h"
#include "ob/message.h"
#include "request/paging.h"
#include "request/resolve.h"

#define STATE_PAGE_MAX 1000 /* AWS: ListJobs by status */
#define FILTER_PAGE_MAX 100 /* AWS: ListJobs with filters */
#define HASH_TEXT (2 * 8 + 1)

typedef struct listing {
    ob_job_state state;
    bool any_state; /* a filter applies to all states, except SHARE_IDENTIFIER with a status */
    list_filter filter;
    bool has_filter;
    job_cursor cursor;
} listing;

static void page_done(job_page *page)
{
    PQclear(page->rows);
}

static int list_queue(api_request *req, listing *l, job_page *ret, api_reply *rep)
{
    api_queue queue;
    const job_filter *filter = &l->filter.sql;
    int r = resolve_queue(req, &queue, rep);
    if (r < 0 || l->filter.nothing)
        return r;
    return l->any_state
               ? job_list_filtered(req->db, queue.id, filter, l->cursor, ret, &rep->err)
               : job_list_state(req->db, queue.id, l->state, filter, l->cursor, ret, &rep->err);
}

static int list_children(api_request *req, const listing *l, job_page *ret, api_reply *rep)
{
    const api_name *named = names_of(req, "arrayJobId");
    const job_scope scope = { req->account, req->region };
    ob_job_ref array = named->job;
    bool exists = false;
    if (named->valid && array.index < 0) {
        int r = job_store_array_exists(req->db, scope, &array.id, &exists, &rep->err);
        if (r < 0)
            return r;
    }
    if (!exists)
        return api_client_error(rep, "Array job %.100s does not exist.", named->text);
    return job_list_children(req->db, scope, &array.id, l->state, l->cursor, ret, &rep->err);
}

/* The request that a token belongs to: all its members except the size of the page. */
static void hash_question(const api_request *req, char out[HASH_TEXT])
{
    uint8_t hash[OB_SHA256_BYTES];
    json_auto_t *question = json_copy(req->body);
    (void)json_object_del(question, "nextToken");
    (void)json_object_del(question, "maxResults");
    ob_cleanup(ob_freep) char *text = json_dumps(question, JSON_COMPACT | JSON_SORT_KEYS);
    ob_sha256(text, strlen(text), hash);
    ob_hex(hash, HASH_TEXT / 2, out);
}

/* position: the token's text on entry; on return the text after the hash, if it belongs to this
 * request. */
static int check_token(const api_request *req, const char **position, api_reply *rep)
{
    char hash[HASH_TEXT];
    if (!*position)
        return 0;
    hash_question(req, hash);
    if (strncmp(*position, hash, strlen(hash)) != 0 || (*position)[strlen(hash)] != ' ')
        return api_client_error(rep, "Invalid nextToken");
    *position += strlen(hash) + 1;
    return 0;
}

static void build_page(api_request *req, const job_page *page, int limit, api_reply *rep)
{
    int n = page->rows ? PQntuples(page->rows) : 0;
    json_t *list = json_array();
    rep->body = json_pack("{s:o}", "jobSummaryList", list);
    for (int row = 0; row < n && row < limit; row++) {
        json_t *one = job_view_summary(req, page->rows, row);
        if (one != NULL)
            json_array_append_new(list, one);
    }
    if (!*page->next)
        return;
    char hash[HASH_TEXT];
    hash_question(req, hash);
    ob_cleanup(ob_freep) char *position = ob_strf("%s %s", hash, page->next);
    ob_cleanup(ob_freep) char *token = page_token_new(req, position);
    json_object_set_new(rep->body, "nextToken", json_string(token));
}

/* The one of the three members that is present; NULL with the reply filled. */
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
    ob_cleanup(ob_freep) char *text = NULL;
    ob_cleanup(page_done) job_page page = { 0 };
    bool children = strcmp(of, "arrayJobId") == 0;
    bool filtered = l.has_filter && !children;
    r = page_read(req, filtered ? FILTER_PAGE_MAX : STATE_PAGE_MAX, &l.cursor.limit, &text, rep);
    l.cursor.position = text;
    if (r == 0)
        r = check_token(req, &l.cursor.position, rep);
    if (r == 0)
        r = req_db(req, &rep->err);
    if (r < 0)
        return r;
    r = children ? list_children(req, &l, &page, rep) : list_queue(req, &l, &page, rep);
    req_db_release(req);
    if (r == 0)
        build_page(req, &page, l.cursor.limit, rep);
    return r;
}
