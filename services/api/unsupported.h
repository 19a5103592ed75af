/* Operations of AWS Batch that OpenBatch does not have. */
#pragma once

#include "request/operation.h"

extern const api_operation unsupported_operations[]; /* ends with key == NULL */
