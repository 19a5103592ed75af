/* A job_event row as EventBridge's "Batch Job State Change". Pure. */
#pragma once

#include <libpq-fe.h>
#include <stdint.h>

#include "text.h"

/* Appends the event of row 'row' of store_events, for the job itself (index -1) or the child
 * 'index'. attempts: rows of store_attempts that hold this job's, or NULL. */
void event_render(
    text *out, const PGresult *events, int row, int32_t index, const PGresult *attempts);
