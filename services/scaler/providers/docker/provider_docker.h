/* The docker provider: executors in containers of the engine that this process reaches, which may
 * itself be in one. <home>/instances is in a volume that executors get too. */
#pragma once

#include "providers/host_size.h"
#include "providers/provider.h"

typedef struct docker_settings {
    host_size size;
    char *engine; /* unix://path */
    char *image;  /* executors' */
} docker_settings;

extern const provider_kind provider_docker;
