/* The scheduler's health (ob/service.h): dependencies and figures. Thread: the loop's */
#pragma once

#include "scheduler.h"

/* Reports everything, also as metrics; once a second is enough. */
void health_post(scheduler *s);
