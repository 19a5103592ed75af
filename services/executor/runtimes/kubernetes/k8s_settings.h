/* The settings of the Kubernetes runtime only. */
#pragma once

#include "ob/config.h"

typedef struct k8s_settings {
    char *dir, *cluster, *name_space, *node, *node_uid, *ce_uuid;
    int64_t create_ms;
} k8s_settings;

extern const ob_config_field k8s_fields[];
