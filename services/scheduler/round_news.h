/* What the log says of rounds and queues: slow rounds, a summary each minute, queues whose first
 * job is blocked. All functions: the loop's thread. */
#pragma once

#include "scheduler.h"

#define NEWS_SLOW_US 1000000

/* A round has been committed; its effects are still there. */
void news_round(const scheduler *s, int64_t whole_us, int64_t engine_us);
/* Writes what is due. Once a second, while it leads. */
void news_post(const scheduler *s, int64_t now_ms);
/* This process does not lead any more. */
void news_forget(void);
