/* Clients of a history: environments, queues and jobs, and requests to stop some. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Makes environments and queues now, and plans submissions until 'until_us'. */
void workload_plan(uint64_t seed, int64_t until_us, size_t jobs);
bool workload_done(void);
