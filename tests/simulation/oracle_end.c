/* The end of a history: does it rest, and was everything kept that was promised? Owns nothing. One
 * thread. */
#include <stdio.h>
#include <string.h>

#include "oracle_seen.h"

static const char *busy_text(const char *what, size_t n)
{
    static char text[128];
    (void)snprintf(text, sizeof(text), "%zu %s", n, what);
    return text;
}

static size_t instances_alive(void)
{
    size_t n = 0;
    for (const box *b = seen.boxes; b; b = b->hh.next)
        n += b->state >= 0 && b->state != OB_INSTANCE_TERMINATED;
    return n;
}

static size_t stops_left(void)
{
    size_t n = 0, at = 0;
    for (const pg_stop_request *r; (r = sim_pg_next(PG_STOP_REQUEST, &at));) {
        const pg_stop_progress *p =
            sim_pg_find(PG_STOP_PROGRESS, &(pg_stop_progress){ .stop_id = r->id });
        n += !p || p->finished_at_ms == PG_NULL;
    }
    return n;
}

/* Entries of Redis that say something else than PostgreSQL at rest: no environment uses anything,
 * and there is no instance. */
static size_t wrong_counters(void)
{
    static const char *const zero[] = { "provisionedMcpu", "allocatedMcpu", "attempts",
                                        "instances" };
    size_t at = 0, wrong = 0, n = 0;
    const pg_compute_environment *row;
    while ((row = sim_pg_next(PG_COMPUTE_ENVIRONMENT, &at))) {
        char key[32];
        (void)snprintf(key, sizeof(key), "ce:%lld", (long long)row->id);
        const json_t *has = sim_cache_get(key);
        bool equal = has != NULL;
        for (size_t i = 0; i < ARRAY_SIZE(zero); i++)
            equal = equal && json_integer_value(json_object_get(has, zero[i])) == 0;
        wrong += !equal;
        n++;
    }
    return wrong + sim_cache_count() - (sim_cache_count() < n ? sim_cache_count() : n);
}

bool oracle_rests(const char **ret_why)
{
    const struct {
        const char *what;
        size_t n;
    } left[] = {
        { "jobs are not ended", sim_pg_count(PG_LIVE) },
        { "requests are in the inbox", sim_pg_count(PG_INBOX) },
        { "requests to stop all that match are not finished", stops_left() },
        { "placements are left", sim_pg_count(PG_PLACEMENT) },
        { "instances are left", instances_alive() },
        { "hosts are left", sim_cloud_hosts() },
        { "containers are left", sim_cloud_containers() },
        { "messages of output are not read", (size_t)sim_bus_unread() },
        { "entries of Redis differ from PostgreSQL", wrong_counters() },
    };
    for (size_t i = 0; i < ARRAY_SIZE(left); i++)
        if (left[i].n > 0) {
            *ret_why = busy_text(left[i].what, left[i].n);
            return false;
        }
    return true;
}

void oracle_restless(const char *why)
{
    size_t at = 0;
    char name[OB_RUN_TEXT] = "-";
    const pg_live *row = sim_pg_next(PG_LIVE, &at);
    /* A child says more than its parent. */
    for (const pg_live *next = row; next; next = sim_pg_next(PG_LIVE, &at))
        if (next->state >= OB_JOB_RUNNABLE)
            row = next;
    if (!row)
        broken(name, "it does not come to rest: %s", why);
    seen_ref(&row->job_id, row->idx, name);
    broken(name, "it does not come to rest: %s; job %s is %s%s%s", why, name,
           ob_job_state_name((ob_job_state)row->state), row->reason ? ": " : "",
           row->reason ? row->reason : "");
}

static void judge_leaf(const job *j, int64_t index)
{
    char name[OB_RUN_TEXT];
    int64_t state = seen_end(&j->id, index);
    seen_ref(&j->id, index, name);
    if (state != OB_JOB_SUCCEEDED && state != OB_JOB_FAILED)
        broken(name, "job %s has no end", name);
    const leaf *l = seen_leaf(&j->id, index);
    if ((state == OB_JOB_SUCCEEDED) != (l->successes == 1) && !j->stop_asked)
        broken(name, "job %s ended as %s, and %d runs of it succeeded", name,
               ob_job_state_name((ob_job_state)state), l->successes);
    if (seen.excused || j->stop_asked)
        return;
    int64_t may = j->row.attempts > 0 ? j->row.attempts : 1;
    bool can = j->plan.kind == KIND_OK || j->plan.kind == KIND_STUBBORN ||
               (j->plan.kind == KIND_FLAKY && j->plan.number < may);
    if (can && state != OB_JOB_SUCCEEDED && !seen_dependency_failed(j, index))
        broken(name, "job %s should have succeeded, and nothing was in its way", name);
}

static void tally(int64_t counts[OB_JOB_STATE_COUNT], int64_t end)
{
    if (end >= 0)
        counts[end]++;
}

/* What the scheduler has counted of a queue, whichever leaders there were: all has ended. */
static void judge_counts(const pg_job_queue *q)
{
    int64_t jobs[OB_JOB_STATE_COUNT] = { 0 }, children[OB_JOB_STATE_COUNT] = { 0 };
    char job_text[96], child_text[96];
    size_t n = 0;
    for (size_t i = 0; i < seen.n_jobs; i++) {
        const job *j = seen.list[i];
        if (j->row.queue_id != q->id)
            continue;
        n++;
        tally(jobs, seen_end(&j->id, -1));
        for (int64_t k = 0; k < j->row.array_size; k++)
            tally(children, seen_end(&j->id, k));
    }
    const pg_queue_snapshot *has =
        sim_pg_find(PG_QUEUE_SNAPSHOT, &(pg_queue_snapshot){ .queue_id = q->id });
    if (n == 0)
        return;
    (void)snprintf(job_text, sizeof(job_text), "{0,0,0,0,0,%lld,%lld}",
                   (long long)jobs[OB_JOB_SUCCEEDED], (long long)jobs[OB_JOB_FAILED]);
    (void)snprintf(child_text, sizeof(child_text), "{0,0,0,0,0,%lld,%lld}",
                   (long long)children[OB_JOB_SUCCEEDED], (long long)children[OB_JOB_FAILED]);
    if (!has || !has->jobs || strcmp(has->jobs, job_text) != 0 ||
        strcmp(has->children, child_text) != 0)
        broken(q->name, "queue %s is counted as %s and children %s; it had %s and %s", q->name,
               has && has->jobs ? has->jobs : "nothing",
               has && has->children ? has->children : "nothing", job_text, child_text);
}

void oracle_judge(void)
{
    judge_output();
    for (size_t i = 0; i < seen.n_jobs; i++) {
        const job *j = seen.list[i];
        for (int64_t k = 0; k < j->row.array_size; k++)
            judge_leaf(j, k);
        if (j->row.array_size == 0)
            judge_leaf(j, -1);
        char name[OB_RUN_TEXT];
        seen_ref(&j->id, -1, name);
        int64_t state = seen_end(&j->id, -1), failed = 0;
        for (int64_t k = 0; k < j->row.array_size; k++)
            failed += seen_end(&j->id, k) == OB_JOB_FAILED;
        if (j->row.array_size > 0 && (state == OB_JOB_SUCCEEDED) != (failed == 0))
            broken(name, "array %s ended as %s with %lld failed children", name,
                   ob_job_state_name((ob_job_state)state), (long long)failed);
    }
    size_t at = 0;
    for (const pg_job_queue *q; (q = sim_pg_next(PG_JOB_QUEUE, &at));)
        judge_counts(q);
}
