/* Removes what an environment that is deleted has left in its cluster: pods with its label. Usually
 * that is nothing, because each instance removes its own; but one that was lost may not have been
 * able to. One owner thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ob/kube.h"

typedef struct kube_clear kube_clear;

/* uuid: of the environment. The client outlives it; the texts are copied. */
kube_clear *kube_clear_new(ob_kube *kube, const char *uuid, const char *kube_namespace);
/* Drops its calls. NULL is fine. */
void kube_clear_free(kube_clear *c);
/* Sends what is due; flush the client afterwards. */
void kube_clear_step(kube_clear *c, int64_t now_ms);
/* Is nothing left? A pod whose node does not answer counts as removed some time after Kubernetes
 * was asked for that: it goes when its node is back, or gone. */
bool kube_clear_done(const kube_clear *c);
/* Why it does not come to its end: the last refusal; "": none. Borrowed until the next step. */
const char *kube_clear_problem(const kube_clear *c);
