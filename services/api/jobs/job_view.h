/* Rows of jobs as the API shows them: JobDetail and JobSummary. */
#pragma once

#include <jansson.h>
#include <libpq-fe.h>
#include <stdio.h>

#include "logs/named_streams.h"
#include "request/operation.h"

/* Appends the JobDetail of one row of job_store_describe to 'out', 'separator' before it, and the
 * log streams it names to 'named'. Returns false when the job belongs to another account or region
 * (nothing is written). */
bool job_view_detail(FILE *out,
                     const char *separator,
                     const api_request *req,
                     const PGresult *rows,
                     int row,
                     named_streams *named);

/* The JobSummary of one row of job_list_*. Caller owns it. NULL: the row is damaged. */
json_t *job_view_summary(const api_request *req, const PGresult *rows, int row);
