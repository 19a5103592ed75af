/* What a container has used, for its end. */
#pragma once

#include "docker_model.h"

/* It runs, or did a moment ago. Safe to call again. */
void docker_use_begin(container *c);
/* Waits no longer. */
void docker_use_end(container *c);
