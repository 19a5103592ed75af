/* Data. */
#include "api_metrics.h"

ob_metric api_metrics[API_METRIC_COUNT] = {
    [API_REQUESTS] = { "openbatch_api_requests_total",
                       OB_COUNTER,
                       "Answered requests with a right signature, by the error's code (OK: none). "
                       "AccessDeniedException: the key's policy does not allow it. Health and "
                       "metrics are not counted.",
                       { "operation", "code" } },
    [API_REQUEST_SECONDS] = { "openbatch_api_request_seconds",
                              OB_HISTOGRAM,
                              "From the arrival of a whole request to its answer.",
                              { "operation" },
                              6,
                              ob_bounds_us },
    [API_SIGNATURE_FAILURES] = { "openbatch_api_signature_failures_total",
                                 OB_COUNTER,
                                 "Requests without a right signature, by the error's code; "
                                 "MetricsToken: for metrics, without the right token.",
                                 { "reason" } },
    [API_CONNECTIONS] = { "openbatch_api_connections",
                          OB_GAUGE,
                          "Connections of clients that have a thread: it works, or it waits for "
                          "the client.",
                          { "state" } },
    [API_CONNECTIONS_CUT] = { "openbatch_api_connections_cut_total",
                              OB_COUNTER,
                              "Connections that were closed: slow (past the time limit), scarce "
                              "(sooner, because threads were scarce), stranger (without a request "
                              "while threads were scarce).",
                              { "reason" } },
    [API_SUBMIT_BATCH] = { "openbatch_api_submit_batch_size", OB_HISTOGRAM,
                           "Submissions that one commit stored.", .bounds = ob_bounds_count },
    [API_SUBMIT_COMMIT] = { "openbatch_api_submit_commit_seconds", OB_HISTOGRAM,
                            "Storing of a batch of submissions, with its commit.", .decimals = 6,
                            .bounds = ob_bounds_us },
    [API_POOL_CONNECTIONS] = { "openbatch_api_db_pool_connections",
                               OB_GAUGE,
                               "Places for database connections that requests share: taken, idle, "
                               "unopened.",
                               { "state" } },
    [API_POOL_WAIT] = { "openbatch_api_db_pool_wait_seconds", OB_HISTOGRAM,
                        "How long a request waited for one of them.", .decimals = 6,
                        .bounds = ob_bounds_us },
    [API_LOG_LINES] = { "openbatch_api_log_lines_total", OB_COUNTER,
                        "Lines of jobs' output that were stored." },
    [API_LOG_TURN] = { "openbatch_api_log_intake_seconds", OB_HISTOGRAM,
                       "Storing of the output that had arrived, in one transaction.", .decimals = 6,
                       .bounds = ob_bounds_us },
    [API_LOG_GAPS] = { "openbatch_api_log_gaps_total", OB_COUNTER,
                       "Places where output of a job is missing: a line in its log says so." },
    [API_LOG_REFUSED] = { "openbatch_api_log_chunks_refused_total", OB_COUNTER,
                          "Pieces of output that were refused: from a wrong sender, of an unknown "
                          "run, past the limit." },
    [API_SERVICE_UP] = { "openbatch_service_up",
                         OB_GAUGE,
                         "1 if the service answered the api's question for its metrics, 0 if it "
                         "did not. The api itself is in Prometheus' own up.",
                         { "service" } },
};
