/* DescribeArrayTimes (OpenBatch's own: docs/access.md): how long the children of an array that have
 * ended ran, as the bars of a histogram. Reads one row a child. Thread: an HTTP worker. */
#include "job_operations.h"

#include "job_store.h"
#include "ob/message.h"
#include "request/names.h"

#define BARS_USUAL 30

static json_int_t number(const PGresult *rows, int row, int column)
{
    return (json_int_t)ob_col_int(rows, row, column, 0);
}

static json_t *bar_view(const PGresult *rows, int row)
{
    json_int_t width = number(rows, row, ARRAY_TIMES_COL_WIDTH_MS);
    json_int_t from = number(rows, row, ARRAY_TIMES_COL_LEAST_MS) +
                      width * number(rows, row, ARRAY_TIMES_COL_BAR);
    return json_pack("{s:I, s:I, s:I, s:I}", "from", from, "to", from + width, "succeeded",
                     number(rows, row, ARRAY_TIMES_COL_SUCCEEDED), "failed",
                     number(rows, row, ARRAY_TIMES_COL_FAILED));
}

int op_describe_array_times(api_request *req, api_reply *rep)
{
    const api_name *named = names_of(req, "jobId");
    const job_scope scope = { req->account, req->region };
    int bars = (int)ob_json_int(req->body, "maxBars", BARS_USUAL);
    bool exists = false;
    ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
    int r = req_db(req, &rep->err);
    if (r == 0 && named->valid && named->job.index < 0)
        r = job_store_array_exists(req->db, scope, &named->job.id, &exists, &rep->err);
    if (r == 0 && exists)
        r = job_store_array_times(req->db, scope, &named->job.id, bars, &rows, &rep->err);
    if (r < 0)
        return r;
    req_db_release(req);
    if (!exists)
        return api_error(rep, 400, "NoSuchEntityException", "array job %.100s does not exist",
                         named->text);
    json_t *list = json_array();
    rep->body = json_pack("{s:o}", "bars", list);
    for (int row = 0; row < PQntuples(rows); row++)
        (void)json_array_append_new(list, bar_view(rows, row));
    if (PQntuples(rows) > 0) {
        (void)json_object_set_new(rep->body, "least",
                                  json_integer(number(rows, 0, ARRAY_TIMES_COL_LEAST_MS)));
        (void)json_object_set_new(rep->body, "median",
                                  json_integer(number(rows, 0, ARRAY_TIMES_COL_MEDIAN_MS)));
        (void)json_object_set_new(rep->body, "most",
                                  json_integer(number(rows, 0, ARRAY_TIMES_COL_MOST_MS)));
    }
    return 0;
}
