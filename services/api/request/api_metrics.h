/* The api's metrics: docs/metrics.md, which is made from the table, says what each is. */
#pragma once

#include "ob/metrics.h"

enum api_metric {
    API_SIGNATURE_FAILURES,
    API_SERVICE_UP,
    API_METRIC_COUNT
};

extern ob_metric api_metrics[API_METRIC_COUNT];
