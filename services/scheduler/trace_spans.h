/* Rows of jobs that have ended as spans of OTLP (docs/traces.md). Pure. */
#pragma once

#include <libpq-fe.h>

#include "ob/buf.h"
#include "ob/json.h"

/* Children of an array whose spans are made; those that failed come first. */
#define TRACE_CHILDREN_MAX 1000

/* A request: begin, add, end. service: the value of service.name. */
void trace_begin(ob_buf *t, const char *service);
void trace_end(ob_buf *t);

/* Appends the spans of the job in row 'row' of store_traced_jobs. attempts: rows of
 * store_traced_attempts that include this job's; NULL: it is an array. children: of how many the
 * spans are made. */
void trace_add_job(
    ob_buf *t, const PGresult *jobs, int row, const PGresult *attempts, int children);
/* The same for the child in row 'child' of store_traced_children of that job. */
void trace_add_child(ob_buf *t,
                     const PGresult *jobs,
                     int row,
                     const PGresult *children,
                     int child,
                     const PGresult *attempts);
