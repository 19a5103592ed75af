/* Rows of environments, queues and instances, as input for the engine. */
#pragma once

#include "engine/engine.h"
#include "ob/db.h"
#include "queue_policy.h"

/* Strings are borrowed from the row, or from what is kept here until _done. */
typedef struct ce_row {
    engine_ce ce;
    struct json_t *shapes, *shortages;
} ce_row;
/* Its lists live until the next call. */
void ce_row_read(const PGresult *res, int row, ce_row *ret);
void ce_row_done(ce_row *r);

typedef struct queue_row {
    engine_queue queue;
    queue_policy policy;
} queue_row;
void queue_row_read(const PGresult *res, int row, queue_row *ret);
void queue_row_done(queue_row *r);
size_t queue_row_ces(const PGresult *res, int row, int64_t ret[ENGINE_MAX_CES]);

engine_instance instance_row_read(const PGresult *res, int row);
