/* The end of the instance: interruption notices, SIGTERM to an executor that was started by hand,
 * and the scheduler's order to leave. */
#pragma once

#include "executor.h"

/* Call it first: an early notice (SIGUSR1) waits until it is read. */
void departure_hold_notices(void);
/* From here on notices are read. Errors: -errno. */
int departure_watch(executor *x, ob_error *err);
/* Creates the countdown of a notice, which informs attempts and heartbeat. */
void departure_make_notice(executor *x);
/* Polls the metadata service for notices, if there is one. Errors: as imds_new. */
int departure_watch_metadata(executor *x, ob_error *err);

/* SIGTERM or SIGINT: the executor ends. One that was started by hand first lets running jobs
 * end. */
void departure_on_stop(executor *x);
/* Call it once a second: a leaving executor ends when nothing of it is left. */
void departure_check(executor *x);
/* The scheduler reports that the instance has ended, so its runs belong to others. */
void departure_ordered(executor *x);
