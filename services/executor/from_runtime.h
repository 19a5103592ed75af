/* The runtime's reports and the modules that get them. */
#pragma once

#include "executor.h"

runtime_callbacks from_runtime(executor *x);
