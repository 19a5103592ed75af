/* Arrays: which children are in the bulk, and the states of the others. */
#pragma once

#include "model.h"

ob_job_state array_child_state(const engine *e, const array *a, int32_t index);
void array_note_failed(array *a, int32_t index);
bool array_in_bulk(const array *a, int32_t index);
void array_leave_bulk(engine *e, array *a, int32_t index); /* the caller makes the record */
child *array_take_next(engine *e,
                       array *a); /* takes the lowest child out of the bulk and gives it a record */
