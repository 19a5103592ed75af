/* The scheduler's metrics: docs/metrics.md, which is made from the table, says what each is. */
#pragma once

#include "ob/metrics.h"

enum scheduler_metric {
    SCHED_JOBS,
    SCHED_CHILDREN,
    SCHED_TRANSITIONS,
    SCHED_ENDS,
    SCHED_WAIT,
    SCHED_START,
    SCHED_RUN,
    SCHED_RETRIES,
    SCHED_OLDEST,
    SCHED_BLOCKED,
    SCHED_WAITING_VCPUS,
    SCHED_WAITING_MEMORY,
    SCHED_WAITING_GPUS,
    SCHED_USED_VCPUS,
    SCHED_USED_MEMORY,
    SCHED_USED_GPUS,
    SCHED_SHARE_VCPUS,
    SCHED_SHARE_USAGE,
    SCHED_ROUND,
    SCHED_ENGINE,
    SCHED_CLASSES,
    SCHED_UNWELL,
    SCHED_HELD,
    SCHED_INBOX,
    SCHED_PUBLISHED,
    SCHED_PUBLISHER_LAG,
    SCHED_PUBLISHER_STUCK,
    SCHED_TRACES_SENT,
    SCHED_TRACES_DROPPED,
    SCHED_REPEATED,
    SCHED_SYNCS,
    SCHED_REFUSED,
    SCHED_METRIC_COUNT
};

extern ob_metric scheduler_metrics[SCHED_METRIC_COUNT];
