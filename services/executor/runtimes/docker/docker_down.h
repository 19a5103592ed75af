/* The loss of the engine. */
#pragma once

#include "docker_model.h"

/* A request got no answer: the engine counts as unreachable until it is connected again. */
void docker_down(docker *d, const char *why);
/* Ends the requests that are not a container's: the version, the events, a listing. No end counts
 * as published any more: another dockerd may answer next. */
void docker_drop_calls(docker *d);
