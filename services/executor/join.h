/* An executor started by hand: which instance it is, and what lets it join an unmanaged compute
 * environment (docs/capacity.md). */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "ob/error.h"

/* Before the configuration is read: takes --compute-environment, --vcpus and --memory from the
 * arguments into the environment and, with OPENBATCH_JOIN_TOKEN there, what else such an executor
 * needs: its directory, an instance id of its own and a token, made once. Returns how many
 * arguments are left in argv. Errors: -EINVAL, -errno. */
int join_prepare(int argc, char **argv, ob_error *err);
/* Everything of the instance has ended: the next start is another instance. */
void join_forget(const char *dir);
/* What its messages carry. vcpus, memory_mib: 0 = the host's. New. */
json_t *join_offer(const char *join_token, int64_t vcpus, int64_t memory_mib, int64_t gpus);
