/* What the scheduler tells of itself (ob/service.h): dependencies and figures. Thread: the loop's.
 */
#pragma once

#include "scheduler.h"

/* A sign of life; once a second the figures. */
void health_beat(scheduler *s);
void health_postgresql(scheduler *s, bool ok, const char *text);
