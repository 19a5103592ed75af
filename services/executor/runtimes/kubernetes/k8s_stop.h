/* The end of pods that run, or wait. */
#pragma once

#include "k8s_model.h"

/* The executor wants its end. */
void k8s_stop_ask(k8s_run *r, int grace_s);
/* It waits for what does not come. why: the reason of its end; empty: it is given back. */
void k8s_stop_doom(k8s_run *r, const char *why);
/* Was its deletion asked for by an executor before? */
void k8s_stop_recall(k8s_run *r);
/* Sends what is wanted. The pod is there. */
void k8s_stop_go(k8s_run *r);
