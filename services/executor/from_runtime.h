/* What the runtime reports, and to which module it goes. */
#pragma once

#include "executor.h"

runtime_callbacks from_runtime(executor *x);
