/* DescribeLogStreams of CloudWatch Logs (AWS: "DescribeLogStreams"): the streams of a group, by
 * name or by the time of their last event. A token names the last stream of the page before.
 * Thread: an HTTP worker. */
#include "log_operations.h"
#include <stdio.h>
#include <string.h>

#include "log_reply.h"
#include "ob/message.h"
#include "request/paging.h"

#define PAGE_MAX 50

static void set_time(json_t *to, const char *name, int64_t at_ms)
{
    if (at_ms > 0)
        (void)json_object_set_new(to, name, json_integer(at_ms));
}

static json_t *stream_json(const char *group_arn, const PGresult *rows, int row)
{
    const char *name = ob_col(rows, row, LOG_STREAM_COL_NAME);
    ob_cleanup(ob_freep) char *arn = ob_strf("%s:log-stream:%s", group_arn, name);
    json_t *stream = json_pack("{s:s, s:I, s:s, s:i}", "logStreamName", name, "creationTime",
                               (json_int_t)ob_col_int(rows, row, LOG_STREAM_COL_CREATED_AT_MS, 0),
                               "arn", arn, "storedBytes", 0); /* AWS says 0 since 2019 */
    set_time(stream, "firstEventTimestamp", ob_col_int(rows, row, LOG_STREAM_COL_FIRST_AT_MS, 0));
    set_time(stream, "lastEventTimestamp", ob_col_int(rows, row, LOG_STREAM_COL_LAST_AT_MS, 0));
    set_time(stream, "lastIngestionTime",
             ob_col_int(rows, row, LOG_STREAM_COL_LAST_INGESTED_AT_MS, 0));
    return stream;
}

static int read_page(api_request *req,
                     const log_stream_page *page,
                     bool by_time,
                     const char *after,
                     PGresult **ret,
                     api_reply *rep)
{
    if (!by_time)
        return log_store_streams_by_name(req->db, page,
                                         ob_json_str(req->body, "logStreamNamePrefix", ""), after,
                                         ret, &rep->err);
    long long ms = 0, id = 0;
    if (after && sscanf(after, "%lld %lld", &ms, &id) != 2)
        return log_bad_token(rep);
    return log_store_streams_by_time(req->db, page, ms, id, ret, &rep->err);
}

static char *place_of(const PGresult *rows, int row, bool by_time)
{
    if (!by_time)
        return ob_strdup(ob_col(rows, row, LOG_STREAM_COL_NAME));
    return ob_strf("%s %s", ob_col(rows, row, LOG_STREAM_COL_LAST_AT_MS),
                   ob_col(rows, row, LOG_STREAM_COL_ID));
}

int op_describe_log_streams(api_request *req, api_reply *rep)
{
    const char *group = NULL;
    char arn[LOG_ARN_MAX];
    const char *token = ob_json_str(req->body, "nextToken", NULL);
    bool by_time = strcmp(ob_json_str(req->body, "orderBy", "LogStreamName"), "LastEventTime") == 0;
    int limit = (int)ob_json_int(req->body, "limit", PAGE_MAX);
    ob_cleanup(ob_freep) char *after = NULL;
    ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
    int r = log_group_of(req, &group, rep);
    if (r < 0)
        return r;
    if (by_time && json_object_get(req->body, "logStreamNamePrefix"))
        return log_invalid(rep, "Cannot order by LastEventTime with a logStreamNamePrefix.");
    if (token && page_token_read(req, token, &after, rep) < 0)
        return log_bad_token(rep);
    r = log_group_check(req, group, rep);
    if (r < 0)
        return r;
    const log_stream_page page = { .account = req->account,
                                   .region = req->region,
                                   .group = group,
                                   .descending = ob_json_bool(req->body, "descending", false),
                                   .limit = limit + 1 };
    r = read_page(req, &page, by_time, after, &rows, rep);
    if (r < 0)
        return r;
    json_t *streams = json_array();
    int n = PQntuples(rows);
    log_group_arn(req, group, arn);
    for (int row = 0; row < n && row < limit; row++)
        (void)json_array_append_new(streams, stream_json(arn, rows, row));
    rep->body = json_pack("{s:o}", "logStreams", streams);
    if (n > limit) {
        ob_cleanup(ob_freep) char *place = place_of(rows, limit - 1, by_time);
        ob_cleanup(ob_freep) char *next = page_token_new(req, place);
        (void)json_object_set_new(rep->body, "nextToken", json_string(next));
    }
    return 0;
}
