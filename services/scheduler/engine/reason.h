/* Why a class waits, for people. */
#pragma once

#include "model.h"

void reasons_update(engine *e);
