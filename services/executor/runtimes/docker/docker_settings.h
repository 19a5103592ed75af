/* The settings of the Docker runtime only. */
#pragma once

#include "ob/config.h"

typedef struct docker_settings {
    char *copy; /* empty: none */
} docker_settings;

extern const ob_config_field docker_fields[];
