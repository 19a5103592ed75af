/* What the engine gets of a job, read from a row that begins with JOB_* (sql/queries/job.sql):
 * when it is submitted, and when it is loaded. */
#pragma once

#include "engine/engine.h"
#include "job_sql.h"

/* Without its dependencies. */
engine_submission job_row_read(const PGresult *res, int row, const ob_uuid *id);
/* Returns their number; their results are DEP_UNKNOWN. */
size_t job_row_deps(const PGresult *res, int row, engine_dependency ret[ENGINE_MAX_DEPENDENCIES]);
