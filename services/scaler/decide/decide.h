/* Decides what to launch and what to give back. Pure: environments with their demand and instances
 * in, launches and drains out. No I/O, no clock: times are arguments. Sizes are nominal unless a
 * comment says otherwise; vCPUs are in thousandths. */
#pragma once

#include "decide_types.h"

/* Decides. Writes the 'out' members of envs and their instances, and at most max_launches launches
 * to 'out' (an array of that size, owned by the caller). Returns the number of launches. A second
 * call with these launches added as LAUNCHING instances does not request them again. */
size_t decide(decide_env *envs,
              size_t n_envs,
              const decide_host *host,
              const decide_limits *limits,
              decide_launch *out);
