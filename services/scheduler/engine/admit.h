/* Admission. */
#pragma once

#include "model.h"

void admit_submission(engine *e, const engine_submission *s);
void admit_job(engine *e, job *j); /* of a queue that is known */
