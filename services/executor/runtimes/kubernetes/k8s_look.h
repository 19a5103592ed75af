/* What a pod says, and what follows. */
#pragma once

#include "k8s_model.h"

/* The pod as a list or a watch told it. */
void k8s_look(k8s_run *r, const json_t *pod);
/* The pod as a request about it was answered. A watch may have told something newer meanwhile,
 * which counts instead; also when it did so before the answer said whose pod it is
 * (k8s_look_later). */
void k8s_look_answer(k8s_run *r, const json_t *pod);
/* Keeps what a watch told of a pod whose creation has no answer yet. */
void k8s_look_later(k8s_run *r, json_t *pod);
/* There is no pod of this run any more, or another that somebody else has made. */
void k8s_look_gone(k8s_run *r);
/* Does it wait too long? Has to be asked again after a while. */
void k8s_look_waits(k8s_run *r);
