/* The beginning of a run. */
#pragma once

#include "k8s_model.h"

/* As runtime_ops.start. */
int k8s_create_prepare(
    k8s *k, const ob_run_ref *ref, int attempt, const json_t *spec, bool follow, ob_error *err);
/* What is to be made is on the disk for all runs of this turn; false: it is not. */
bool k8s_create_intended(k8s *k);
void k8s_create_go(k8s_run *r);
