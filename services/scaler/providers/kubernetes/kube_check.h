/* Can an environment be used? Asks the cluster, again and again: its version, the namespace, and
 * our rights there. Changes nothing. One owner thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ob/kube.h"

typedef struct kube_check kube_check;

/* The client outlives it; the namespace is copied. */
kube_check *kube_check_new(ob_kube *kube, const char *kube_namespace);
/* Drops its call. NULL is fine. */
void kube_check_free(kube_check *c);
/* Asks what is due; flush the client afterwards. */
void kube_check_step(kube_check *c, int64_t now_ms);
/* Has a whole check ended? */
bool kube_check_done(const kube_check *c);
/* Why the environment cannot be used, as a statusReason; NULL: it can. Borrowed until the next
 * step. */
const char *kube_check_invalid(const kube_check *c);
