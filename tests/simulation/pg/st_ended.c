/* The statements about ended jobs, and those of the publisher
 * (services/scheduler/sql/queries/ended.sql, publish.sql). */
#include <stdlib.h>
#include <string.h>

#include "ob/mem.h"
#include "pg_internal.h"

static void ended(pg_run *run)
{
    const pg_arg *ids = &run->args->at[0];
    ob_uuid *sorted = pg_uuids_sorted(ids);
    for (size_t i = 0; i < ids->n; i++) {
        const pg_done *d = pg_get(run->s, PG_DONE, &(pg_done){ .job_id = sorted[i], .idx = -1 });
        const pg_job *j = pg_get(run->s, PG_JOB, &(pg_job){ .id = sorted[i] });
        if (!d || !j)
            continue;
        pg_out_row(run);
        pg_put_uuid(run, &d->job_id);
        pg_put_int(run, d->state);
        pg_put_int(run, d->bulk_state);
        pg_put_int(run, j->array_size);
    }
}

static void put_child(pg_run *run, const pg_done *d)
{
    pg_out_row(run);
    pg_put_uuid(run, &d->job_id);
    pg_put_int(run, d->idx);
    pg_put_int(run, d->state);
}

static bool is_wanted(const pg_run *run, const pg_done *d)
{
    for (size_t i = 0; i < pg_arg_rows(run); i++) {
        int64_t lo = pg_int_at(run, 1, i), hi = pg_int_at(run, 2, i);
        if (ob_uuid_cmp(pg_uuid_at(run, 0, i), &d->job_id) == 0 && lo != PG_NULL && lo <= d->idx &&
            d->idx <= hi)
            return true;
    }
    return false;
}

static void children_of(pg_run *run)
{
    const pg_arg *ids = &run->args->at[0];
    ob_uuid *sorted = pg_uuids_sorted(ids);
    for (size_t i = 0; i < ids->n; i++) {
        if (i > 0 && ob_uuid_cmp(&sorted[i - 1], &sorted[i]) == 0)
            continue;
        pg_done key = { .job_id = sorted[i] };
        size_t at = pg_from(PG_DONE, &key, 1);
        for (const pg_rec *rec; (rec = pg_next_of(run->s, PG_DONE, &key, 1, &at));) {
            const pg_done *d = pg_see(run->s, rec);
            if (is_wanted(run, d))
                put_child(run, d);
        }
    }
}

static void done_children(pg_run *run)
{
    for (size_t i = 0; i < pg_arg_rows(run); i++) {
        pg_done key = { .job_id = *pg_uuid_at(run, 0, i), .idx = 0 };
        size_t at = pg_from(PG_DONE, &key, 2);
        for (const pg_rec *rec; (rec = pg_next_of(run->s, PG_DONE, &key, 1, &at));)
            put_child(run, pg_see(run->s, rec));
    }
}

/* ---- The publisher ---- */

static void watermark(pg_run *run)
{
    size_t at = 0;
    for (const pg_rec *rec; (rec = pg_next(run->s, PG_PUBLISHER, &at));) {
        const pg_publisher *p = pg_see(run->s, rec);
        pg_out_row(run);
        pg_put_int(run, p->round);
        pg_put_int(run, p->n);
        pg_put_int(run, p->topic_end);
    }
}

static void move_watermark(pg_run *run)
{
    int64_t epoch = pg_int(run, 0), round = pg_int(run, 1), n = pg_int(run, 2);
    pg_rec *rec = pg_find(run->s, PG_PUBLISHER, &(pg_publisher){ .only_one = true });
    const pg_publisher *is = rec ? pg_see(run->s, rec) : NULL;
    const pg_leader *leader = pg_get(run->s, PG_LEADER, &(pg_leader){ .role = "scheduler" });
    if (!is || !leader || leader->epoch != epoch || is->round > round ||
        (is->round == round && is->n > n))
        return;
    pg_publisher *p = pg_update(run, rec);
    if (!p)
        return;
    p->epoch = epoch;
    p->round = round;
    p->n = n;
    p->topic_end = pg_int(run, 3);
    (void)pg_check(run, PG_PUBLISHER, p);
}

const char *pg_left(const char *text, size_t chars)
{
    if (!text)
        return NULL;
    const char *end = text;
    while (*end && chars > 0) {
        end++;
        while (((unsigned char)*end & 0xc0) == 0x80)
            end++;
        chars--;
    }
    return *end ? pg_keep(text, (size_t)(end - text)) : text;
}

static void put_event(pg_run *run, const pg_job_event *e)
{
    pg_out_row(run);
    pg_put_int(run, e->round);
    pg_put_int(run, e->n);
    pg_put_int(run, e->at_ms);
    pg_put_uuid(run, &e->job_id);
    pg_put_int(run, e->idx_lo);
    pg_put_int(run, e->idx_hi);
    pg_put_int(run, e->state);
    pg_put_int(run, e->attempt);
    pg_put_int(run, e->run);
    pg_put_text(run, e->instance_id);
    pg_put_text(run, e->cluster);
    pg_put_int(run, e->started_at_ms);
    pg_put_int(run, e->stopped_at_ms);
    pg_put_int(run, e->exit_code);
    pg_put_text(run, pg_left(e->container_reason, 255));
    pg_put_text(run, pg_left(e->reason, 1024));
    pg_put_int(run, e->flags);
    pg_put_text(run, e->counts);
    pg_put_bool(run, e->blocked);
}

static void events(pg_run *run)
{
    pg_job_event key = { .round = pg_int(run, 0), .n = pg_int(run, 1) + 1 };
    size_t at = pg_from(PG_JOB_EVENT, &key, 2);
    int64_t rows = pg_int(run, 2);
    for (const pg_rec *rec; rows-- > 0 && (rec = pg_next(run->s, PG_JOB_EVENT, &at));)
        put_event(run, pg_see(run->s, rec));
}

static void subjects(pg_run *run)
{
    const pg_arg *ids = &run->args->at[0];
    ob_uuid *sorted = pg_uuids_sorted(ids);
    for (size_t i = 0; i < ids->n; i++) {
        const pg_job *j = pg_get(run->s, PG_JOB, &(pg_job){ .id = sorted[i] });
        if (!j || (i > 0 && ob_uuid_cmp(&sorted[i - 1], &sorted[i]) == 0))
            continue;
        pg_out_row(run);
        pg_put_uuid(run, &j->id);
        pg_put_text(run, j->definition);
        pg_put_int(run, j->array_size);
        pg_put_text(run, j->detail);
    }
}

typedef struct wanted {
    ob_uuid id;
    int64_t idx;
} wanted;

static int cmp_wanted(const void *a, const void *b)
{
    const wanted *x = a, *y = b;
    int order = ob_uuid_cmp(&x->id, &y->id);
    return order ? order : (x->idx > y->idx) - (x->idx < y->idx);
}

static void put_attempt(pg_run *run, const pg_attempt *a)
{
    pg_out_row(run);
    pg_put_uuid(run, &a->job_id);
    pg_put_int(run, a->idx);
    pg_put_int(run, a->attempt);
    pg_put_int(run, a->run);
    pg_put_text(run, a->instance_id);
    pg_put_text(run, a->cluster);
    pg_put_int(run, a->exit_code);
    pg_put_text(run, pg_left(a->container_reason, 255));
    pg_put_text(run, pg_left(a->reason, 1024));
    pg_put_int(run, a->started_at_ms);
    pg_put_int(run, a->stopped_at_ms);
}

/* The jobs and children that are the parameters, in their order. */
static wanted *wanted_of(const pg_run *run, size_t n)
{
    wanted *of = pg_alloc((n + 1) * sizeof(*of));
    for (size_t i = 0; i < n; i++)
        of[i] = (wanted){ *pg_uuid_at(run, 0, i), pg_int_at(run, 1, i) };
    qsort(of, n, sizeof(*of), cmp_wanted);
    return of;
}

void pg_attempts_of(pg_run *run, void (*put)(pg_run *run, const pg_attempt *a))
{
    size_t n = pg_arg_rows(run);
    const wanted *of = wanted_of(run, n);
    for (size_t i = 0; i < n; i++) {
        pg_attempt key = { .job_id = of[i].id, .idx = of[i].idx };
        size_t at = pg_from(PG_ATTEMPT, &key, 2);
        for (const pg_rec *rec; (rec = pg_next_of(run->s, PG_ATTEMPT, &key, 2, &at));)
            put(run, pg_see(run->s, rec));
    }
}

static void attempts(pg_run *run)
{
    pg_attempts_of(run, put_attempt);
}

static void pods(pg_run *run)
{
    size_t n = pg_arg_rows(run);
    const wanted *of = wanted_of(run, n);
    for (size_t i = 0; i < n; i++) {
        pg_pod key = { .job_id = of[i].id, .idx = of[i].idx };
        size_t at = pg_from(PG_POD, &key, 2);
        for (const pg_rec *rec; (rec = pg_next_of(run->s, PG_POD, &key, 2, &at));) {
            const pg_pod *p = pg_see(run->s, rec);
            pg_out_row(run);
            pg_put_uuid(run, &p->job_id);
            pg_put_int(run, p->idx);
            pg_put_int(run, p->attempt);
            pg_put_int(run, p->run);
            pg_put_text(run, p->body);
        }
    }
}

/* The last 'rows' events up to one, from the end; only jobs that ended shortly before the last. */
static void last_ends(pg_run *run)
{
    const pg_job_event after = { .round = pg_int(run, 0), .n = pg_int(run, 1) + 1 };
    const pg_job_event end = { .round = pg_int(run, 2), .n = pg_int(run, 3) + 1 };
    size_t at = pg_from(PG_JOB_EVENT, &after, 2), n = 0, room = sim_pg_count(PG_JOB_EVENT);
    const pg_job_event **found = pg_alloc((room + 1) * sizeof(*found));
    int64_t rows = pg_int(run, 4), last_ms = INT64_MIN;
    for (const pg_rec *rec; (rec = pg_next(run->s, PG_JOB_EVENT, &at));) {
        const pg_job_event *e = pg_see(run->s, rec);
        if (pg_cmp(PG_JOB_EVENT, e, &end, 2) >= 0)
            break;
        found[n++] = e;
    }
    size_t first = (int64_t)n > rows ? n - (size_t)rows : 0;
    for (size_t i = first; i < n; i++)
        last_ms = found[i]->at_ms > last_ms ? found[i]->at_ms : last_ms;
    for (size_t i = first; i < n; i++) {
        if (found[i]->idx_lo != -1 || found[i]->state < OB_JOB_SUCCEEDED ||
            found[i]->at_ms <= last_ms - pg_int(run, 5))
            continue;
        pg_out_row(run);
        pg_put_uuid(run, &found[i]->job_id);
    }
}

#define S "scheduler"
const pg_statement pg_ended_statements[] = {
    { S, "ended", "U", "job_id,state,bulk_state,array_size", ended },
    { S, "children_of", "UII", "job_id,idx,state", children_of },
    { S, "done_children", "U", "job_id,idx,state", done_children },
    { S, "watermark", "", "round,n,topic_end", watermark },
    { S, "move_watermark", "iiii", NULL, move_watermark },
    { S, "events", "iii",
      "round,n,at_ms,job_id,idx_lo,idx_hi,state,attempt,run,instance_id,cluster,started_at_ms,"
      "stopped_at_ms,exit_code,container_reason,reason,flags,counts,blocked",
      events },
    { S, "last_ends", "iiiiii", "job_id", last_ends },
    { S, "subjects", "U", "id,definition,array_size,detail", subjects },
    { S, "pods", "UI", "job_id,idx,attempt,run,body", pods },
    { S, "attempts", "UI",
      "job_id,idx,attempt,run,instance_id,cluster,exit_code,container_reason,reason,started_at_ms,"
      "stopped_at_ms",
      attempts },
    { 0 },
};
