/* Placement. */
#pragma once

#include "model.h"

void place_jobs(engine *e);
