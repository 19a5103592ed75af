/* A job_event row as EventBridge's "Batch Job State Change". Changes nothing but what the job has
 * rendered. Thread: the owner of the jobs. */
#pragma once

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "event_job.h"

/* Would the events of all children of this array be too large if each repeated the whole job? Then
 * those of its children are lean. */
bool event_is_lean(const event_job *job, int32_t index);

/* Has the row all that its event shows of attempts? It has when a job ends with its first run: what
 * the round stored of the attempt is what the event says. */
bool event_has_attempts(const PGresult *events, int row);

/* Appends the event of row 'row' of store_events, which is about 'job', for the job itself (index
 * -1) or the child 'index'. attempts: rows of store_attempts that include this job's; NULL if its
 * row has them or there are none. pods: rows of store_pods; NULL if there are none. lean: without
 * the largest submitted parts (docs/messages.md). */
void event_render(ob_buf *out,
                  const PGresult *events,
                  int row,
                  event_job *job,
                  int32_t index,
                  const PGresult *attempts,
                  const PGresult *pods,
                  bool lean);
