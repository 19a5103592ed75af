/* What the kernel's log says of a container's end. */
#pragma once

#include <stdbool.h>

#define KERNEL_LOG "/dev/kmsg"

/* Whether the kernel says that it killed a process of the container for lack of memory. path:
 * KERNEL_LOG. id: the engine's whole id of the container. false also where the log cannot be read.
 */
bool kernel_oom_killed(const char *path, const char *id);
/* Whether a record of the log says so. Pure. */
bool kernel_oom_names(const char *record, const char *id);
