/* How far a run's output was delivered, kept in the spool: Kubernetes may have thrown the beginning
 * of the output away when an executor after this one reads it. */
#pragma once

#include "k8s_model.h"

/* A line was passed on. */
void k8s_kept_note(k8s_run *r);
/* The output is with the broker up to 'offset'. */
void k8s_kept_delivered(k8s_run *r, int64_t offset);
/* Where an executor before this one was; nothing changes if nothing is known. */
void k8s_kept_recall(k8s_run *r);
/* What followed there is gone: goes on beyond all that may have been sent. */
void k8s_kept_jump(k8s_run *r);
