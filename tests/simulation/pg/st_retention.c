/* The statements of the scheduler's and the scaler's retention (their sql/queries/retention.sql).
 */
#include <string.h>

#include "pg_internal.h"

/* {{orphans}}: the next page of a table whose key begins with job_id, idx; its end, and how many
 * rows of deleted jobs went. number: the third column of the key, or NULL (0). */
static void orphans(pg_run *run, pg_table table, const void *after, const pg_column *number)
{
    const ob_uuid *bound = pg_uuid(run, 3);
    int64_t rows = pg_int(run, 4), looked = 0, deleted = 0;
    size_t n_key = pg_table_infos[table].n_key, at = pg_from(table, after, n_key);
    const pg_done *last = NULL; /* of either table: both begin alike */
    for (pg_rec *rec; !run->stop.set && looked < rows && (rec = pg_next(run->s, table, &at));) {
        const void *row = pg_see(run->s, rec);
        const ob_uuid *job = &((const pg_done *)row)->job_id;
        if (ob_uuid_cmp(job, bound) >= 0)
            break;
        looked++;
        last = row;
        if (!pg_get(run->s, PG_JOB, &(pg_job){ .id = *job }))
            deleted += pg_delete(run, rec);
    }
    if (!last)
        return;
    pg_out_row(run);
    pg_put_uuid(run, &last->job_id);
    pg_put_int(run, last->idx);
    pg_put_int(run, number ? *(const int64_t *)((const char *)last + number->offset) : 0);
    pg_put_int(run, looked);
    pg_put_int(run, deleted);
}

static void orphaned_attempts(pg_run *run)
{
    pg_attempt after = { .job_id = *pg_uuid(run, 0),
                         .idx = pg_int(run, 1),
                         .attempt = pg_int(run, 2) + 1 };
    orphans(run, PG_ATTEMPT, &after, &pg_table_infos[PG_ATTEMPT].columns[2]);
}

static void orphaned_pods(pg_run *run)
{
    pg_pod after = { .job_id = *pg_uuid(run, 0),
                     .idx = pg_int(run, 1),
                     .attempt = pg_int(run, 2) + 1 };
    orphans(run, PG_POD, &after, &pg_table_infos[PG_POD].columns[2]);
}

static void orphaned_done(pg_run *run)
{
    /* (job_id, idx, 0) > (after_id, after_idx, after_number) */
    pg_done after = { .job_id = *pg_uuid(run, 0), .idx = pg_int(run, 1) + (pg_int(run, 2) >= 0) };
    orphans(run, PG_DONE, &after, NULL);
}

static void past_job_events(pg_run *run)
{
    int64_t before_ms = pg_int(run, 0), left = pg_int(run, 1);
    const pg_publisher *p = pg_get(run->s, PG_PUBLISHER, &(pg_publisher){ .only_one = true });
    size_t at = 0;
    for (pg_rec *rec; !run->stop.set && left-- > 0 && (rec = pg_next(run->s, PG_JOB_EVENT, &at));) {
        const pg_job_event *e = pg_see(run->s, rec);
        if (p && e->at_ms < before_ms &&
            (e->round < p->round || (e->round == p->round && e->n <= p->n)))
            (void)pg_delete(run, rec);
    }
}

static void past_instances(pg_run *run)
{
    int64_t before_us = run->now_us - pg_int(run, 0) * 1000000, left = pg_int(run, 1);
    size_t at = 0;
    for (pg_rec *rec; !run->stop.set && left > 0 && (rec = pg_next(run->s, PG_INSTANCE, &at));) {
        const pg_instance *i = pg_see(run->s, rec);
        if (i->state != OB_INSTANCE_TERMINATED || i->ended_at == PG_NULL ||
            i->ended_at >= before_us || pg_has_placement(run, i->id) || !pg_delete(run, rec))
            continue;
        left--;
        pg_out_row(run);
        pg_put_int(run, 1);
    }
}

/* The table's key is an id and a time. */
typedef struct usage_key {
    int64_t id, at_ms;
} usage_key;

static void past_usage(pg_run *run, pg_table table)
{
    int64_t before_ms = pg_int(run, 1), left = pg_int(run, 2), deleted = 0, id = PG_NULL;
    usage_key key = { .id = pg_int(run, 0) + 1, .at_ms = INT64_MIN };
    size_t at = pg_from(table, &key, 1);
    for (pg_rec *rec; !run->stop.set && (rec = pg_next(run->s, table, &at));) {
        const usage_key *row = pg_see(run->s, rec);
        if (id == PG_NULL)
            id = row->id;
        if (row->id != id || row->at_ms >= before_ms || deleted >= left)
            break;
        deleted += pg_delete(run, rec);
    }
    pg_out_row(run);
    pg_put_int(run, id);
    pg_put_int(run, deleted);
}

static void past_queue_usage(pg_run *run)
{
    past_usage(run, PG_QUEUE_USAGE);
}

static void past_ce_usage(pg_run *run)
{
    past_usage(run, PG_CE_USAGE);
}

#define S "scheduler"
const pg_statement pg_retention_statements[] = {
    { S, "orphaned_attempts", "uiiui", "job_id,idx,number,looked,deleted", orphaned_attempts },
    { S, "orphaned_pods", "uiiui", "job_id,idx,number,looked,deleted", orphaned_pods },
    { S, "orphaned_done", "uiiui", "job_id,idx,number,looked,deleted", orphaned_done },
    { S, "past_job_events", "ii", NULL, past_job_events },
    { S, "past_usage", "iii", "id,deleted", past_queue_usage },
    { "scaler", "past_instances", "ii", "?column?", past_instances },
    { "scaler", "past_usage", "iii", "id,deleted", past_ce_usage },
    { 0 },
};
