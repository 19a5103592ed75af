/* The only writers of a container's states. */
#pragma once

#include "docker_model.h"

void container_set_step(container *c, container_step step);
void container_set_origin(container *c, container_origin origin);
void container_set_start(container *c, container_start start);
void container_set_second_look(container *c, container_second_look look);
void container_set_stop(container *c, container_stop stop);
void container_set_output(container *c, output_state state);
/* Also when the container goes. */
void container_release_slot(container *c);
