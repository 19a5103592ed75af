/* Dependencies: which jobs wait for others, and what follows from an end. */
#pragma once

#include "model.h"

/* The job waits for these from now on; may end it. */
void dependencies_wait(engine *e, job *j, const engine_dependency *deps, size_t n);
void dependencies_load(engine *e, job *j, const engine_dependency *deps, size_t n, int32_t mask);
void dependencies_begin(engine *e, job *j);                    /* it has become PENDING */
void dependencies_fail(engine *e, job *j, const char *reason); /* before anything was placed */
void dependencies_settle(engine *e); /* what follows from the ends of the round */
