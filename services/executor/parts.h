/* The parts of an executor. x->config is set before the first call. */
#pragma once

#include "executor.h"

/* The event loop, the spool and the runtime. Errors: -EBUSY: another executor has the instance's
 * directory; -errno. */
int parts_make(executor *x, ob_error *err);
/* Connects to Kafka, adopts what is on the instance, and works until the loop is stopped. */
int parts_work(executor *x, ob_error *err);
/* Ends everything on this instance; providers use it when an instance is given back. Errors:
 * -ETIMEDOUT: the container engine does not answer. */
int parts_purge(executor *x, ob_error *err);
/* Also what is half made. Containers stay. */
void parts_free(executor *x);
