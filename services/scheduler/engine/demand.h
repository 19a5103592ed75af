/* Demand: which environment is to take which waiting work. */
#pragma once

#include "model.h"

void demand_update(engine *e);
