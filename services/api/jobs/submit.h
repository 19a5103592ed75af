/* Group commit of submissions: callers wait, one thread commits what has gathered. */
#pragma once

#include <stdint.h>

#include "ob/bus.h"
#include "ob/error.h"
#include "submission.h"

typedef struct submitter submitter;

/* Starts the thread with its own connection. Errors: -errno. */
int submitter_start(const char *conninfo, ob_bus *bus, submitter **ret, ob_error *err);
/* Lets what waits be committed, then ends the thread. */
void submitter_stop(submitter *s);

/* Makes 'job' durable: the row, its inbox row and submit_once in one transaction shared with what
 * else arrived meanwhile (docs/architecture.md, "Requests"). Blocks until that commit is known.
 * *ret_id: the job's id; an earlier one when this is an SDK's repeated try. Errors: -ENOENT (the
 * queue has changed or takes no jobs, or the definition is not the one any more), -EEXIST (the same
 * invocation id with another body, or of a call that was refused), -EIO retriable (PostgreSQL is
 * away). Any thread. */
int submit_wait(submitter *s, const submission *job, ob_uuid *ret_id, ob_error *err);
