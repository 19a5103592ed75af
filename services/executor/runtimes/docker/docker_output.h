/* The reading of containers' output. */
#pragma once

#include "docker_model.h"

void output_go(container *c);
void output_lost(container *c); /* nothing more will follow: the container is gone */
