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
