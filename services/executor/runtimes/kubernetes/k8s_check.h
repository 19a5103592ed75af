/* Is a run's pod there, and is it ours? */
#pragma once

#include "k8s_model.h"

/* Asks, if there is a doubt. */
void k8s_check_go(k8s_run *r);
/* It is not sought any more: it is to be removed, whether it is there or not. */
void k8s_check_forget(k8s_run *r);
/* Its pod is there, and nobody here has made it. */
void k8s_check_found(k8s_run *r);
