/* Jobs and children of arrays by state, as rows. Where states change: queue_count (model_queue.h).
 */
#pragma once

#include "model.h"

/* Writes the rows that are due. */
void counts_update(engine *e);
/* After states have gone back (withdraw.c): the round's rows say what is true now. */
void counts_write_again(engine *e, engine_effects *out);
