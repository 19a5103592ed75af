/* A round's output: events one by one, rows once a round. */
#pragma once

#include "model.h"

typedef struct ending { /* the times of a job in an event, a done row or an attempt */
    const char *reason, *container_reason;
    const instance *on;
    int64_t started_at_ms, stopped_at_ms;
    int64_t after_ms; /* the event is not shown as earlier than this */
    bool has_exit_code, timed_out, retried;
    int32_t exit_code;
    int64_t pulled_at_ms, created_at_ms, cpu_ms, peak_bytes;
} ending;

int64_t effects_time(const engine *e, const job *j); /* now, but never before its last shown time */
void effects_touch(engine *e, job *j);               /* its row is to be written */
void effects_write_rows(engine *e);                  /* of the touched jobs */
void effects_live_row(engine *e, const job *j, effect_live *l);  /* as it is now */
void effects_add_done(engine *e, const job *j, const ending *x); /* instead of its live row */
void effects_add_event(engine *e, const job *j, const ending *x);
void effects_add_bulk_event(engine *e, const array *a, int32_t lo, int32_t hi, const ending *x);
void effects_add_attempt(engine *e, const job *j, const ending *x);
void effects_add_pod(engine *e, const job *j, const char *body); /* of the current attempt */
void effects_add_order(engine *e, int kind, const char *instance_id, const ob_run_ref *ref);
