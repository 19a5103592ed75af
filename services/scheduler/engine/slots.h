/* Free capacity on instances that take new runs, sorted. */
#pragma once

#include "model.h"

ob_resources instance_room(const instance *i);
void slots_remove(instance *i);
void slots_insert(instance *i); /* unless it takes nothing */
instance *slots_best_fit(const ce *c, const ob_resources *need);
