/* What an event shows of an EKS job in place of its container: its pod, and its attempts. Changes
 * nothing. Any thread. */
#pragma once

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "event_job.h"
#include "ob/buf.h"

typedef struct event_pod {
    const event_job *job;
    int32_t index; /* of the child; -1: the job itself */
    const PGresult *events;
    int row;
    const PGresult *attempts, *pods; /* as of event_render */
    bool lean;
} event_pod;

/* Appends eksProperties, attempts and eksAttempts; the text begins with a comma. */
void event_pod_add(ob_buf *t, const event_pod *e);
