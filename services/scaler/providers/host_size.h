/* The capacity of providers whose executors all run on one host: nominal, from settings or from the
 * host's size. */
#pragma once

#include <stdint.h>

#include "ob/config.h"

typedef struct host_size {
    int64_t vcpus, memory_mib; /* 0: by this host's size */
} host_size;

/* Its rows of a table of settings; offset: of a host_size. */
#define HOST_SIZE_FIELDS(offset)                                                                   \
    { "OPENBATCH_LOCAL_VCPUS",                                                                     \
      OB_CONFIG_INT,                                                                               \
      (offset) + offsetof(host_size, vcpus),                                                       \
      "0",                                                                                         \
      "nominal vCPUs of the local and docker providers; 0: four times the host's cores",           \
      0,                                                                                           \
      1000000 },                                                                                   \
    {                                                                                              \
        "OPENBATCH_LOCAL_MEMORY_MIB", OB_CONFIG_INT, (offset) + offsetof(host_size, memory_mib),   \
            "0",                                                                                   \
            "nominal memory of the local and docker providers; 0: twice the host's, at least "     \
            "16 GiB",                                                                              \
            0, 1 << 30                                                                             \
    }

/* Replaces 0 by this host's size. */
int host_size_complete(host_size *size, ob_error *err);
