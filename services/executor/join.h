/* An executor started by hand: its identity, and its data for joining an unmanaged compute
 * environment (docs/capacity.md). */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "ob/error.h"
#include "spool.h"

/* Call it before the configuration is read. Moves --compute-environment, --vcpus and --memory from
 * the arguments into the environment. If OPENBATCH_JOIN_TOKEN is set, it also sets what such an
 * executor needs: its directory, an instance id and a token, which are made once. Returns the
 * number of arguments left in argv. Errors: -EINVAL, -errno. */
int join_prepare(int argc, char **argv, ob_error *err);
/* A message under the instance's key has come, so the copy knows the instance: from the next
 * spool_sync on it keeps its id, whatever its next join token is. Cheap when it is known already.
 */
void join_accept(spool *s, const char *instance);
/* Call it when everything of the instance has ended: the next start is another instance. */
void join_forget(const char *dir);
/* The size in its messages. vcpus, memory_mib: 0 = the host's. New. */
json_t *join_offer(int64_t vcpus, int64_t memory_mib, int64_t gpus);
