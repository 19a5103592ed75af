/* The runtime's reports and the modules that get them. */
#pragma once

#include "executor.h"

runtime_callbacks from_runtime(executor *x);

/* For parts_purge: all but its end is ignored. */
runtime_callbacks from_purge(executor *x);
