/* Queues as they were put, and the order in which they are served. */
#pragma once

#include "model.h"

queue *queue_get(engine *e, int64_t id); /* made when unknown */
void queue_free(engine *e, queue *q);    /* it has no job and no class */
void queues_sort(engine *e);
void queues_free(engine *e);
