/* What the executor is told by its environment. */
#pragma once

#include "ob/config.h"
#include "ob/permit.h"

typedef struct settings {
    ob_config_common common; /* first */
    char *instance, *dir, *token_file, *ce, *type, *copy;
    char *runtime, *engine;
    char *secrets_dir, *docker_config;
    char *privileged, *host_mounts, *devices;
    int64_t gpus;
    int64_t heartbeat_ms, log_limit, pull_stall_ms;
    char *imds;
    int64_t notice_ms, term_ms;
    char *join_token;
    int64_t join_vcpus, join_memory_mib, leave_ms;
} settings;

extern const ob_config_field settings_fields[];
