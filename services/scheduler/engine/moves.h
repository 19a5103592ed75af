/* The only place that changes states. */
#pragma once

#include "effects.h"
#include "model.h"

/* false (and counted) if the state table has no such move. */
bool move_job(engine *e, job *j, ob_job_event ev);
void move_bulk(engine *e, array *a, ob_job_event ev, const char *reason);
/* Ends a job that is in no list any more: move, rows, event; then its parent's end, if it was the
 * last child. */
void end_job(engine *e, job *j, ob_job_event ev, ending *x);
void end_array_if_over(engine *e, array *a); /* when all its children have ended */
