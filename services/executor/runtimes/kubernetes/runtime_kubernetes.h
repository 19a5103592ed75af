/* The runtime for pods of a Kubernetes cluster, on the one node that is the executor's instance. */
#pragma once

#include "k8s_settings.h"
#include "runtimes/runtime.h"

extern const runtime_ops runtime_kubernetes;
