/* What follows for jobs when a queue becomes known or is deleted. */
#pragma once

#include "model.h"

void queues_sweep(engine *e);               /* admits held jobs, ends the jobs of a deleted queue */
void queues_end_returned(engine *e);        /* jobs that came back to a deleted queue */
void queues_drop_unused_classes(engine *e); /* those without jobs and reason */
