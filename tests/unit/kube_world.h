/* A client of a fake cluster, and what drives both. */
#pragma once

#include "fake_kube.h"
#include "ob/kube.h"

typedef struct kube_world {
    fake_kube server;
    ob_kube *k;
} kube_world;

void kube_world_begin(kube_world *w);
void kube_world_end(kube_world *w);
/* Drives client and server once. */
void kube_world_step(kube_world *w);
/* Until so many requests have come; fails after a while. */
void kube_world_wait(kube_world *w, size_t requests);
/* Until the client has read what is there. */
void kube_world_settle(kube_world *w);
