/* The end of what is left of a run. */
#pragma once

#include "k8s_model.h"

void k8s_remove_go(k8s_run *r);
/* Kubernetes says that the pod is gone: the run is gone, too. */
void k8s_remove_done(k8s_run *r);
