/* What one turn of the loop does with its changes. */
#pragma once

#include "executor.h"

/* From here on each turn, and each second, does its work. */
void turn_begin(executor *x);
