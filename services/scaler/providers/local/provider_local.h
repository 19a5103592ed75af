/* The local provider: executors on this host, each under a runsv of its own, posing as instances.
 */
#pragma once

#include "providers/host_size.h"
#include "providers/provider.h"

typedef struct local_settings {
    host_size size;
    char *executor; /* path of openbatch-executor; empty: the scaler's neighbour */
} local_settings;

extern const provider_kind provider_local;

/* The same for nodes of Kubernetes clusters: their executors run on this host too, and speak to the
 * cluster. It takes launches of the type PROVIDER_KUBERNETES only, of any size; provider_local
 * leaves their directories alone. settings: provider_local's. New. */
provider *provider_local_nodes(const void *settings, const provider_context *context);
