/* The cluster of k8s_world.h, for the world's other half. */
#pragma once

#include "k8s_world.h"

extern world *the_world;

/* Answers one request, or gives it more of its answer; false: there is nothing to do. */
bool answer_one(world *w);
