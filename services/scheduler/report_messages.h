/* Messages of Kafka: doorbells, and executors' messages. A message is read when it arrives and fed
 * to the engine in the next round; it is kept until that round is committed, so that it can be fed
 * again after a failure. Everything may arrive twice. Thread: the loop's. */
#pragma once

#include "scheduler.h"

/* The bus's handler; arg is the scheduler. */
void reports_on_message(const ob_bus_msg *msg, void *arg);
/* Feeds the engine with new messages. The instances that they name are known by now
 * (topology_refresh), or do not exist. */
void reports_feed(scheduler *s);
/* Call it when they are committed (or had nothing to commit). */
void reports_forget(scheduler *s);
/* Call it for a new engine, which has seen none of them. */
void reports_again(scheduler *s);
