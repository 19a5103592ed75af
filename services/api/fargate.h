/* What Fargate offers. */
#pragma once

#include <stdbool.h>

#include "ob/job.h"

/* Is it one of the pairs of vCPUs and memory that AWS runs a task with? (AWS Batch API reference,
 * "ResourceRequirement".) GPUs: none. */
bool fargate_size_is_legal(const ob_resources *size);
