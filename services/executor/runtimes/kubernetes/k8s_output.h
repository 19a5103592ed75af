/* Containers' output, by the log requests of Kubernetes' API. */
#pragma once

#include "k8s_model.h"

/* Reads on, if there is something to read. */
void k8s_output_go(k8s_run *r);
/* The reader has space again. */
void k8s_output_resume(k8s_run *r);
/* Its pod is gone: what was read is all that there is. */
void k8s_output_lost(k8s_run *r);
