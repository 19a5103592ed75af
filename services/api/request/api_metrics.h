/* The api's metrics: docs/metrics.md, which is made from the table, says what each is. */
#pragma once

#include "ob/metrics.h"

enum api_metric {
    API_REQUESTS,
    API_REQUEST_SECONDS,
    API_SIGNATURE_FAILURES,
    API_CONNECTIONS,
    API_CONNECTIONS_CUT,
    API_SUBMIT_BATCH,
    API_SUBMIT_COMMIT,
    API_POOL_CONNECTIONS,
    API_POOL_WAIT,
    API_LOG_LINES,
    API_LOG_TURN,
    API_LOG_GAPS,
    API_LOG_REFUSED,
    API_SERVICE_UP,
    API_METRIC_COUNT
};

extern ob_metric api_metrics[API_METRIC_COUNT];
