/* What the scheduler tells of itself (ob/service.h): dependencies and figures. Thread: the loop's.
 */
#pragma once

#include "scheduler.h"

/* Posts all; once a second is enough. */
void health_post(const scheduler *s);
