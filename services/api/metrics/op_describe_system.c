/* DescribeSystem (OpenBatch's own: docs/access.md): who leads, what the services say of themselves,
 * what PostgreSQL is. All of it is what others wrote: rows of the leaders, and the services'
 * metrics, of which only those are shown that name no queue, environment or share. Thread: an HTTP
 * worker. */
#include "system_operations.h"

#include "metrics_gather.h"
#include "metrics_samples.h"
#include "ob/clock.h"
#include "request/field_tables.h"
#include "system_sql.h"

static const api_field fields_describe_system[] = { END };

const api_operation system_operations[] = {
    { API_ADMIN, "/openbatch/v1/describesystem", "DescribeSystem", op_describe_system,
      fields_describe_system, .plain = true, .audit = AUDIT_NOTHING, .heavy = true,
      .access = &(const access_rule){ .uses = { { 0 } } } },
    { 0 },
};

static const char *const shown[] = {
    "openbatch_build_info",
    "openbatch_healthy",
    "openbatch_dependency_up",
    "openbatch_leader",
    "openbatch_leader_epoch",
    "openbatch_service_up",
    "openbatch_process_start_time_seconds",
    "openbatch_process_cpu_seconds_total",
    "openbatch_process_resident_memory_bytes",
    "openbatch_process_open_fds",
    "openbatch_api_db_pool_connections",
    "openbatch_scheduler_round_seconds_bucket",
    "openbatch_scheduler_round_seconds_sum",
    "openbatch_scheduler_round_seconds_count",
    "openbatch_scheduler_engine_seconds_sum",
    "openbatch_scheduler_publisher_lag_events",
    "openbatch_inbox_rows",
    NULL,
};

static int show_leaders(api_request *req, json_t *to, ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
    int r = ob_db_exec(req->db, STMT_SYSTEM_LEADERS, NULL, &rows, err);
    json_t *list = json_array();
    (void)json_object_set_new(to, "leaders", list);
    for (int row = 0; r == 0 && row < PQntuples(rows); row++)
        (void)json_array_append_new(
            list,
            json_pack("{s:s, s:I, s:I, s:s}", "role", ob_col(rows, row, SYSTEM_LEADER_COL_ROLE),
                      "epoch", (json_int_t)ob_col_int(rows, row, SYSTEM_LEADER_COL_EPOCH, 0),
                      "round", (json_int_t)ob_col_int(rows, row, SYSTEM_LEADER_COL_ROUND, 0),
                      "holder", ob_col(rows, row, SYSTEM_LEADER_COL_HOLDER)));
    return r;
}

static int show_database(api_request *req, json_t *to, ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *row = NULL;
    int r = ob_db_exec(req->db, STMT_SYSTEM_DATABASE, NULL, &row, err);
    if (r == 0)
        (void)json_object_set_new(
            to, "database",
            json_pack(
                "{s:s, s:I, s:I, s:I, s:I}", "version", ob_col(row, 0, SYSTEM_DATABASE_COL_VERSION),
                "bytes", (json_int_t)ob_col_int(row, 0, SYSTEM_DATABASE_COL_BYTES, 0),
                "schemaVersion",
                (json_int_t)ob_col_int(row, 0, SYSTEM_DATABASE_COL_SCHEMA_VERSION, 0),
                "connections", (json_int_t)ob_col_int(row, 0, SYSTEM_DATABASE_COL_CONNECTIONS, 0),
                "startedAt", (json_int_t)ob_col_int(row, 0, SYSTEM_DATABASE_COL_STARTED_AT_MS, 0)));
    return r;
}

static int show_services(const api_request *req, json_t *to, api_reply *rep)
{
    ob_buf page = { 0 };
    bool fits = metrics_gather_in_turn(GATHER_FOR_PAGES, req->ctx->config->common.run_dir,
                                       OB_PAGE_METRICS, &page);
    if (fits)
        (void)json_object_set_new(to, "metrics", metrics_samples(page.at ? page.at : "", shown));
    ob_buf_done(&page);
    return fits ? 0
                : api_error(rep, 429, "TooManyRequestsException",
                            "Too many requests for metrics at a time; try again later.");
}

int op_describe_system(api_request *req, api_reply *rep)
{
    const api_config *config = req->ctx->config;
    json_auto_t *all = json_pack("{s:I, s:{s:I, s:I}}", "now", (json_int_t)ob_wall_ms(),
                                 "retention", "jobSeconds", (json_int_t)config->job_retention_s,
                                 "logSeconds", (json_int_t)config->log_retention_s);
    int r = req_db(req, &rep->err);
    if (r == 0)
        r = show_leaders(req, all, &rep->err);
    if (r == 0)
        r = show_database(req, all, &rep->err);
    req_db_release(req);
    if (r == 0)
        r = show_services(req, all, rep);
    if (r == 0)
        rep->body = json_incref(all);
    return r;
}
