/* The table of living jobs, and their memory. */
#pragma once

#include "model.h"

/* index: of an array's child; -1: a single job, or the array itself. */
job *job_find(const engine *e, const ob_uuid *id, int32_t index);
job *job_add_single(engine *e, const ob_uuid *id, class *cls);
array *job_add_array(engine *e, const ob_uuid *id, class *cls, int32_t size);
child *job_add_child(engine *e, array *parent, int32_t index);
void job_forget(engine *e, job *j); /* it has ended; its memory stays until the round is over */
void job_table_free_ended(engine *e);
void job_table_free(engine *e);
size_t job_table_bytes(const engine *e);
