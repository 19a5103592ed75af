/* A row of ce_usage: how much an environment is used at a time. Data only. */
#pragma once

#include <stdint.h>

typedef struct ce_usage {
    int64_t ce_id, at_ms;
    int64_t mcpu;                 /* in use by jobs */
    int64_t provisioned_mcpu;     /* of instances that are ACTIVE or DRAINING */
    int32_t desired_vcpus;        /* as in ce_status: also of those that are LAUNCHING */
    int32_t max_vcpus, instances; /* instances: that have not ended */
} ce_usage;
