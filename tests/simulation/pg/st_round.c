/* The statements of a round about jobs and their runs (services/scheduler/sql/queries/round.sql).
 */
#include <string.h>

#include "ob/mem.h"
#include "pg_internal.h"
#include "round_sql.h"

/* As {{expect_all}}: fewer rows than parameters are an error. */
static void expect_all(pg_run *run)
{
    if (run->stop.set)
        return;
    if ((size_t)run->changed != pg_arg_rows(run)) {
        pg_fail(run, "22012", "division by zero");
        return;
    }
    pg_out_row(run);
    pg_put_int(run, 1);
}

/* SELECT ob_lock_instances(): raises unless all are ACTIVE. */
static void lock_instances(pg_run *run)
{
    size_t found = 0, at = 0;
    for (pg_rec *rec; !run->stop.set && (rec = pg_next(run->s, PG_INSTANCE, &at));) {
        const pg_instance *i = pg_see(run->s, rec);
        if (i->state == OB_INSTANCE_ACTIVE && pg_has_text(run, 0, i->id))
            found += pg_lock_row(run, rec, true);
    }
    if (found < pg_arg_rows(run))
        pg_fail(run, "OB002", "an instance of this round is no longer active");
    pg_out_row(run);
    pg_put_text(run, "");
}

/* ---- live ---- */

static void fill_live(const pg_run *run, pg_live *l, size_t i)
{
    l->state = pg_int_at(run, LIVE_ROW_STATE, i);
    l->run = pg_int_at(run, LIVE_ROW_RUN, i);
    l->attempt = pg_int_at(run, LIVE_ROW_ATTEMPT, i);
    l->instance_id = pg_text_at(run, LIVE_ROW_INSTANCE_ID, i);
    l->ce_id = pg_int_at(run, LIVE_ROW_CE_ID, i);
    l->started_at_ms = pg_int_at(run, LIVE_ROW_STARTED_AT_MS, i);
    l->runnable_at_ms = pg_int_at(run, LIVE_ROW_RUNNABLE_AT_MS, i);
    l->reason = pg_text_at(run, LIVE_ROW_REASON, i);
    l->flags = pg_int_at(run, LIVE_ROW_FLAGS, i);
    l->stop_reason = pg_text_at(run, LIVE_ROW_STOP_REASON, i);
    l->bulk_state = pg_int_at(run, LIVE_ROW_BULK_STATE, i);
    l->bulk_reason = pg_text_at(run, LIVE_ROW_BULK_REASON, i);
    l->counts = pg_text_at(run, LIVE_ROW_COUNTS, i);
    l->ord = pg_int_at(run, LIVE_ROW_ORD, i);
    l->waits = pg_int_at(run, LIVE_ROW_WAITS, i);
    l->told_at_ms = pg_int_at(run, LIVE_ROW_TOLD_AT_MS, i);
    l->round = l->counts ? pg_int(run, LIVE_ROW_ROUND) : PG_NULL;
}

static void live_insert(pg_run *run)
{
    for (size_t i = 0; i < pg_arg_rows(run) && !run->stop.set; i++) {
        pg_live *l = pg_row_new(PG_LIVE);
        l->job_id = *pg_uuid_at(run, LIVE_ROW_JOB_ID, i);
        l->idx = pg_int_at(run, LIVE_ROW_IDX, i);
        fill_live(run, l, i);
        (void)pg_insert(run, PG_LIVE, l);
    }
}

static void live_update(pg_run *run)
{
    for (size_t i = 0; i < pg_arg_rows(run) && !run->stop.set; i++) {
        pg_live key = { .job_id = *pg_uuid_at(run, LIVE_ROW_JOB_ID, i),
                        .idx = pg_int_at(run, LIVE_ROW_IDX, i) };
        pg_rec *rec = pg_find(run->s, PG_LIVE, &key);
        if (!rec)
            continue;
        if (rec->run == run->number) { /* a row is changed once; what is refused is seen before */
            pg_live *second = pg_row_new(PG_LIVE);
            *second = *(const pg_live *)pg_see(run->s, rec);
            fill_live(run, second, i);
            (void)pg_check(run, PG_LIVE, second);
            continue;
        }
        pg_live *l = pg_update(run, rec);
        if (!l)
            return;
        bool was_running = l->state == OB_JOB_RUNNING;
        int64_t before = l->run;
        fill_live(run, l, i);
        if (l->state != OB_JOB_RUNNING)
            l->running_at = PG_NULL;
        else if (!was_running || before != l->run)
            l->running_at = run->now_us;
        (void)pg_check(run, PG_LIVE, l);
    }
    expect_all(run);
}

static void live_delete(pg_run *run)
{
    for (size_t i = 0; i < pg_arg_rows(run) && !run->stop.set; i++) {
        pg_live key = { .job_id = *pg_uuid_at(run, LIVE_KEY_JOB_ID, i),
                        .idx = pg_int_at(run, LIVE_KEY_IDX, i) };
        pg_rec *rec = pg_find(run->s, PG_LIVE, &key);
        if (rec)
            (void)pg_delete(run, rec);
    }
    expect_all(run);
}

/* ---- placement ---- */

static pg_placement placement_at(const pg_run *run, size_t i)
{
    return (pg_placement){ .instance_id = pg_text_at(run, PLACEMENT_ROW_INSTANCE_ID, i),
                           .job_id = *pg_uuid_at(run, PLACEMENT_ROW_JOB_ID, i),
                           .idx = pg_int_at(run, PLACEMENT_ROW_IDX, i),
                           .run = pg_int_at(run, PLACEMENT_ROW_RUN, i) };
}

static void placement_delete(pg_run *run)
{
    for (size_t i = 0; i < pg_arg_rows(run) && !run->stop.set; i++) {
        pg_placement key = placement_at(run, i);
        pg_rec *rec = pg_find(run->s, PG_PLACEMENT, &key);
        const pg_placement *p = rec ? pg_see(run->s, rec) : NULL;
        if (p && p->run == key.run)
            (void)pg_delete(run, rec);
    }
    expect_all(run);
}

static void placement_insert(pg_run *run)
{
    for (size_t i = 0; i < pg_arg_rows(run) && !run->stop.set; i++) {
        pg_placement *p = pg_row_new(PG_PLACEMENT);
        *p = placement_at(run, i);
        p->placed_at_ms = pg_int_at(run, PLACEMENT_ROW_PLACED_AT_MS, i);
        (void)pg_insert(run, PG_PLACEMENT, p);
    }
}

/* ---- What has ended, and events ---- */

static void done_insert(pg_run *run)
{
    for (size_t i = 0; i < pg_arg_rows(run) && !run->stop.set; i++) {
        pg_done *d = pg_row_new(PG_DONE);
        d->job_id = *pg_uuid_at(run, DONE_ROW_JOB_ID, i);
        d->idx = pg_int_at(run, DONE_ROW_IDX, i);
        d->queue_id = pg_int_at(run, DONE_ROW_QUEUE_ID, i);
        d->state = pg_int_at(run, DONE_ROW_STATE, i);
        d->reason = pg_text_at(run, DONE_ROW_REASON, i);
        d->started_at_ms = pg_int_at(run, DONE_ROW_STARTED_AT_MS, i);
        d->stopped_at_ms = pg_int_at(run, DONE_ROW_STOPPED_AT_MS, i);
        d->flags = pg_int_at(run, DONE_ROW_FLAGS, i);
        d->bulk_state = pg_int_at(run, DONE_ROW_BULK_STATE, i);
        d->bulk_reason = pg_text_at(run, DONE_ROW_BULK_REASON, i);
        d->counts = pg_text_at(run, DONE_ROW_COUNTS, i);
        (void)pg_insert(run, PG_DONE, d);
    }
}

static void attempt_insert(pg_run *run)
{
    for (size_t i = 0; i < pg_arg_rows(run) && !run->stop.set; i++) {
        pg_attempt *a = pg_row_new(PG_ATTEMPT);
        a->job_id = *pg_uuid_at(run, ATTEMPT_ROW_JOB_ID, i);
        a->idx = pg_int_at(run, ATTEMPT_ROW_IDX, i);
        a->attempt = pg_int_at(run, ATTEMPT_ROW_ATTEMPT, i);
        a->run = pg_int_at(run, ATTEMPT_ROW_RUN, i);
        a->instance_id = pg_text_at(run, ATTEMPT_ROW_INSTANCE_ID, i);
        a->cluster = pg_text_at(run, ATTEMPT_ROW_CLUSTER, i);
        a->exit_code = pg_int_at(run, ATTEMPT_ROW_EXIT_CODE, i);
        a->container_reason = pg_text_at(run, ATTEMPT_ROW_CONTAINER_REASON, i);
        a->reason = pg_text_at(run, ATTEMPT_ROW_REASON, i);
        a->started_at_ms = pg_int_at(run, ATTEMPT_ROW_STARTED_AT_MS, i);
        a->stopped_at_ms = pg_int_at(run, ATTEMPT_ROW_STOPPED_AT_MS, i);
        a->runnable_at_ms = pg_int_at(run, ATTEMPT_ROW_RUNNABLE_AT_MS, i);
        a->placed_at_ms = pg_int_at(run, ATTEMPT_ROW_PLACED_AT_MS, i);
        a->pulled_ms = pg_int_at(run, ATTEMPT_ROW_PULLED_MS, i);
        a->created_ms = pg_int_at(run, ATTEMPT_ROW_CREATED_MS, i);
        a->cpu_ms = pg_int_at(run, ATTEMPT_ROW_CPU_MS, i);
        a->peak_bytes = pg_int_at(run, ATTEMPT_ROW_PEAK_BYTES, i);
        (void)pg_insert(run, PG_ATTEMPT, a);
    }
}

static pg_pod *pod_at(const pg_run *run, size_t i)
{
    pg_pod *p = pg_row_new(PG_POD);
    p->job_id = *pg_uuid_at(run, POD_ROW_JOB_ID, i);
    p->idx = pg_int_at(run, POD_ROW_IDX, i);
    p->attempt = pg_int_at(run, POD_ROW_ATTEMPT, i);
    p->run = pg_int_at(run, POD_ROW_RUN, i);
    p->body = pg_text_at(run, POD_ROW_BODY, i);
    return p;
}

/* Of several about one attempt the last one counts. */
static void pod_put(pg_run *run)
{
    size_t n = pg_arg_rows(run);
    for (size_t i = 0; i < n && !run->stop.set; i++) {
        pg_pod *p = pod_at(run, i);
        bool again = false;
        for (size_t k = i + 1; k < n && !again; k++)
            again = pg_cmp(PG_POD, p, pod_at(run, k), 3) == 0;
        if (!again)
            pg_upsert(run, PG_POD, p);
    }
}

static void event_insert(pg_run *run)
{
    for (size_t i = 0; i < pg_arg_rows(run) && !run->stop.set; i++) {
        pg_job_event *e = pg_row_new(PG_JOB_EVENT);
        e->round = pg_int(run, EVENT_ROW_ROUND);
        e->n = (int64_t)i + 1;
        e->at_ms = pg_int_at(run, EVENT_ROW_AT_MS, i);
        e->job_id = *pg_uuid_at(run, EVENT_ROW_JOB_ID, i);
        e->idx_lo = pg_int_at(run, EVENT_ROW_IDX_LO, i);
        e->idx_hi = pg_int_at(run, EVENT_ROW_IDX_HI, i);
        e->state = pg_int_at(run, EVENT_ROW_STATE, i);
        e->attempt = pg_int_at(run, EVENT_ROW_ATTEMPT, i);
        e->run = pg_int_at(run, EVENT_ROW_RUN, i);
        e->instance_id = pg_text_at(run, EVENT_ROW_INSTANCE_ID, i);
        e->cluster = pg_text_at(run, EVENT_ROW_CLUSTER, i);
        e->started_at_ms = pg_int_at(run, EVENT_ROW_STARTED_AT_MS, i);
        e->stopped_at_ms = pg_int_at(run, EVENT_ROW_STOPPED_AT_MS, i);
        e->exit_code = pg_int_at(run, EVENT_ROW_EXIT_CODE, i);
        e->container_reason = pg_text_at(run, EVENT_ROW_CONTAINER_REASON, i);
        e->reason = pg_text_at(run, EVENT_ROW_REASON, i);
        e->flags = pg_int_at(run, EVENT_ROW_FLAGS, i);
        e->counts = pg_text_at(run, EVENT_ROW_COUNTS, i);
        int64_t blocked = pg_int_at(run, EVENT_ROW_BLOCKED, i);
        e->blocked = blocked == PG_NULL ? PG_NULL : blocked != 0;
        (void)pg_insert(run, PG_JOB_EVENT, e);
    }
}

/* The job data that executors get, by id. */
static void specs(pg_run *run)
{
    const pg_arg *ids = &run->args->at[0];
    ob_uuid *sorted = pg_uuids_sorted(ids);
    for (size_t i = 0; i < ids->n; i++) {
        const pg_job *j = pg_get(run->s, PG_JOB, &(pg_job){ .id = sorted[i] });
        if (!j || (i > 0 && ob_uuid_cmp(&sorted[i - 1], &sorted[i]) == 0))
            continue;
        pg_out_row(run);
        pg_put_uuid(run, &j->id);
        pg_put_text(run, j->name);
        pg_put_text(run, j->definition);
        pg_put_text(run, j->detail);
        pg_put_text(run, j->task_tags);
        pg_put_int(run, j->timeout_s);
        pg_put_int(run, j->array_size);
    }
}

#define LIVE_TYPES "iUIIIITIIITITITTIII"
#define S "scheduler"
const pg_statement pg_round_statements[] = {
    { S, "lock_instances", "T", "ob_lock_instances", lock_instances },
    { S, "live_insert", LIVE_TYPES, NULL, live_insert },
    { S, "live_update", LIVE_TYPES, "?column?", live_update },
    { S, "live_delete", "UI", "?column?", live_delete },
    { S, "placement_delete", "TUII", "?column?", placement_delete },
    { S, "placement_insert", "TUIII", NULL, placement_insert },
    { S, "done_insert", "UIIITIIIITT", NULL, done_insert },
    { S, "attempt_insert", "UIIITTITTIIIIIIII", NULL, attempt_insert },
    { S, "pod_put", "UIIIT", NULL, pod_put },
    { S, "event_insert", "iIUIIIIITTIIITTITI", NULL, event_insert },
    { S, "specs", "U", "id,name,definition,detail,task_tags,timeout_s,array_size", specs },
    { 0 },
};
