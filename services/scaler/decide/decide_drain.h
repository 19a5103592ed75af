/* What is given back: pure. Part of decide. */
#pragma once

#include "decide_work.h"

/* Of an environment, what has been idle for long enough and no work waits for. The largest first,
 * so that the rest above minvCpus is small. */
void drain_idle(work *k, work_env *w);
/* What makes room on the provider for environments that lack it: idle instances, or a share of one
 * that has more than its own. */
void drain_for_room(work *k);
