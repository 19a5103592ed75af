/* The task sizes of AWS Fargate ("ResourceRequirement" of the AWS Batch API reference). Read-only;
 * any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "ob/job.h"

/* Is it one of the legal pairs of vCPUs and memory? GPUs: none. */
bool ob_fargate_is_legal(const ob_resources *size);

#define OB_FARGATE_SIZES_MAX 128
/* All legal pairs, smallest first. Returns the number of pairs. */
size_t ob_fargate_sizes(ob_resources out[OB_FARGATE_SIZES_MAX]);
