/* Admission. */
#pragma once

#include "model.h"

job *admit_record(engine *e, const engine_submission *s); /* a record, in no list */
void admit_submission(engine *e, const engine_submission *s);
void admit_job(engine *e, job *j); /* of a queue that is known */
