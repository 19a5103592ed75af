/* The simulated api: each call is one statement of services/api/sql/queries, in a transaction of
 * its own, by a session that lives as long as the call. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ob/mem.h"
#include "pg_session.h"

#define APPLICATION "openbatch-api"

static pg_run begin(void)
{
    pg_session *s = pg_session_new(APPLICATION);
    s->in_transaction = true;
    pg_begin(s);
    return (pg_run){ .s = s, .number = UINT64_MAX, .now_us = s->began_us };
}

static sim_pg_fault ask(const pg_run *run, sim_pg_moment moment, const char *what)
{
    sim_pg_call call = { .moment = moment,
                         .application = APPLICATION,
                         .process = run->s->process,
                         .session = run->s->id,
                         .stmt = what,
                         .n = 1,
                         .commits = true };
    return pg_hooks.at ? pg_hooks.at(&call, pg_hooks.arg) : SIM_PG_FINE;
}

/* Commits. Returns 0 or -EIO: it was not committed, or nobody knows. */
static int end(pg_run *run, const char *what)
{
    if (run->stop.set) { /* nothing of the api's waits for locks or meets a key twice */
        (void)fprintf(stderr, "simulated PostgreSQL: %s: %s\n", what, run->stop.text);
        abort();
    }
    int r = -EIO;
    run->s->running = true;
    if (!pg_is_away() && ask(run, SIM_PG_COMMIT, what) == SIM_PG_FINE && !run->s->ended) {
        pg_commit(run->s);
        run->s->running = false;
        r = ask(run, SIM_PG_ANSWER, what) == SIM_PG_FINE ? 0 : -EIO;
    }
    pg_session_free(run->s);
    return r;
}

static const char *keep(const char *text)
{
    return text ? pg_keep(text, strlen(text)) : NULL;
}

/* A copy of a row, with its texts. */
static void *copy_row(pg_table table, const void *row)
{
    const pg_table_info *info = &pg_table_infos[table];
    char *copy = memcpy(pg_alloc(info->row_size), row, info->row_size);
    for (size_t i = 0; i < info->n_columns; i++)
        if (info->columns[i].type == PG_TYPE_TEXT) {
            const char **text = (const char **)(copy + info->columns[i].offset);
            *text = keep(*text);
        }
    return copy;
}

static void put_inbox(pg_run *run, const pg_inbox *what)
{
    pg_inbox *i = copy_row(PG_INBOX, what);
    i->seq = pg_next_number(PG_INBOX);
    (void)pg_insert(run, PG_INBOX, i);
}

static void ring(pg_run *run, ob_inbox_consumer consumer, ob_inbox_kind kind, int64_t ref)
{
    put_inbox(run, &(pg_inbox){ .consumer = consumer, .kind = kind, .idx = -1, .ref = ref });
}

/* ---- Jobs ---- */

static bool is_first(pg_run *run, const pg_submit_once *once)
{
    return !once || pg_insert_new(run, PG_SUBMIT_ONCE, copy_row(PG_SUBMIT_ONCE, once));
}

static int cmp_jobs(const void *a, const void *b)
{
    return ob_uuid_cmp(&(*(const pg_job *const *)a)->id, &(*(const pg_job *const *)b)->id);
}

static void ring_job(pg_run *run, const pg_job *j)
{
    pg_inbox row = { .consumer = OB_INBOX_SCHEDULER,
                     .kind = OB_INBOX_SUBMIT,
                     .job_id = j->id,
                     .idx = -1,
                     .ref = PG_NULL };
    put_inbox(run, &row);
    if (!j->failure)
        return;
    row.kind = OB_INBOX_TERMINATE;
    row.reason = j->failure;
    put_inbox(run, &row);
}

int sim_pg_submit(const pg_job *jobs, const pg_submit_once *const *once, size_t n, size_t *ret_made)
{
    pg_run run = begin();
    const pg_job **made = ob_calloc(n + 1, sizeof(pg_job *));
    size_t n_made = 0;
    for (size_t i = 0; i < n; i++) {
        const pg_job_queue *q =
            pg_get(run.s, PG_JOB_QUEUE, &(pg_job_queue){ .id = jobs[i].queue_id });
        if (!q || !q->enabled || q->deleting || !is_first(&run, once ? once[i] : NULL))
            continue;
        pg_job *j = copy_row(PG_JOB, &jobs[i]);
        if (pg_insert(&run, PG_JOB, j))
            made[n_made++] = j;
    }
    qsort(made, n_made, sizeof(*made), cmp_jobs);
    for (size_t i = 0; i < n_made; i++)
        ring_job(&run, made[i]);
    free(made);
    if (ret_made)
        *ret_made = n_made;
    return end(&run, "submit");
}

int sim_pg_stop(ob_inbox_kind kind, const ob_uuid *job, int64_t index, const char *reason)
{
    pg_run run = begin();
    const pg_job *j = pg_get(run.s, PG_JOB, &(pg_job){ .id = *job });
    bool is_there = j && (index == -1 || (index >= 0 && index < j->array_size));
    if (is_there && !pg_get(run.s, PG_DONE, &(pg_done){ .job_id = *job, .idx = -1 }) &&
        !pg_get(run.s, PG_DONE, &(pg_done){ .job_id = *job, .idx = index }))
        put_inbox(&run, &(pg_inbox){ .consumer = OB_INBOX_SCHEDULER,
                                     .kind = kind,
                                     .job_id = *job,
                                     .idx = index,
                                     .ref = PG_NULL,
                                     .reason = reason });
    return end(&run, "stop");
}

static const pg_stop_progress *progress_of(const pg_run *run, int64_t id)
{
    return pg_get(run->s, PG_STOP_PROGRESS, &(pg_stop_progress){ .stop_id = id });
}

/* How many requests of its queue are later. */
static int64_t count_later(const pg_run *run, const pg_stop_request *than)
{
    int64_t n = 0;
    size_t at = 0;
    for (const pg_rec *rec; (rec = pg_next(run->s, PG_STOP_REQUEST, &at));) {
        const pg_stop_request *r = pg_see(run->s, rec);
        n += r->queue_id == than->queue_id && r->id > than->id;
    }
    return n;
}

/* The last request of the queue that is not kept; 0: all are. */
static int64_t last_not_kept(const pg_run *run, int64_t queue_id, int64_t kept_max)
{
    size_t at = 0;
    for (const pg_rec *rec; (rec = pg_next(run->s, PG_STOP_REQUEST, &at));) {
        const pg_stop_request *r = pg_see(run->s, rec);
        if (r->queue_id == queue_id && count_later(run, r) == kept_max)
            return r->id;
    }
    return 0;
}

/* Those that are not to be kept go. *ret_open: how many of the account and region are not finished,
 * *ret_queue_open: of the queue; they count what was there before. */
static void forget_stops(pg_run *run,
                         const pg_stop_request *of,
                         const pg_stop_limits *limits,
                         int64_t *ret_open,
                         int64_t *ret_queue_open)
{
    int64_t last = last_not_kept(run, of->queue_id, limits->kept_max);
    size_t at = 0;
    for (pg_rec *rec; !run->stop.set && (rec = pg_next(run->s, PG_STOP_REQUEST, &at));) {
        const pg_stop_request *r = pg_see(run->s, rec);
        const pg_stop_progress *p = progress_of(run, r->id);
        bool finished = p && p->finished_at_ms != PG_NULL;
        bool of_queue = r->queue_id == of->queue_id;
        bool counts =
            !finished && strcmp(r->account, of->account) == 0 && strcmp(r->region, of->region) == 0;
        *ret_open += counts;
        *ret_queue_open += counts && of_queue;
        if (finished && (p->finished_at_ms < limits->forget_ms || (of_queue && r->id <= last)))
            (void)pg_delete(run, rec);
    }
}

int64_t sim_pg_stop_matching(const pg_stop_request *row, const pg_stop_limits *limits)
{
    pg_run run = begin();
    int64_t open = 0, queue_open = 0, id = 0;
    forget_stops(&run, row, limits, &open, &queue_open);
    if (open < limits->open_max && queue_open < limits->queue_open_max) {
        pg_stop_request *r = copy_row(PG_STOP_REQUEST, row);
        id = r->id = pg_next_number(PG_STOP_REQUEST);
        (void)pg_insert(&run, PG_STOP_REQUEST, r);
        ring(&run, OB_INBOX_SCHEDULER, OB_INBOX_STOP_MATCHING, id);
    }
    return end(&run, "stop_request_add") < 0 ? -EIO : id;
}

/* ---- Queues, policies, environments ---- */

/* Is there a row with the account, region and name? The tables have the same columns there. */
static pg_rec *named(const pg_run *run, pg_table table, const pg_job_queue *row)
{
    size_t at = 0;
    pg_rec *rec;
    while ((rec = pg_next(run->s, table, &at))) {
        const pg_job_queue *q = pg_see(run->s, rec);
        if (strcmp(q->account, row->account) == 0 && strcmp(q->region, row->region) == 0 &&
            strcmp(q->name, row->name) == 0)
            break;
    }
    return rec;
}

/* ON DELETE CASCADE */
static void delete_tokens(pg_run *run, int64_t ce_id)
{
    size_t at = 0;
    for (pg_rec *rec; (rec = pg_next(run->s, PG_JOIN_TOKEN, &at));) {
        const pg_join_token *t = pg_see(run->s, rec);
        if (t->ce_id == ce_id)
            (void)pg_delete(run, rec);
    }
}

/* As queue_gone, environment_gone: a deleted row makes room for a new one. False: it is there. */
static bool make_room(pg_run *run, pg_table table, const void *row)
{
    pg_rec *rec = named(run, table, row);
    const pg_job_queue *q = rec && table == PG_JOB_QUEUE ? pg_see(run->s, rec) : NULL;
    const pg_compute_environment *c =
        rec && table == PG_COMPUTE_ENVIRONMENT ? pg_see(run->s, rec) : NULL;
    if (q && q->deleting &&
        !pg_get(run->s, PG_QUEUE_STATUS, &(pg_queue_status){ .queue_id = q->id }))
        return pg_delete(run, rec);
    if (c && c->deleting && !pg_get(run->s, PG_CE_STATUS, &(pg_ce_status){ .ce_id = c->id })) {
        delete_tokens(run, c->id);
        return pg_delete(run, rec);
    }
    return !rec;
}

/* The new version of a row: made (its id is given), or changed. NULL: neither is possible. */
static void *put_row(pg_run *run, pg_table table, const void *row, int64_t id)
{
    if (id != 0) {
        pg_rec *rec = pg_find(run->s, table, row);
        void *changed = rec ? pg_update(run, rec) : NULL;
        return changed ? memcpy(changed, copy_row(table, row), pg_table_infos[table].row_size)
                       : NULL;
    }
    if (!make_room(run, table, row)) {
        (void)pg_next_number(table); /* as PostgreSQL: the number is gone */
        return NULL;
    }
    return copy_row(table, row);
}

static void ring_for_queue(pg_run *run, int64_t id, bool is_new)
{
    (void)is_new;
    ring(run, OB_INBOX_SCHEDULER, OB_INBOX_QUEUE, id);
}

static void ring_for_environment(pg_run *run, int64_t id, bool is_new)
{
    (void)is_new;
    ring(run, OB_INBOX_SCHEDULER, OB_INBOX_ENVIRONMENT, id);
    ring(run, OB_INBOX_SCALER, OB_INBOX_ENVIRONMENT, id);
}

/* A changed policy changes its queues. */
static void ring_for_policy(pg_run *run, int64_t id, bool is_new)
{
    size_t at = 0;
    for (const pg_rec *rec; !is_new && (rec = pg_next(run->s, PG_JOB_QUEUE, &at));) {
        const pg_job_queue *q = pg_see(run->s, rec);
        if (q->policy_id == id)
            ring_for_queue(run, q->id, false);
    }
}

/* What clients make and change: where its columns are, and who hears of it. */
typedef struct resource {
    const char *what;
    pg_table table;
    size_t id, version; /* offsets */
    void (*ring)(pg_run *run, int64_t id, bool is_new);
} resource;

#define RESOURCE(what, table, type) what, table, offsetof(type, id), offsetof(type, version)
static const resource queue = { RESOURCE("queue", PG_JOB_QUEUE, pg_job_queue), ring_for_queue };
static const resource environment = {
    RESOURCE("environment", PG_COMPUTE_ENVIRONMENT, pg_compute_environment), ring_for_environment
};
static const resource policy = { RESOURCE("policy", PG_SCHEDULING_POLICY, pg_scheduling_policy),
                                 ring_for_policy };

static int64_t number_at(const void *row, size_t offset)
{
    int64_t n;
    memcpy(&n, (const char *)row + offset, sizeof(n));
    return n;
}

static void set_number(void *row, size_t offset, int64_t n)
{
    memcpy((char *)row + offset, &n, sizeof(n));
}

static int64_t put(const resource *of, const void *row)
{
    pg_run run = begin();
    const void *is = pg_get(run.s, of->table, row);
    void *made = put_row(&run, of->table, row, number_at(row, of->id));
    int64_t id = 0;
    if (made) {
        id = is ? number_at(is, of->id) : pg_next_number(of->table);
        set_number(made, of->id, id);
        set_number(made, of->version, is ? number_at(is, of->version) + 1 : 1);
        if (!is)
            (void)pg_insert(&run, of->table, made);
        of->ring(&run, id, !is);
    }
    return end(&run, of->what) < 0 ? -EIO : id;
}

int64_t sim_pg_put_queue(const pg_job_queue *row)
{
    return put(&queue, row);
}

int64_t sim_pg_put_environment(const pg_compute_environment *row)
{
    return put(&environment, row);
}

int64_t sim_pg_put_policy(const pg_scheduling_policy *row)
{
    return put(&policy, row);
}

/* ---- Instances ---- */

static bool is_interrupted(const pg_run *run, const char *instance_id)
{
    pg_inbox key = { .consumer = OB_INBOX_SCALER };
    size_t at = pg_from(PG_INBOX, &key, 1);
    for (const pg_rec *rec; (rec = pg_next_of(run->s, PG_INBOX, &key, 1, &at));) {
        const pg_inbox *i = pg_see(run->s, rec);
        if (i->instance_id && strcmp(i->instance_id, instance_id) == 0)
            return true;
    }
    return false;
}

int sim_pg_interrupt(const char *instance_id)
{
    pg_run run = begin();
    const pg_instance *i = pg_get(run.s, PG_INSTANCE, &(pg_instance){ .id = instance_id });
    if (i && i->state == OB_INSTANCE_ACTIVE && i->spot && !is_interrupted(&run, i->id))
        put_inbox(&run, &(pg_inbox){ .consumer = OB_INBOX_SCALER,
                                     .kind = OB_INBOX_INTERRUPT,
                                     .idx = -1,
                                     .ref = PG_NULL,
                                     .instance_id = i->id });
    return end(&run, "instance_interrupt");
}

int sim_pg_join_token(int64_t ce_id, const char *hash)
{
    pg_run run = begin();
    pg_join_token *t = pg_row_new(PG_JOIN_TOKEN);
    *t = (pg_join_token){ .hash = keep(hash), .ce_id = ce_id, .created_at = run.now_us };
    (void)pg_insert(&run, PG_JOIN_TOKEN, t);
    return end(&run, "join_token_add");
}

void sim_pg_raise_epoch(const char *role)
{
    pg_run run = begin();
    pg_rec *rec = pg_find(run.s, PG_LEADER, &(pg_leader){ .role = role });
    pg_leader *l = rec ? pg_update(&run, rec) : NULL;
    if (l) {
        l->epoch++;
        l->round++;
    }
    run.stop = (pg_stop){ 0 };
    pg_commit(run.s);
    pg_session_free(run.s);
}
