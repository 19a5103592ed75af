/* Terms of jobs: retry strategy, timeout and kind, stored once for all jobs that have the same. */
#pragma once

#include "model.h"

const terms *terms_of(const engine *e, const job *j);
/* The number of these terms, for job.terms; drop it when the job is freed. */
uint32_t terms_take(engine *e, const engine_terms *given);
void terms_drop(engine *e, uint32_t number);
void terms_free(engine *e);
