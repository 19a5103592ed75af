/* Instances that are gone. */
#pragma once

#include "model.h"

void lost_sweep(engine *e); /* ends the runs of lost instances and drops the instances */
