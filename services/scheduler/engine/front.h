/* The front of a queue. */
#pragma once

#include "model.h"

void fronts_update(engine *e);
