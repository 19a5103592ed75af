/* A database in memory for tests of the engine. It applies the effects of rounds as strictly as
 * PostgreSQL (primary keys, rows that must exist), and checks that a job's published data are
 * consistent: events follow the state table, rows agree with them, counts add up. */
#pragma once

#include "engine.h"

typedef struct engine_db engine_db;

typedef struct db_row { /* what has become of a job, as the API would see it */
    bool live, done;    /* neither: SUBMITTED, or a child in its parent's bulk */
    ob_job_state state;
    int32_t run, attempt;
    char instance_id[24];
    int64_t started_at_ms, stopped_at_ms, runnable_at_ms, published_at_ms;
    char reason[256], stop_reason[64];
    int flags;
    int64_t order;
    int32_t waits;
    int32_t counts[OB_JOB_STATE_COUNT];
    ob_job_state bulk_state;
    char bulk_reason[64];
} db_row;

engine_db *engine_db_new(void);
void engine_db_free(engine_db *db);

/* An accepted submission, in order. */
void engine_db_accept(engine_db *db, const engine_submission *s);
/* Fills in what is told of a dependency that has ended; frees d->failed, the caller at last. */
void engine_db_ended(const engine_db *db, engine_dependency *d);
/* The database's clock. */
void engine_db_clock(engine_db *db, int64_t steady_ms);
/* Applies a round; fails the test when it breaks a rule. */
void engine_db_apply(engine_db *db, const engine_effects *effects);
/* Checks rules that hold between rounds: rows, placements, counts, events. */
void engine_db_check(engine_db *db);
/* Checks what the engine counts of its queues. */
void engine_db_check_figures(engine_db *db, const engine *e);
/* Loads a new engine with all of it but topology. */
void engine_db_load(const engine_db *db, engine *e);
/* As if a version that did not count jobs had led until now. */
void engine_db_load_uncounted(const engine_db *db, engine *e);

/* What a job, parent or child is, synthesised as the API does it. */
db_row engine_db_row(const engine_db *db, const ob_uuid *id, int32_t index);
/* Of a queue's jobs, as the scheduler has written it; NULL: nothing. */
const effect_counts *engine_db_counts(const engine_db *db, int64_t queue_id);
const char *engine_db_class_reason(const engine_db *db, int64_t queue_id, const ob_resources *need);
const char *engine_db_share_reason(const engine_db *db,
                                   int64_t queue_id,
                                   const ob_resources *need,
                                   const char *share,
                                   int32_t priority);
/* Sum of the needs of what is placed on the instance. */
ob_resources engine_db_used(const engine_db *db, const char *instance_id);
/* The attempt's row, or NULL. */
const effect_attempt *
engine_db_attempt(const engine_db *db, const ob_uuid *id, int32_t index, int32_t attempt);
size_t engine_db_unended(const engine_db *db); /* jobs and parents accepted and not ended */
size_t engine_db_events(const engine_db *db);
/* States that events have told of, in order, as letters: S P R s r + - (SUCCEEDED, FAILED). */
const char *engine_db_story(const engine_db *db, const ob_uuid *id, int32_t index);
/* How often STARTING was told. */
int engine_db_starts(const engine_db *db, const ob_uuid *id, int32_t index);
