/* Waiting for another thread or until a time. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Timed waits use CLOCK_MONOTONIC, so setting the clock does not affect them. Free it with
 * pthread_cond_destroy. */
void ob_cond_init(pthread_cond_t *cond);
/* As pthread_cond_wait, but returns false once ob_mono_ms() reaches 'until_ms'. */
bool ob_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_ms);
