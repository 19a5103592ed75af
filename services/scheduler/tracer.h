/* Sends the traces of jobs that have ended to a receiver of OpenTelemetry (docs/traces.md), from a
 * thread of its own. A trace is a figure: it may be lost, or sent twice, and nobody waits for it.
 */
#pragma once

#include "ob/db.h"
#include "scheduler.h"

/* Are traces wanted? */
static inline bool tracer_wanted(const scheduler_config *config)
{
    return config->otlp_endpoint && *config->otlp_endpoint;
}

/* *ret is NULL if none are wanted. Errors: -EINVAL with a text that names the variable. */
int tracer_new(const scheduler_config *config, tracer **ret, ob_error *err);
void tracer_free(tracer *t);

/* For the publisher's thread; all do nothing without a tracer, and never wait.
 *
 * A leader begins: all before the event (round, n) has been published. Takes jobs that ended just
 * before, because the leader before may not have sent their traces. db: the publisher's. Errors:
 * those of ob_db_exec. */
int tracer_begin(tracer *t, ob_db *db, int64_t round, int32_t n, ob_error *err);
/* These rows of store_events have been published: takes the jobs that have ended by them. */
void tracer_take(tracer *t, const PGresult *events);
