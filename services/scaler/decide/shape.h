/* Work of one size. */
#pragma once

#include <stdint.h>

#include "ob/job.h"

typedef struct decide_shape {
    ob_resources need;
    int64_t count;
} decide_shape;
