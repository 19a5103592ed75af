/* Is a run's pod there, and is it ours? */
#pragma once

#include "k8s_model.h"

/* Asks, if there is a doubt. */
void k8s_check_go(k8s_run *r);
