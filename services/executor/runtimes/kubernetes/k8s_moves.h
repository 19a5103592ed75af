/* The only writers of a pod's states. */
#pragma once

#include "k8s_model.h"

void k8s_set_step(k8s_run *r, k8s_step step);
void k8s_set_stop(k8s_run *r, k8s_stop_state stop);
void k8s_set_doubt(k8s_run *r, k8s_doubt doubt);
void k8s_set_output(k8s_run *r, k8s_output_state state);
