/* The statements of the tracer (services/scheduler/sql/queries/traces.sql). */
#include <stdlib.h>

#include "ob/rows.h"
#include "pg_internal.h"

#define REASON_MAX 1024

static void put_job(pg_run *run, const pg_job *j, const pg_done *d)
{
    const pg_job_queue *q = pg_get(run->s, PG_JOB_QUEUE, &(pg_job_queue){ .id = j->queue_id });
    pg_out_row(run);
    pg_put_uuid(run, &j->id);
    pg_put_text(run, j->account);
    pg_put_text(run, j->region);
    pg_put_text(run, q ? q->name : NULL);
    pg_put_text(run, j->definition);
    pg_put_int(run, j->revision);
    pg_put_text(run, j->name);
    pg_put_int(run, j->array_size);
    pg_put_int(run, j->created_at_ms);
    pg_put_text(run, j->traceparent);
    pg_put_int(run, d->state);
    pg_put_text(run, pg_left(d->reason, REASON_MAX));
    pg_put_int(run, d->stopped_at_ms);
}

static void traced_jobs(pg_run *run)
{
    const pg_arg *ids = &run->args->at[0];
    ob_uuid *sorted = pg_uuids_sorted(ids);
    for (size_t i = 0; i < ids->n; i++) {
        if (i > 0 && ob_uuid_cmp(&sorted[i - 1], &sorted[i]) == 0)
            continue;
        const pg_job *j = pg_get(run->s, PG_JOB, &(pg_job){ .id = sorted[i] });
        const pg_done *d = pg_get(run->s, PG_DONE, &(pg_done){ .job_id = sorted[i], .idx = -1 });
        if (j && d)
            put_job(run, j, d);
    }
}

/* The children in order, either those that failed or the others. */
static int64_t put_children(pg_run *run, bool failed, int64_t left)
{
    pg_done key = { .job_id = *pg_uuid(run, 0), .idx = 0 };
    size_t at = pg_from(PG_DONE, &key, 2);
    for (const pg_rec *rec; left > 0 && (rec = pg_next_of(run->s, PG_DONE, &key, 1, &at));) {
        const pg_done *d = pg_see(run->s, rec);
        if ((d->state == OB_JOB_FAILED) != failed)
            continue;
        left--;
        pg_out_row(run);
        pg_put_int(run, d->idx);
        pg_put_int(run, d->state);
        pg_put_text(run, pg_left(d->reason, REASON_MAX));
        pg_put_int(run, d->stopped_at_ms);
    }
    return left;
}

static void traced_children(pg_run *run)
{
    int64_t left = put_children(run, true, pg_int(run, 1));
    (void)put_children(run, false, left);
}

static void put_attempt(pg_run *run, const pg_attempt *a)
{
    pg_out_row(run);
    pg_put_uuid(run, &a->job_id);
    pg_put_int(run, a->idx);
    pg_put_int(run, a->attempt);
    pg_put_int(run, a->run);
    pg_put_text(run, a->instance_id);
    pg_put_int(run, a->exit_code);
    pg_put_text(run, pg_left(a->reason, REASON_MAX));
    pg_put_int(run, a->runnable_at_ms);
    pg_put_int(run, a->placed_at_ms);
    pg_put_int(run, a->pulled_ms);
    pg_put_int(run, a->created_ms);
    pg_put_int(run, a->started_at_ms);
    pg_put_int(run, a->stopped_at_ms);
    pg_put_int(run, a->cpu_ms);
    pg_put_int(run, a->peak_bytes);
}

static void traced_attempts(pg_run *run)
{
    pg_attempts_of(run, put_attempt);
}

#define S "scheduler"
const pg_statement pg_trace_statements[] = {
    { S, "traced_jobs", "U",
      "id,account,region,queue,definition,revision,name,array_size,created_at_ms,traceparent,state,"
      "reason,stopped_at_ms",
      traced_jobs },
    { S, "traced_children", "ui", "idx,state,reason,stopped_at_ms", traced_children },
    { S, "traced_attempts", "UI",
      "job_id,idx,attempt,run,instance_id,exit_code,reason,runnable_at_ms,placed_at_ms,pulled_ms,"
      "created_ms,started_at_ms,stopped_at_ms,cpu_ms,peak_bytes",
      traced_attempts },
    { 0 },
};
