/* How much a queue is used, over time. */
#pragma once

#include "model.h"

void queue_usage_update(engine *e);
/* What it uses now. */
void queue_usage_fill(const queue *q, effect_usage *u);
