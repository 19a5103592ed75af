/* The executor's settings from its environment. */
#pragma once

#include "ob/config.h"
#include "ob/permit.h"
#include "runtimes/runtimes.h"

typedef struct settings {
    ob_config_common common; /* first */
    char *instance, *dir, *token_file, *ce, *type;
    char *runtime;
    char *engine, *secrets_dir, *credentials;
    int64_t pull_stall_ms;
    char *privileged, *host_mounts, *devices;
    int64_t gpus;
    int64_t heartbeat_ms, log_limit;
    char *imds;
    int64_t notice_ms, term_ms;
    char *join_token;
    int64_t join_vcpus, join_memory_mib, leave_ms;
} settings;

/* The executor's own fields and those of all runtimes, for a settings_new. */
const ob_config_field *settings_fields(void);
/* Empty, with a part for each runtime behind. */
settings *settings_new(void);
void settings_free(settings *s);
/* What the runtime's fields have filled. */
const void *settings_of_runtime(const settings *s, const runtime_ops *ops);
