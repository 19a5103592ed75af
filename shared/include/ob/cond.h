/* Waiting for another thread, or for a time. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Timed waits go by CLOCK_MONOTONIC, so that a clock that is set changes nothing. End it with
 * pthread_cond_destroy. */
void ob_cond_init(pthread_cond_t *cond);
/* As pthread_cond_wait, until ob_mono_ms() is 'until_ms' at the latest; false: it is. */
bool ob_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_ms);
