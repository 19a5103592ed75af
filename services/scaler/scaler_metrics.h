/* The scaler's metrics: docs/metrics.md, which is made from the table, says what each is. */
#pragma once

#include "ob/metrics.h"

enum scaler_metric {
    SCALER_INSTANCES,
    SCALER_VCPUS,
    SCALER_DEMAND,
    SCALER_LACKING,
    SCALER_OLDEST_LAUNCH,
    SCALER_LAUNCHES,
    SCALER_LAUNCH_SECONDS,
    SCALER_ENDS,
    SCALER_PROVIDER_ERRORS,
    SCALER_RUNS,
    SCALER_ENGINES,
    SCALER_STARTS,
    SCALER_START_SECONDS,
    SCALER_PULLS,
    SCALER_PULL_SECONDS,
    SCALER_TURN,
    SCALER_INBOX,
    SCALER_REFUSED,
    SCALER_METRIC_COUNT
};

extern ob_metric scaler_metrics[SCALER_METRIC_COUNT];
