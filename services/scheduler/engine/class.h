/* Classes: jobs of one queue with one shape, share and priority, in order of admission. */
#pragma once

#include "model.h"

class *
class_get(engine *e, queue *q, const ob_resources *need, const char *share_name, int32_t priority);
void class_insert(engine *e, job *j); /* by its order, looking from the back */
void class_remove(engine *e, job *j);
void class_take_child(engine *e, array *a); /* one child has left the bulk */
/* A job that is RUNNABLE again joins its class when all inputs of the round have been read. */
void class_insert_later(engine *e, job *j);
bool class_awaits(job *j); /* it must still be inserted: nothing has stopped it since */
void class_insert_returned(engine *e);
void class_free(engine *e, class *cls); /* it has no job and no reason */
