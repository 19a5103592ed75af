/* The start of a container. */
#pragma once

#include "docker_model.h"

/* As runtime_ops.start. */
int begin_prepare(
    docker *d, const ob_run_ref *ref, int attempt, const json_t *spec, bool follow, ob_error *err);
void begin_create(container *c);
void begin_start(container *c);
void begin_start_intended(container *c);
