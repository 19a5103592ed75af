/* The statements of a round about queues: reasons, shares, fronts, status, use, answers
 * (services/scheduler/sql/queries/round.sql). */
#include <string.h>

#include "ob/mem.h"
#include "pg_internal.h"
#include "round_sql.h"

static pg_class_reason class_at(const pg_run *run, size_t i)
{
    return (pg_class_reason){ .queue_id = pg_int_at(run, REASON_ROW_QUEUE_ID, i),
                              .mcpu = pg_int_at(run, REASON_ROW_MCPU, i),
                              .mem_mib = pg_int_at(run, REASON_ROW_MEM_MIB, i),
                              .gpus = pg_int_at(run, REASON_ROW_GPUS, i),
                              .share = pg_text_at(run, REASON_ROW_SHARE, i),
                              .priority = pg_int_at(run, REASON_ROW_PRIORITY, i) };
}

static void reason_put(pg_run *run)
{
    for (size_t i = 0; i < pg_arg_rows(run) && !run->stop.set; i++) {
        pg_class_reason *r = pg_row_new(PG_CLASS_REASON);
        *r = class_at(run, i);
        r->reason = pg_text_at(run, REASON_ROW_REASON, i);
        r->since_ms = pg_int_at(run, REASON_ROW_SINCE_MS, i);
        pg_upsert(run, PG_CLASS_REASON, r);
    }
}

static void reason_delete(pg_run *run)
{
    for (size_t i = 0; i < pg_arg_rows(run) && !run->stop.set; i++) {
        pg_class_reason key = class_at(run, i);
        pg_rec *rec = pg_find(run->s, PG_CLASS_REASON, &key);
        if (rec)
            (void)pg_delete(run, rec);
    }
}

static void share_put(pg_run *run)
{
    for (size_t i = 0; i < pg_arg_rows(run) && !run->stop.set; i++) {
        pg_share_usage *u = pg_row_new(PG_SHARE_USAGE);
        u->queue_id = pg_int_at(run, SHARE_ROW_QUEUE_ID, i);
        u->share = pg_text_at(run, SHARE_ROW_SHARE, i);
        u->usage_ms = pg_int_at(run, SHARE_ROW_USAGE_MS, i);
        u->at_ms = pg_int_at(run, SHARE_ROW_AT_MS, i);
        int64_t unused = pg_equal_at(run, SHARE_ROW_ACTIVE, i, 0);
        u->active = unused == PG_NULL ? PG_NULL : !unused;
        pg_upsert(run, PG_SHARE_USAGE, u);
    }
}

static void share_delete(pg_run *run)
{
    for (size_t i = 0; i < pg_arg_rows(run) && !run->stop.set; i++) {
        pg_share_usage key = { .queue_id = pg_int_at(run, SHARE_ROW_QUEUE_ID, i),
                               .share = pg_text_at(run, SHARE_ROW_SHARE, i) };
        pg_rec *rec = pg_find(run->s, PG_SHARE_USAGE, &key);
        if (rec)
            (void)pg_delete(run, rec);
    }
}

/* INSERT … ON CONFLICT DO UPDATE of some columns: what is to be updated. NULL: it was inserted,
 * or the statement has stopped. */
static pg_queue_snapshot *snapshot_there(pg_run *run, pg_queue_snapshot *row)
{
    if (pg_insert_new(run, PG_QUEUE_SNAPSHOT, row) || run->stop.set)
        return NULL;
    pg_rec *rec = pg_rec_at(PG_QUEUE_SNAPSHOT, row);
    if (rec->run == run->number) {
        pg_fail(run, "21000", "ON CONFLICT DO UPDATE command cannot affect row a second time");
        return NULL;
    }
    return pg_update(run, rec);
}

static void snapshot_put(pg_run *run)
{
    for (size_t i = 0; i < pg_arg_rows(run) && !run->stop.set; i++) {
        pg_queue_snapshot *q = pg_row_new(PG_QUEUE_SNAPSHOT);
        q->queue_id = pg_int_at(run, SNAPSHOT_ROW_QUEUE_ID, i);
        q->body = pg_text_at(run, SNAPSHOT_ROW_BODY, i);
        q->updated_at_ms = pg_int_at(run, SNAPSHOT_ROW_UPDATED_AT_MS, i);
        pg_queue_snapshot *there = snapshot_there(run, q);
        if (!there)
            continue;
        there->body = q->body;
        there->updated_at_ms = q->updated_at_ms;
    }
}

static void counts_put(pg_run *run)
{
    for (size_t i = 0; i < pg_arg_rows(run) && !run->stop.set; i++) {
        pg_queue_snapshot *q = pg_row_new(PG_QUEUE_SNAPSHOT);
        q->queue_id = pg_int_at(run, COUNTS_ROW_QUEUE_ID, i);
        q->body = "{}";
        q->jobs = pg_text_at(run, COUNTS_ROW_JOBS, i);
        q->children = pg_text_at(run, COUNTS_ROW_CHILDREN, i);
        q->counted_at_ms = pg_int_at(run, COUNTS_ROW_COUNTED_AT_MS, i);
        q->updated_at_ms = q->counted_at_ms;
        pg_queue_snapshot *there = snapshot_there(run, q);
        if (!there)
            continue;
        there->jobs = q->jobs;
        there->children = q->children;
        there->counted_at_ms = q->counted_at_ms;
    }
}

static void usage_put(pg_run *run)
{
    for (size_t i = 0; i < pg_arg_rows(run) && !run->stop.set; i++) {
        pg_queue_usage *u = pg_row_new(PG_QUEUE_USAGE);
        u->queue_id = pg_int_at(run, USAGE_ROW_QUEUE_ID, i);
        u->at_ms = pg_int_at(run, USAGE_ROW_AT_MS, i);
        u->mcpu = pg_int_at(run, USAGE_ROW_MCPU, i);
        u->placed = pg_int_at(run, USAGE_ROW_PLACED, i);
        u->waiting = pg_int_at(run, USAGE_ROW_WAITING, i);
        u->succeeded = pg_int_at(run, USAGE_ROW_SUCCEEDED, i);
        u->failed = pg_int_at(run, USAGE_ROW_FAILED, i);
        pg_upsert(run, PG_QUEUE_USAGE, u);
    }
}

/* What is deleted goes after the rows that come, and is not one of them. */
static void answer_put(pg_run *run)
{
    int64_t before_ms = pg_int(run, ANSWER_ROW_BEFORE_MS);
    for (size_t i = 0; i < pg_arg_rows(run) && !run->stop.set; i++) {
        pg_answer *a = pg_row_new(PG_ANSWER);
        a->seq = pg_int_at(run, ANSWER_ROW_SEQ, i);
        a->at_ms = pg_int_at(run, ANSWER_ROW_AT_MS, i);
        a->body = pg_text_at(run, ANSWER_ROW_BODY, i);
        (void)pg_insert_new(run, PG_ANSWER, a);
    }
    int64_t inserted = run->changed;
    size_t at = 0;
    for (pg_rec *rec; !run->stop.set && (rec = pg_next(run->s, PG_ANSWER, &at));) {
        const pg_answer *a = pg_see(run->s, rec);
        if (rec->run != run->number && a->at_ms < before_ms)
            (void)pg_delete(run, rec);
    }
    run->changed = inserted;
}

static void queue_status_put(pg_run *run)
{
    for (size_t i = 0; i < pg_arg_rows(run) && !run->stop.set; i++) {
        pg_queue_status *q = pg_row_new(PG_QUEUE_STATUS);
        q->queue_id = pg_int_at(run, 0, i);
        q->version = pg_int_at(run, 1, i);
        q->valid = true;
        q->reason = "JobQueue Healthy";
        pg_upsert(run, PG_QUEUE_STATUS, q);
    }
}

/* Does a submission to the queue wait in the inbox? */
static bool is_awaited(const pg_run *run, int64_t queue_id)
{
    pg_inbox key = { .consumer = OB_INBOX_SCHEDULER };
    size_t at = pg_from(PG_INBOX, &key, 1);
    for (const pg_rec *rec; (rec = pg_next_of(run->s, PG_INBOX, &key, 1, &at));) {
        const pg_inbox *i = pg_see(run->s, rec);
        const pg_job *j = i->kind == OB_INBOX_SUBMIT
                              ? pg_get(run->s, PG_JOB, &(pg_job){ .id = i->job_id })
                              : NULL;
        if (j && j->queue_id == queue_id)
            return true;
    }
    return false;
}

static void queue_status_delete(pg_run *run)
{
    size_t at = 0;
    for (pg_rec *rec; !run->stop.set && (rec = pg_next(run->s, PG_QUEUE_STATUS, &at));) {
        const pg_queue_status *q = pg_see(run->s, rec);
        if (!pg_has_int(run, 0, q->queue_id) || is_awaited(run, q->queue_id) ||
            !pg_delete(run, rec))
            continue;
        pg_out_row(run);
        pg_put_int(run, q->queue_id);
    }
}

/* The key of all three tables begins with the queue. */
static void queue_rest_delete(pg_run *run)
{
    static const pg_table tables[] = { PG_CLASS_REASON, PG_SHARE_USAGE, PG_QUEUE_SNAPSHOT };
    for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
        const pg_column *queue = &pg_table_infos[tables[t]].columns[0];
        size_t at = 0;
        run->changed = 0; /* the last table's count */
        for (pg_rec *rec; !run->stop.set && (rec = pg_next(run->s, tables[t], &at));)
            if (pg_has_int(run, 0,
                           *(const int64_t *)((const char *)pg_see(run->s, rec) + queue->offset)))
                (void)pg_delete(run, rec);
    }
}

#define S "scheduler"
const pg_statement pg_queue_statements[] = {
    { S, "reason_put", "IIIITITI", NULL, reason_put },
    { S, "reason_delete", "IIIITI", NULL, reason_delete },
    { S, "share_put", "ITIII", NULL, share_put },
    { S, "share_delete", "IT", NULL, share_delete },
    { S, "snapshot_put", "ITI", NULL, snapshot_put },
    { S, "counts_put", "ITTI", NULL, counts_put },
    { S, "usage_put", "IIIIIII", NULL, usage_put },
    { S, "answer_put", "iIIT", NULL, answer_put },
    { S, "queue_status_put", "II", NULL, queue_status_put },
    { S, "queue_status_delete", "I", "queue_id", queue_status_delete },
    { S, "queue_rest_delete", "I", NULL, queue_rest_delete },
    { 0 },
};
