/* What a pod says, and what follows. */
#pragma once

#include "k8s_model.h"

/* The pod as Kubernetes has it now. */
void k8s_look(k8s_run *r, const json_t *pod);
/* There is no pod of this run any more, or another that somebody else has made. */
void k8s_look_gone(k8s_run *r);
/* Does it wait too long? Has to be asked again after a while. */
void k8s_look_waits(k8s_run *r);
