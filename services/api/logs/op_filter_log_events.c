/* FilterLogEvents of CloudWatch Logs (AWS: "FilterLogEvents"): events of many streams in the order
 * of time that match a pattern. A token has the direction and the last event that was examined;
 * without one there is nothing more. A page may be empty although more follows: reading stops after
 * SCAN_MS.
 *
 * If several streams are read, events of the last SETTLE_MS are left for the next call: their
 * outputs arrive one after the other, and a client that continues from the latest time it has seen
 * (`aws logs tail --follow`) would miss later arrivals. Thread: an HTTP worker. */
#include "log_operations.h"
#include <stdio.h>
#include <string.h>

#include "log_filter.h"
#include "log_reply.h"
#include "ob/clock.h"
#include "ob/message.h"
#include "request/names.h"
#include "request/paging.h"

#define SCAN_MS 1000
#define SETTLE_MS 500
#define STREAMS_MAX 100 /* more are read along the time, not one by one */

typedef struct page {
    json_t *events;
    size_t bytes;
    int limit;
    bool full;
} page;

static int read_names(const api_request *req, const char **names, size_t *ret_n, api_reply *rep)
{
    const json_t *body = req->body, *list = json_object_get(body, "logStreamNames");
    const api_name *name;
    size_t n = 0;
    if (list && json_object_get(body, "logStreamNamePrefix"))
        return log_invalid(rep, "logStreamNames and logStreamNamePrefix cannot be given together.");
    for (; n < STREAMS_MAX && (name = names_at(req, "logStreamNames[]", n)); n++)
        names[n] = name->name;
    *ret_n = n;
    return 0;
}

/* The token's position, or the beginning of a first page. */
static int read_place(api_request *req, log_search *s, api_reply *rep)
{
    const char *token = ob_json_str(req->body, "nextToken", NULL);
    s->backward = !ob_json_bool(req->body, "startFromHead", true);
    s->behind = log_search_begin(s->backward);
    if (!token)
        return 0;
    ob_cleanup(ob_freep) char *position = NULL;
    char direction;
    long long at_ms, stream_id, n;
    if (page_token_read(req, token, &position, rep) < 0 ||
        sscanf(position, "%c %lld %lld %lld", &direction, &at_ms, &stream_id, &n) != 4)
        return log_bad_token(rep);
    s->backward = direction == 'b';
    s->behind = (log_search_place){ at_ms, stream_id, n };
    return 0;
}

/* The streams to search; s->n_streams == 0 with s->streams: there is nothing to find. *ret_ids is
 * to be freed. */
static int choose_streams(api_request *req, log_search *s, int64_t **ret_ids, api_reply *rep)
{
    const char *names[STREAMS_MAX];
    size_t n_names = 0;
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = read_names(req, names, &n_names, rep);
    if (r < 0)
        return r;
    r = log_store_candidates(req->db, s, n_names ? names : NULL, n_names, STREAMS_MAX + 1, &res,
                             &rep->err);
    if (r < 0)
        return r;
    int n = PQntuples(res);
    if (n > STREAMS_MAX)
        return 0;
    *ret_ids = ob_calloc((size_t)n + 1, sizeof(**ret_ids));
    for (int i = 0; i < n; i++)
        (*ret_ids)[i] = ob_col_int(res, i, LOG_CANDIDATE_COL_ID, 0);
    s->streams = *ret_ids;
    s->n_streams = (size_t)n;
    if (n == 1)
        s->ingested_until_ms = INT64_MAX;
    return 0;
}

static int add_event(page *p, const PGresult *rows, int row, const log_filter *filter)
{
    ob_cleanup(ob_freep) void *bytes = NULL;
    size_t len = 0;
    char id[64];
    int r = ob_col_bytes(rows, row, LOG_COL_MESSAGE, &bytes, &len);
    if (r < 0)
        return r;
    if (!log_filter_takes(filter, bytes, len))
        return 0;
    if (p->bytes > 0 && p->bytes + len + LOG_EVENT_BYTES > LOG_PAGE_BYTES) {
        p->full = true;
        return 0;
    }
    int64_t at_ms = ob_col_int(rows, row, LOG_COL_AT_MS, 0);
    (void)snprintf(id, sizeof(id), "%014lld%019lld%023lld", (long long)at_ms,
                   (long long)ob_col_int(rows, row, LOG_FOUND_IN_COL_STREAM_ID, 0),
                   (long long)ob_col_int(rows, row, LOG_COL_N, 0));
    (void)json_array_append_new(
        p->events,
        json_pack("{s:s, s:I, s:o, s:I, s:s}", "logStreamName",
                  ob_col(rows, row, LOG_FOUND_IN_COL_NAME), "timestamp", (json_int_t)at_ms,
                  "message", log_text(bytes, len), "ingestionTime",
                  (json_int_t)ob_col_int(rows, row, LOG_COL_INGESTED_AT_MS, 0), "eventId", id));
    p->bytes += len + LOG_EVENT_BYTES;
    return 0;
}

/* Adds events until the page is full, there are no more, or it takes too long. *ret_more: there may
 * be more after s->behind. */
static int fill_page(api_request *req,
                     log_search *s,
                     const log_filter *filter,
                     page *p,
                     bool *ret_more,
                     api_reply *rep)
{
    int64_t until_ms = ob_mono_ms() + SCAN_MS;
    int step = log_filter_is_empty(filter) ? p->limit : LOG_PAGE_EVENTS;
    for (*ret_more = true; *ret_more && !p->full && ob_mono_ms() < until_ms;) {
        ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
        int r = log_store_search(req->db, s, step, &rows, &rep->err);
        if (r < 0)
            return r;
        int n = PQntuples(rows);
        int64_t found = n > 0 ? ob_col_int(rows, 0, LOG_FOUND_IN_COL_FOUND, 0) : 0;
        *ret_more = found == step || n < found;
        for (int row = 0; row < n; row++) {
            r = add_event(p, rows, row, filter);
            if (r < 0)
                return r;
            if (p->full) {
                *ret_more = true;
                break;
            }
            s->behind = (log_search_place){ ob_col_int(rows, row, LOG_COL_AT_MS, 0),
                                            ob_col_int(rows, row, LOG_FOUND_IN_COL_STREAM_ID, 0),
                                            ob_col_int(rows, row, LOG_COL_N, 0) };
            if ((int)json_array_size(p->events) == p->limit) {
                p->full = true;
                *ret_more |= row + 1 < n;
                break;
            }
        }
    }
    return 0;
}

static int search(api_request *req, log_search *s, const log_filter *filter, api_reply *rep)
{
    ob_cleanup(ob_freep) int64_t *ids = NULL;
    bool more = false;
    int r = choose_streams(req, s, &ids, rep);
    if (r < 0)
        return r;
    page p = { .events = json_array(),
               .limit = (int)ob_json_int(req->body, "limit", LOG_PAGE_EVENTS) };
    if (!s->streams || s->n_streams > 0)
        r = fill_page(req, s, filter, &p, &more, rep);
    rep->body = json_pack("{s:o, s:[]}", "events", p.events, "searchedLogStreams");
    if (r == 0 && more) {
        ob_cleanup(ob_freep) char *position =
            ob_strf("%c %lld %lld %lld", s->backward ? 'b' : 'f', (long long)s->behind.at_ms,
                    (long long)s->behind.stream_id, (long long)s->behind.n);
        ob_cleanup(ob_freep) char *token = page_token_new(req, position);
        (void)json_object_set_new(rep->body, "nextToken", json_string(token));
    }
    return r;
}

int op_filter_log_events(api_request *req, api_reply *rep)
{
    const char *group = NULL;
    ob_cleanup(log_filter_freep) log_filter *filter = NULL;
    ob_error err = { 0 };
    int r = log_group_of(req, &group, rep);
    if (r < 0)
        return r;
    if (log_filter_new(ob_json_str(req->body, "filterPattern", ""), &filter, &err) < 0)
        return log_invalid(rep, "%s", err.text);
    log_search s = {
        .account = req->account,
        .region = req->region,
        .group = group,
        .prefix = ob_json_str(req->body, "logStreamNamePrefix", ""),
        .start_ms = ob_json_int(req->body, "startTime", 0),
        .end_ms = ob_json_int(req->body, "endTime", INT64_MAX),
        .ingested_until_ms = ob_wall_ms() - SETTLE_MS,
    };
    r = read_place(req, &s, rep);
    if (r == 0)
        r = log_group_check(req, group, rep);
    return r < 0 ? r : search(req, &s, filter, rep);
}
