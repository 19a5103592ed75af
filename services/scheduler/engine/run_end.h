/* The end of a run: its attempt, and what follows for the job. */
#pragma once

#include "effects.h"
#include "model.h"

/* Ends the current run of 'j' in the way 'ev'. attempt: it counts as one. */
void run_end(engine *e, job *j, ob_job_event ev, bool attempt, ending *x);
