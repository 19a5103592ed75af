/* The end of the instance: notices of interruptions, SIGTERM to an executor that was started by
 * hand, and the scheduler's order to leave. */
#pragma once

#include "executor.h"

/* First of all: an early notice (SIGUSR1) waits for its reader. */
void departure_hold_notices(void);
/* From here on notices are read. Errors: -errno. */
int departure_watch(executor *x, ob_error *err);
/* Makes what counts down a notice; attempts and heartbeat are told by it. */
void departure_make_notice(executor *x);
/* Asks the metadata service for notices, if there is one. Errors: as imds_new. */
int departure_watch_metadata(executor *x, ob_error *err);

/* SIGTERM or SIGINT: the executor ends. One that was started by hand lets what runs end first. */
void departure_on_stop(executor *x);
/* Once a second: one that leaves is gone when nothing is left of it. */
void departure_check(executor *x);
/* The scheduler says that the instance has ended: its runs are others' by now. */
void departure_ordered(executor *x);
