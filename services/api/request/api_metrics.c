/* Data. */
#include "api_metrics.h"

ob_metric api_metrics[API_METRIC_COUNT] = {
    [API_SIGNATURE_FAILURES] = { "openbatch_api_signature_failures_total",
                                 OB_COUNTER,
                                 "Requests without a right signature, by the error's code; "
                                 "MetricsToken: for metrics, without the right token.",
                                 { "reason" } },
    [API_SERVICE_UP] = { "openbatch_service_up",
                         OB_GAUGE,
                         "1 if the service answered the api's question for its metrics, 0 if it "
                         "did not. The api itself is in Prometheus' own up.",
                         { "service" } },
};
