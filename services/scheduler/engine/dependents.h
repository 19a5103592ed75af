/* Who waits for a job. */
#pragma once

#include "model.h"

void dependents_answer(engine *e);
