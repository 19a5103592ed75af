/* The common part of GetJobQueueUsage and GetComputeEnvironmentUsage (OpenBatch's own:
 * docs/access.md): points of use over time. */
#pragma once

#include "field_tables.h"
#include "operation.h"

/* Members of both requests. */
#define USAGE_POINTS_MAX 1000
#define USAGE_RANGE                                                                                \
    LONG("startTime"), LONG("endTime"), INT("maxPoints", .min = 1, .max = USAGE_POINTS_MAX)

/* At most one point in each step of from_ms to to_ms, and the last one before. */
typedef struct usage_range {
    int64_t from_ms, to_ms, step_ms;
} usage_range;

/* endTime: now if it is absent; startTime: an hour before. Errors: -EINVAL, the reply is filled. */
int usage_range_read(const api_request *req, usage_range *ret, api_reply *rep);
/* Answers with the points of 'id', one for each row of 'stmt', which takes an id and a range;
 * 'point' makes one of a row. Errors: those of the database, in the reply's. */
int usage_range_answer(api_request *req,
                       int64_t id,
                       const usage_range *range,
                       const char *stmt,
                       json_t *(*point)(const PGresult *rows, int row),
                       api_reply *rep);
/* Thousandths as a number. */
json_t *usage_vcpus(int64_t mcpu);
