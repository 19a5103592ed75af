/* The watch of this instance's pods. */
#pragma once

#include "k8s_model.h"

/* Makes the client of the cluster. Errors: -EINVAL (a setting is missing, or the cluster's file is
 * not valid), -errno. */
int k8s_cluster_make(k8s *k, ob_error *err);
void k8s_cluster_done(k8s *k);
/* Lists and watches. */
void k8s_cluster_open(k8s *k);
/* Advances the watch, in each turn. */
void k8s_cluster_step(k8s *k);
/* Tells the executor of a complete list. */
void k8s_cluster_go(k8s *k);
