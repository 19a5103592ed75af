/* The control groups of a container: one with cgroup v2, one in each hierarchy with v1. With
 * 'deep' also those below it, which a privileged container may have made; the group of an instance
 * has the groups of other containers below it. */
#pragma once

#include <stdbool.h>

/* group: from the root of a hierarchy, "/openbatch/…". All but keeper_groups_oom is for any user of
 * the group's name, whether the group exists or not. */

/* How many of its processes the kernel has killed for lack of memory. */
long keeper_groups_oom(const char *group);
/* Kills its processes, and waits a moment until they are gone. False: some are left. */
bool keeper_groups_kill(const char *group, bool deep);
/* Removes it where it is empty. */
void keeper_groups_remove(const char *group, bool deep);
