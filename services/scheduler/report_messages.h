/* What comes by Kafka: doorbells, and what executors say. A message is taken when it arrives and
 * fed to the engine in the next round; until that round is committed it is kept, to be fed again
 * after a failure. Everything may come twice. Thread: the loop's. */
#pragma once

#include "scheduler.h"

/* The bus's handler; arg is the scheduler. */
void reports_on_message(const ob_bus_msg *msg, void *arg);
/* Feeds the engine with what it has not seen. The instances named are known by now
 * (topology_refresh), or do not exist. */
void reports_feed(scheduler *s);
/* They are committed (or had nothing to commit). */
void reports_forget(scheduler *s);
/* The engine is another one: it has seen nothing. */
void reports_again(scheduler *s);
