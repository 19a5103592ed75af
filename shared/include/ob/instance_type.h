/* An EC2 instance type. Plain data. */
#pragma once

#include <stdint.h>

typedef enum ob_arch { OB_ARCH_NONE, OB_ARCH_X86_64, OB_ARCH_ARM64 } ob_arch;

typedef struct ob_instance_type {
    const char *name; /* m5.large */
    ob_arch arch;
    int32_t vcpus;   /* nominal: counts against maxvCpus */
    int32_t mem_mib; /* nominal */
    int32_t gpus;
    /* Approximate prices in millionths of a dollar an hour: for ranking only. */
    int64_t on_demand, spot;
    int32_t interruptions; /* how often Spot instances are interrupted, in %: for ranking only */
} ob_instance_type;
