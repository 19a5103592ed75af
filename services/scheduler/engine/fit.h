/* What of a class fits where. */
#pragma once

#include "model.h"

void fit_update(const engine *e, class *cls); /* brings cls->fit up to date with the topology */
/* How many of that need fit the free capacity. */
int64_t fit_count(const ce *c, const ob_resources *need, const ob_resources *room);
