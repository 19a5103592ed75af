/* Containers without a daemon: this process makes them, with crun or runc. */
#pragma once

#include "runtimes/runtime.h"

extern const runtime_ops runtime_oci;
