/* The settings of the Docker runtime only. */
#pragma once

#include "ob/config.h"

typedef struct docker_settings {
    char *engine;      /* as DOCKER_HOST */
    char *copy;        /* empty: none */
    char *secrets_dir; /* empty: none */
    char *credentials; /* a config.json; empty: the user's own */
    int64_t pull_stall_ms;
} docker_settings;

extern const ob_config_field docker_fields[];
