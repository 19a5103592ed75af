/* What the processes of a control group have used, until it is removed. For the keeper, too. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define GROUP_USE_ROOT "/sys/fs/cgroup"

typedef struct group_use {
    int64_t cpu_ms;     /* of all processors, rounded up; 0: unknown */
    int64_t peak_bytes; /* the most memory at a time, with the page cache that the kernel counts to
                           it; 0: unknown */
} group_use;

/* root: GROUP_USE_ROOT. group: from the root of a hierarchy, "/openbatch/…". With cgroup v1 (also
 * beside v2) each figure is in a hierarchy of its own. */
group_use group_use_read(const char *root, const char *group);
/* A process of the group, the first one if it lives; 0: there is none. -1: there is no such group,
 * or its processes are in another namespace. */
int group_use_process(const char *root, const char *group);
