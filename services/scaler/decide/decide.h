/* What to launch and what to give back: pure. Environments with their demand and instances in,
 * launches and drains out. No I/O, no clock: times are arguments. */
#pragma once

#include "decide_types.h"

/* Decides. Writes the 'out' members of envs and their instances, and at most max_launches launches
 * to 'out' (the caller's array of that size). Returns the number of launches. Calling it again with
 * the launches added as LAUNCHING instances yields no more of the same. */
size_t decide(decide_env *envs,
              size_t n_envs,
              const decide_host *host,
              const decide_limits *limits,
              decide_launch *out);
