/* The scheduler's part of leading; the loop itself is ob/lead.h. Thread: the loop's. */
#pragma once

#include "ob/lead.h"
#include "scheduler.h"

/* The loop with the scheduler's functions. Its bus and its leader exist by now. */
ob_lead *leading_new(scheduler *s);
