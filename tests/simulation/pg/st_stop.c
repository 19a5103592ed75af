/* The statements about stopping all that match (services/scheduler/sql/queries/stops.sql, and those
 * of the round). */
#include <string.h>

#include "ob/mem.h"
#include "pg_internal.h"

static void stop_open(pg_run *run)
{
    size_t at = 0;
    for (const pg_rec *rec; (rec = pg_next(run->s, PG_STOP_PROGRESS, &at));) {
        const pg_stop_progress *p = pg_see(run->s, rec);
        const pg_stop_request *r =
            pg_get(run->s, PG_STOP_REQUEST, &(pg_stop_request){ .id = p->stop_id });
        if (!r || p->finished_at_ms != PG_NULL)
            continue;
        pg_out_row(run);
        pg_put_int(run, r->id);
        pg_put_int(run, r->queue_id);
        pg_put_int(run, r->states);
        pg_put_text(run, r->name_prefix);
        pg_put_text(run, r->definition);
        pg_put_int(run, r->revision);
        pg_put_text(run, r->share);
        pg_put_bool(run, r->terminate);
        pg_put_text(run, r->reason);
        pg_put_int(run, r->created_at_ms);
        pg_put_uuid(run, &p->after_id);
        pg_put_int(run, p->looked);
        pg_put_int(run, p->matched);
    }
}

static bool is_in_inbox(const pg_run *run, int64_t id)
{
    size_t at = 0;
    for (const pg_rec *rec; (rec = pg_next(run->s, PG_INBOX, &at));) {
        const pg_inbox *i = pg_see(run->s, rec);
        if (i->consumer == OB_INBOX_SCHEDULER && i->kind == OB_INBOX_STOP_MATCHING && i->ref == id)
            return true;
    }
    return false;
}

static void stop_lost(pg_run *run)
{
    size_t at = 0;
    for (const pg_rec *rec; (rec = pg_next(run->s, PG_STOP_REQUEST, &at));) {
        const pg_stop_request *r = pg_see(run->s, rec);
        if (pg_get(run->s, PG_STOP_PROGRESS, &(pg_stop_progress){ .stop_id = r->id }) ||
            is_in_inbox(run, r->id))
            continue;
        pg_out_row(run);
        pg_put_int(run, r->id);
    }
}

/* The parameters of stop_page. */
enum {
    AFTER_ID,
    AFTER_IDX,
    ROWS,
    QUEUE_ID,
    STATES,
    CREATED_AT_MS,
    NAME_PREFIX,
    DEFINITION,
    REVISION,
    SHARE
};

/* Is the text as asked, or was nothing asked? */
static bool is_text(const pg_run *run, size_t param, const char *text)
{
    const char *asked = pg_text(run, param);
    return !asked || (text && strcmp(asked, text) == 0);
}

static bool matches(const pg_run *run, const pg_live *l, const pg_job *j)
{
    const char *prefix = pg_text(run, NAME_PREFIX);
    /* As the processor does it: the number of bits modulo 32. */
    bool state = (int32_t)pg_int(run, STATES) >> (l->state & 31) & 1;
    return l->idx == -1 && j->queue_id == pg_int(run, QUEUE_ID) &&
           j->created_at_ms <= pg_int(run, CREATED_AT_MS) && state &&
           (!prefix || strncmp(j->name, prefix, strlen(prefix)) == 0) &&
           is_text(run, DEFINITION, j->definition) && is_text(run, SHARE, j->share) &&
           (pg_int(run, REVISION) == 0 || j->revision == pg_int(run, REVISION));
}

static void stop_page(pg_run *run)
{
    pg_live key = { .job_id = *pg_uuid(run, AFTER_ID), .idx = pg_int(run, AFTER_IDX) + 1 };
    size_t at = pg_from(PG_LIVE, &key, 2);
    int64_t left = pg_int(run, ROWS);
    for (const pg_rec *rec; left-- > 0 && (rec = pg_next(run->s, PG_LIVE, &at));) {
        const pg_live *l = pg_see(run->s, rec);
        const pg_job *j = pg_get(run->s, PG_JOB, &(pg_job){ .id = l->job_id });
        if (!j)
            continue;
        pg_out_row(run);
        pg_put_uuid(run, &l->job_id);
        pg_put_bool(run, matches(run, l, j));
    }
}

static void stop_begin(pg_run *run)
{
    size_t at = 0;
    for (pg_rec *rec; !run->stop.set && (rec = pg_next(run->s, PG_STOP_PROGRESS, &at));) {
        const pg_stop_progress *p = pg_see(run->s, rec);
        if (!pg_get(run->s, PG_STOP_REQUEST, &(pg_stop_request){ .id = p->stop_id }))
            (void)pg_delete(run, rec);
    }
    run->changed = 0;
    for (size_t i = 0; i < pg_arg_rows(run) && !run->stop.set; i++) {
        int64_t id = pg_int_at(run, 0, i);
        if (!pg_get(run->s, PG_STOP_REQUEST, &(pg_stop_request){ .id = id }))
            continue;
        pg_stop_progress *p = pg_row_new(PG_STOP_PROGRESS);
        p->stop_id = id;
        p->looked = p->matched = 0;
        p->begun_at_ms = pg_int(run, 1);
        (void)pg_insert_new(run, PG_STOP_PROGRESS, p);
    }
}

static void stop_step(pg_run *run)
{
    pg_stop_progress key = { .stop_id = pg_int(run, 0) };
    pg_rec *rec = pg_find(run->s, PG_STOP_PROGRESS, &key);
    pg_stop_progress *p = rec ? pg_update(run, rec) : NULL;
    if (!p)
        return;
    p->after_id = *pg_uuid(run, 1);
    p->looked = pg_int(run, 2);
    p->matched = pg_int(run, 3);
    p->finished_at_ms = pg_int(run, 4);
    (void)pg_check(run, PG_STOP_PROGRESS, p);
}

#define S "scheduler"
const pg_statement pg_stop_statements[] = {
    { S, "stop_open", "",
      "id,queue_id,states,name_prefix,definition,revision,share,terminate,reason,created_at_ms,"
      "after_id,looked,matched",
      stop_open },
    { S, "stop_lost", "", "id", stop_lost },
    { S, "stop_page", "uiiiiittit", "job_id,matches", stop_page },
    { S, "stop_begin", "Ii", NULL, stop_begin },
    { S, "stop_step", "iuiii", NULL, stop_step },
    { 0 },
};
