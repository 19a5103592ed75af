/* Group commit of submissions: callers wait, and one thread commits all that have arrived. */
#pragma once

#include <stdint.h>

#include "ob/bus.h"
#include "ob/error.h"
#include "submission.h"

typedef struct submitter submitter;

/* Starts the thread with its own connection. Errors: -errno. */
int submitter_start(const char *conninfo, ob_bus *bus, submitter **ret, ob_error *err);
/* Commits the waiting submissions, then ends the thread. */
void submitter_stop(submitter *s);

/* Stores 'job': the row, its inbox row and submit_once, in one transaction with all others that
 * arrived meanwhile (docs/architecture.md, "Requests"). Blocks until the result of that commit is
 * known. *ret_id: the job's id; an earlier one if this is an SDK's repeated try. Errors: -ENOENT
 * (the queue has changed or accepts no jobs, or the definition is no longer the right one), -EEXIST
 * (the same invocation id with another body, or of a call that was refused), -EIO retriable
 * (PostgreSQL is not reachable). Any thread. */
int submit_wait(submitter *s, const submission *job, ob_uuid *ret_id, ob_error *err);
