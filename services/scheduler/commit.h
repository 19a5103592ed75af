/* A round's transaction: one pipeline from BEGIN and the fence to COMMIT. */
#pragma once

#include "engine/engine.h"
#include "ob/leader.h"

/* What a round does for a request to stop all that match (mass_stops.h). */
typedef struct stop_step {
    int64_t id;
    ob_uuid after;                           /* the last job that was looked at; nil: none was */
    int64_t looked, matched, finished_at_ms; /* finished_at_ms 0: not finished */
} stop_step;

typedef struct commit_input {
    const engine_effects *effects;
    const int64_t *inbox; /* rows acted upon */
    size_t n_inbox;
    const int64_t *queues, *queue_versions; /* statuses to write */
    size_t n_queues;
    const int64_t *gone; /* queues that are being deleted and have no job any more */
    size_t n_gone;
    const int64_t *stops; /* requests to stop all that match, which begin */
    size_t n_stops;
    const stop_step *stop_step; /* what one of them has done; NULL: nothing */
} commit_input;

typedef struct commit_output {
    PGresult *specs; /* SPEC_*, of the jobs in ORDER_RUN, by id; NULL when there are none */
    PGresult *gone;  /* GONE_*, those of 'gone' that are gone now; NULL when none was asked */
} commit_output;
void commit_output_done(commit_output *out);

/* Errors: those of ob_leader_commit: -ESTALE: another process leads; -EIO, -ETIMEDOUT: the outcome
 * is unknown; others: nothing was committed and the connection is usable (ob_db_sqlstate OB002: an
 * instance is no longer active). */
int commit_round(ob_leader *leader, const commit_input *in, commit_output *out, ob_error *err);
