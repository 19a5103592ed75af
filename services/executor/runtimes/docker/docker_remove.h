/* The removal of containers and their volumes. */
#pragma once

#include "docker_model.h"

void remove_go(container *c);
