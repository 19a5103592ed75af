/* The statements about the inbox, and those that a new leader loads from
 * (services/scheduler/sql/queries/inbox.sql, recover.sql; the scaler's inbox). */
#include <string.h>

#include "pg_internal.h"

#define JOB_NAMES                                                                                  \
    "queue_id,array_size,mcpu,mem_mib,gpus,created_at_ms,attempts,on_exit,timeout_s,share,"        \
    "priority,kind,dep_ids,dep_idxs,dep_types"
#define JOB_COLUMNS 15

/* Stands for hashtextextended(definition, revision): another number (FNV-1a), but the same for the
 * same. */
static int64_t kind_of(const pg_job *j)
{
    uint64_t hash = 14695981039346656037u ^ (uint64_t)j->revision * 1099511628211u;
    for (const char *p = j->definition; *p; p++)
        hash = (hash ^ (uint8_t)*p) * 1099511628211u;
    return (int64_t)(hash >> 1);
}

/* {{job}}; j may be NULL (LEFT JOIN). */
static void put_job(pg_run *run, const pg_job *j, bool waits)
{
    if (!j) {
        for (int i = 0; i < JOB_COLUMNS; i++)
            pg_put_text(run, NULL);
        return;
    }
    pg_put_int(run, j->queue_id);
    pg_put_int(run, j->array_size);
    pg_put_int(run, j->mcpu);
    pg_put_int(run, j->mem_mib);
    pg_put_int(run, j->gpus);
    pg_put_int(run, j->created_at_ms);
    pg_put_int(run, j->attempts);
    pg_put_text(run, j->on_exit);
    pg_put_int(run, j->timeout_s);
    pg_put_text(run, j->share);
    pg_put_int(run, j->priority);
    pg_put_int(run, kind_of(j));
    pg_put_text(run, waits ? j->dep_ids : NULL);
    pg_put_text(run, j->dep_idxs);
    pg_put_text(run, j->dep_types);
}

static void inbox(pg_run *run)
{
    pg_inbox key = { .consumer = OB_INBOX_SCHEDULER };
    size_t at = pg_from(PG_INBOX, &key, 1);
    int64_t left = pg_int(run, 0);
    for (const pg_rec *rec; left-- > 0 && (rec = pg_next_of(run->s, PG_INBOX, &key, 1, &at));) {
        const pg_inbox *i = pg_see(run->s, rec);
        const pg_job *j = pg_get(run->s, PG_JOB, &(pg_job){ .id = i->job_id });
        pg_out_row(run);
        put_job(run, j, true);
        pg_put_text(run, j ? j->failure : NULL);
        pg_put_int(run, i->seq);
        pg_put_int(run, i->kind);
        pg_put_uuid(run, &i->job_id);
        pg_put_int(run, i->idx);
        pg_put_int(run, i->ref);
        pg_put_text(run, i->reason);
    }
}

static void scaler_inbox(pg_run *run)
{
    pg_inbox key = { .consumer = OB_INBOX_SCALER };
    size_t at = pg_from(PG_INBOX, &key, 1);
    int left = 1000;
    for (const pg_rec *rec; left-- > 0 && (rec = pg_next_of(run->s, PG_INBOX, &key, 1, &at));) {
        const pg_inbox *i = pg_see(run->s, rec);
        pg_out_row(run);
        pg_put_int(run, i->seq);
        pg_put_text(run, i->instance_id);
    }
}

static void delete_of(pg_run *run, int64_t consumer)
{
    for (size_t i = 0; i < pg_arg_rows(run) && !run->stop.set; i++) {
        pg_inbox key = { .consumer = consumer, .seq = pg_int_at(run, 0, i) };
        pg_rec *rec = pg_find(run->s, PG_INBOX, &key);
        if (rec)
            (void)pg_delete(run, rec);
    }
}

static void inbox_delete(pg_run *run)
{
    delete_of(run, OB_INBOX_SCHEDULER);
}

static void scaler_inbox_delete(pg_run *run)
{
    delete_of(run, OB_INBOX_SCALER);
}

/* ---- Loading ---- */

/* extract(epoch FROM now() - l.running_at) * 1000, rounded. */
static int64_t running_for_ms(const pg_run *run, const pg_live *l)
{
    if (l->running_at == PG_NULL)
        return PG_NULL;
    int64_t us = run->now_us - l->running_at;
    return (us + (us < 0 ? -500 : 500)) / 1000;
}

static void put_live(pg_run *run, const pg_live *l, const pg_job *j)
{
    pg_out_row(run);
    put_job(run, j, l->waits != PG_NULL);
    pg_put_uuid(run, &l->job_id);
    pg_put_int(run, l->idx);
    pg_put_int(run, l->state);
    pg_put_int(run, l->run);
    pg_put_int(run, l->attempt);
    pg_put_text(run, l->instance_id);
    pg_put_int(run, l->started_at_ms);
    pg_put_int(run, l->runnable_at_ms);
    pg_put_int(run, l->flags);
    pg_put_text(run, l->stop_reason);
    pg_put_int(run, l->bulk_state);
    pg_put_text(run, l->bulk_reason);
    pg_put_int(run, l->ord);
    pg_put_int(run, running_for_ms(run, l));
    pg_put_int(run, l->waits);
    pg_put_int(run, l->told_at_ms);
    const pg_placement *p = l->instance_id ? pg_get(run->s, PG_PLACEMENT,
                                                    &(pg_placement){ .instance_id = l->instance_id,
                                                                     .job_id = l->job_id,
                                                                     .idx = l->idx })
                                           : NULL;
    pg_put_int(run, p ? p->placed_at_ms : PG_NULL);
}

static void live_page(pg_run *run)
{
    pg_live key = { .job_id = *pg_uuid(run, 0), .idx = pg_int(run, 1) + 1 };
    size_t at = pg_from(PG_LIVE, &key, 2);
    int64_t left = pg_int(run, 2);
    for (const pg_rec *rec; left-- > 0 && (rec = pg_next(run->s, PG_LIVE, &at));) {
        const pg_live *l = pg_see(run->s, rec);
        const pg_job *j = pg_get(run->s, PG_JOB, &(pg_job){ .id = l->job_id });
        if (j)
            put_live(run, l, j);
    }
}

static void class_reasons(pg_run *run)
{
    size_t at = 0;
    for (const pg_rec *rec; (rec = pg_next(run->s, PG_CLASS_REASON, &at));) {
        const pg_class_reason *r = pg_see(run->s, rec);
        pg_out_row(run);
        pg_put_int(run, r->queue_id);
        pg_put_int(run, r->mcpu);
        pg_put_int(run, r->mem_mib);
        pg_put_int(run, r->gpus);
        pg_put_text(run, r->share);
        pg_put_int(run, r->priority);
        pg_put_text(run, r->reason);
        pg_put_int(run, r->since_ms);
    }
}

static void share_usages(pg_run *run)
{
    size_t at = 0;
    for (const pg_rec *rec; (rec = pg_next(run->s, PG_SHARE_USAGE, &at));) {
        const pg_share_usage *u = pg_see(run->s, rec);
        pg_out_row(run);
        pg_put_int(run, u->queue_id);
        pg_put_text(run, u->share);
        pg_put_int(run, u->usage_ms);
        pg_put_int(run, u->at_ms);
        pg_put_bool(run, u->active);
    }
}

static void snapshots(pg_run *run)
{
    size_t at = 0;
    for (const pg_rec *rec; (rec = pg_next(run->s, PG_QUEUE_SNAPSHOT, &at));) {
        const pg_queue_snapshot *q = pg_see(run->s, rec);
        pg_out_row(run);
        pg_put_int(run, q->queue_id);
        pg_put_text(run, q->body);
        pg_put_text(run, q->jobs);
        pg_put_text(run, q->children);
    }
}

static void uncounted(pg_run *run)
{
    size_t at = 0;
    for (const pg_rec *rec; (rec = pg_next(run->s, PG_QUEUE_STATUS, &at));) {
        const pg_queue_status *q = pg_see(run->s, rec);
        const pg_queue_snapshot *s =
            pg_get(run->s, PG_QUEUE_SNAPSHOT, &(pg_queue_snapshot){ .queue_id = q->queue_id });
        if (pg_int(run, 0) != 1 && s && s->jobs)
            continue;
        pg_out_row(run);
        pg_put_int(run, q->queue_id);
    }
}

static void ended_page(pg_run *run)
{
    pg_done key = { .job_id = *pg_uuid(run, 2), .idx = INT64_MAX };
    size_t at = pg_from(PG_DONE, &key, 2);
    int64_t left = pg_int(run, 3);
    for (const pg_rec *rec; left > 0 && (rec = pg_next(run->s, PG_DONE, &at));) {
        const pg_done *d = pg_see(run->s, rec);
        if (d->idx != -1 || d->queue_id != pg_int(run, 0) || d->state != pg_int(run, 1))
            continue;
        pg_out_row(run);
        pg_put_uuid(run, &d->job_id);
        pg_put_text(run, d->counts);
        left--;
    }
}

#define S "scheduler"
const pg_statement pg_inbox_statements[] = {
    { S, "inbox", "i", JOB_NAMES ",failure,seq,kind,job_id,idx,ref,reason", inbox },
    { S, "inbox_delete", "I", NULL, inbox_delete },
    { S, "live_page", "uii",
      JOB_NAMES ",job_id,idx,state,run,attempt,instance_id,started_at_ms,runnable_at_ms,flags,"
                "stop_reason,bulk_state,bulk_reason,ord,running_for_ms,waits,told_at_ms,"
                "placed_at_ms",
      live_page },
    { S, "class_reasons", "", "queue_id,mcpu,mem_mib,gpus,share,priority,reason,since_ms",
      class_reasons },
    { S, "share_usages", "", "queue_id,share,usage_ms,at_ms,active", share_usages },
    { S, "snapshots", "", "queue_id,body,jobs,children", snapshots },
    { S, "uncounted", "i", "queue_id", uncounted },
    { S, "ended_page", "iiui", "job_id,counts", ended_page },
    { "scaler", "inbox", "", "seq,instance_id", scaler_inbox },
    { "scaler", "inbox_delete", "I", NULL, scaler_inbox_delete },
    { 0 },
};
