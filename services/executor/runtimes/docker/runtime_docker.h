/* The runtime for containers of the Docker Engine. */
#pragma once

#include "docker_settings.h"
#include "runtimes/runtime.h"

extern const runtime_ops runtime_docker;
