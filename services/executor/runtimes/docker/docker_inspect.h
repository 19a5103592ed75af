/* The state of a container. */
#pragma once

#include "docker_model.h"

void container_inspect(container *c);
/* A listing shows it as running. */
void container_listed(container *c);
/* The records about a container that was created before this process started. */
void container_recall(container *c);
/* It was to be started, and it is not known whether it was. why: the reason's first part. stayed:
 * the engine answered and has run since it was asked. Ends the run: as not started if that can be
 * proven, else as one that may have run. */
void container_end_doubtful(container *c, const char *why, bool stayed);
