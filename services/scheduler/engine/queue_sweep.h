/* What follows for jobs when a queue becomes known or is deleted. */
#pragma once

#include "model.h"

void queues_sweep(engine *e);        /* admits what was held, ends what a deleted queue has */
void queues_end_returned(engine *e); /* what came back to a deleted queue */
void queues_drop_unused_classes(engine *e); /* those without jobs and reason */
