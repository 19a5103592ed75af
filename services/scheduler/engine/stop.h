/* Cancellation and termination. */
#pragma once

#include "model.h"

#define QUEUE_DELETED "JobQueue deleted"

void stop_job(engine *e, job *j, bool terminate, const char *reason);
void stop_ref(engine *e, const ob_job_ref *ref, bool terminate, const char *reason);
