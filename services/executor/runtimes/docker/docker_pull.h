/* The pulls of images. */
#pragma once

#include "docker_model.h"

void pull_join(container *c);
void pull_leave(container *c);
void pull_free_all(docker *d);
