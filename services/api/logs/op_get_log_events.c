/* GetLogEvents of CloudWatch Logs (AWS: "GetLogEvents"): one stream, page by page in both
 * directions. A token has the direction and a position between two events, at which the page begins
 * (forward) or ends (backward); at an end the request's token is returned. Thread: an HTTP
 * worker. */
#include "log_operations.h"
#include <stdio.h>
#include <string.h>

#include "log_reply.h"
#include "ob/message.h"
#include "request/names.h"

static const log_place BEGINNING = { 0, 0 }, END_OF_ALL = { INT64_MAX, INT64_MAX };

static int read_window(const json_t *body, log_window *ret, api_reply *rep)
{
    const char *token = ob_json_str(body, "nextToken", NULL);
    *ret = (log_window){ .from = BEGINNING,
                         .to = END_OF_ALL,
                         .start_ms = ob_json_int(body, "startTime", 0),
                         .end_ms = ob_json_int(body, "endTime", INT64_MAX),
                         .last = !ob_json_bool(body, "startFromHead", false) };
    if (token == NULL)
        return 0;
    long long at_ms, n;
    char direction;
    int used = 0;
    if (sscanf(token, "%c/%lld/%lld%n", &direction, &at_ms, &n, &used) != 3 ||
        token[used] != '\0' || at_ms < 0 || n < 0 || (direction != 'f' && direction != 'b'))
        return log_bad_token(rep);
    ret->last = direction == 'b';
    *(ret->last ? &ret->to : &ret->from) = (log_place){ at_ms, n };
    return 0;
}

static int build_page(const PGresult *rows, const log_window *w, api_reply *rep)
{
    int n = PQntuples(rows);
    char forward[64], backward[64];
    json_t *events = json_array();
    for (int row = 0; row < n; row++) {
        ob_cleanup(ob_freep) void *bytes = NULL;
        size_t len = 0;
        int r = ob_col_bytes(rows, row, LOG_COL_MESSAGE, &bytes, &len);
        if (r < 0) {
            json_decref(events);
            return r;
        }
        json_array_append_new(
            events, json_pack("{s:I, s:o, s:I}", "timestamp",
                              (json_int_t)ob_col_int(rows, row, LOG_COL_AT_MS, 0), "message",
                              log_text(bytes, len), "ingestionTime",
                              (json_int_t)ob_col_int(rows, row, LOG_COL_INGESTED_AT_MS, 0)));
    }
    log_place low = w->last && w->to.at_ms != INT64_MAX ? w->to : w->from;
    log_place high = low;
    if (n > 0) {
        low =
            (log_place){ ob_col_int(rows, 0, LOG_COL_AT_MS, 0), ob_col_int(rows, 0, LOG_COL_N, 0) };
        high = (log_place){ ob_col_int(rows, n - 1, LOG_COL_AT_MS, 0),
                            ob_col_int(rows, n - 1, LOG_COL_N, 0) + 1 };
    }
    (void)snprintf(forward, sizeof(forward), "f/%lld/%lld", (long long)high.at_ms,
                   (long long)high.n);
    (void)snprintf(backward, sizeof(backward), "b/%lld/%lld", (long long)low.at_ms,
                   (long long)low.n);
    rep->body = json_pack("{s:o, s:s, s:s}", "events", events, "nextForwardToken", forward,
                          "nextBackwardToken", backward);
    return 0;
}

int op_get_log_events(api_request *req, api_reply *rep)
{
    const char *group = NULL;
    log_window w = { 0 };
    int64_t stream_id = 0;
    int r = log_group_of(req, &group, rep);
    if (r == 0)
        r = read_window(req->body, &w, rep);
    if (r == 0)
        r = log_group_check(req, group, rep);
    if (r < 0)
        return r;
    const log_key key = { req->account, req->region, group, names_of(req, "logStreamName")->name };
    r = log_store_find(req->db, &key, &stream_id, &rep->err);
    if (r == -ENOENT)
        return log_missing(rep, "stream");
    if (r < 0)
        return r;
    ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
    r = log_store_read(req->db, stream_id, &w,
                       (int)ob_json_int(req->body, "limit", LOG_PAGE_EVENTS), &rows, &rep->err);
    req_db_release(req); /* what follows is long text */
    return r < 0 ? r : build_page(rows, &w, rep);
}
