/* StopJobs and DescribeStop (OpenBatch's own: docs/access.md): stops all jobs of a queue that
 * match, by one row that the scheduler carries out in steps, and says how far that is. Thread: an
 * HTTP worker. */
#include <stdio.h>
#include <string.h>

#include "job_operations.h"
#include "ob/job.h"
#include "ob/message.h"
#include "request/resolve.h"
#include "stop_request.h"

int op_stop_jobs(api_request *req, api_reply *rep)
{
    api_queue queue = { 0 };
    job_mass_stop wanted;
    const job_scope scope = { req->account, req->region };
    char text[24];
    int64_t id = 0;
    int r = stop_request_read(req, &wanted, rep);
    if (r == 0)
        r = resolve_queue(req, &queue, rep);
    if (r < 0)
        return r;
    wanted.queue_id = queue.id;
    r = job_store_mass_stop(req->db, scope, &wanted, &id, &rep->err);
    if (r < 0)
        return r;
    if (id == 0)
        return api_error(rep, 429, "TooManyRequestsException",
                         "%d requests to stop jobs of this queue, or %d of all queues, are not "
                         "finished yet",
                         STOPS_OPEN_QUEUE_MAX, STOPS_OPEN_MAX);
    api_ring_command(req->ctx);
    (void)snprintf(text, sizeof(text), "%lld", (long long)id);
    rep->body = json_pack("{s:s}", "stopId", text);
    return 0;
}

static json_t *states_json(int64_t states)
{
    json_t *out = json_array();
    for (int state = 0; state < OB_JOB_STATE_COUNT; state++)
        if (states >> state & 1)
            (void)json_array_append_new(out, json_string(ob_job_state_name((ob_job_state)state)));
    return out;
}

static json_t *definition_json(const PGresult *row)
{
    const char *name = ob_col(row, 0, STOP_STATE_COL_DEFINITION);
    int revision = (int)ob_col_int(row, 0, STOP_STATE_COL_REVISION, 0);
    if (!name || revision == 0)
        return name ? json_string(name) : NULL;
    return json_sprintf("%s:%d", name, revision);
}

static void add_time(json_t *out, const char *member, const PGresult *row, int column)
{
    int64_t at_ms = ob_col_int(row, 0, column, 0);
    if (at_ms > 0)
        (void)json_object_set_new(out, member, json_integer(at_ms));
}

static json_t *stop_json(const char *id, const PGresult *row)
{
    bool begun = ob_col(row, 0, STOP_STATE_COL_BEGUN_AT_MS);
    bool finished = ob_col(row, 0, STOP_STATE_COL_FINISHED_AT_MS);
    json_t *out =
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:s*, s:o*, s:s*, s:I, s:I}", "stopId", id, "status",
                  finished ? "FINISHED"
                  : begun  ? "RUNNING"
                           : "WAITING",
                  "action", ob_col_bool(row, 0, STOP_STATE_COL_TERMINATE) ? "TERMINATE" : "CANCEL",
                  "reason", ob_col(row, 0, STOP_STATE_COL_REASON), "states",
                  states_json(ob_col_int(row, 0, STOP_STATE_COL_STATES, 0)), "jobNamePrefix",
                  ob_col(row, 0, STOP_STATE_COL_NAME_PREFIX), "jobDefinition", definition_json(row),
                  "shareIdentifier", ob_col(row, 0, STOP_STATE_COL_SHARE), "looked",
                  (json_int_t)ob_col_int(row, 0, STOP_STATE_COL_LOOKED, 0), "matched",
                  (json_int_t)ob_col_int(row, 0, STOP_STATE_COL_MATCHED, 0));
    add_time(out, "createdAt", row, STOP_STATE_COL_CREATED_AT_MS);
    add_time(out, "begunAt", row, STOP_STATE_COL_BEGUN_AT_MS);
    add_time(out, "finishedAt", row, STOP_STATE_COL_FINISHED_AT_MS);
    return out;
}

/* 0: the text is not the id of a request. */
static int64_t id_of(const char *text)
{
    size_t n = strspn(text, "0123456789");
    return n > 0 && n <= 18 && !text[n] ? atoll(text) : 0;
}

int op_describe_stop(api_request *req, api_reply *rep)
{
    api_queue queue;
    ob_cleanup(ob_pq_clearp) PGresult *row = NULL;
    const char *text = ob_json_str(req->body, "stopId", "");
    const job_scope scope = { req->account, req->region };
    int r = resolve_queue(req, &queue, rep);
    if (r == 0)
        r = job_store_mass_stop_get(req->db, scope, queue.id, id_of(text), &row, &rep->err);
    if (r < 0)
        return r;
    if (PQntuples(row) == 0)
        return api_error(rep, 400, "NoSuchEntityException",
                         "job queue %s has no request %.20s to stop jobs", queue.name, text);
    rep->body = stop_json(text, row);
    return 0;
}
