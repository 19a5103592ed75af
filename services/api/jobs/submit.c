/* Owns the submitting connection and thread: it takes all submissions that arrived during the last
 * commit and stores them in one statement. Never decides what a job is (op_submit_job.c) or when it
 * runs (scheduler).
 *
 * Invariants: a caller is answered only after the commit that contains its job; after a failure the
 * batch is tried again one by one, so that each caller gets only its own error; ringing
 * batch.submissions follows the commit and may fail. Thread: its own; callers wait on a
 * condition. */
#include "submit.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <utlist.h>

#include "ob/clock.h"
#include "ob/cond.h"
#include "ob/db.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/topics.h"
#include "once_sql.h"
#include "request/api_metrics.h"
#include "request/db_pool.h"
#include "submit_sql.h"
#include "submit_store.h"

#define BATCH_MAX 256
#define STATEMENT_MS 10000
#define ONCE_WINDOW_MS (10 * 60 * 1000)
#define ONCE_SWEEP_MS (60 * 1000)
#define RING_EVERY_MS 10
#define LEAD_MS 10000 /* the initial value of id_clock: more than the delay between threads */

typedef struct waiter {
    const submission *job;
    ob_uuid result_id;
    int result;
    ob_error error;
    bool finished;
    pthread_cond_t woken;
    struct waiter *prev, *next;
} waiter;

struct submitter {
    pthread_t thread;
    pthread_mutex_t lock; /* guards waiting, stopping and each waiter's result */
    pthread_cond_t arrived;
    waiter *waiting;
    bool stopping;
    char *conninfo;
    ob_bus *bus;
    ob_db *db;
    int64_t swept_at_ms;
    int64_t rung_at_ms;
    bool unrung;     /* committed since then; the submitting thread's own */
    int64_t lead_ms; /* the stored lead of ids over createdAt; also the thread's own */
};

static int connect_if_needed(submitter *s, ob_error *err)
{
    static const ob_db_stmt *const tables[] = { submit_stmts, once_stmts, NULL };
    if (s->db != NULL && ob_db_ok(s->db))
        return 0;
    ob_db_free(s->db);
    s->db = NULL;
    int r = db_open(s->conninfo, "openbatch-api submit", tables, STATEMENT_MS, &s->db, err);
    /* All statements here find rows by a unique key. With this setting one plan stays good however
     * large the tables are; planning would otherwise take a third of a small batch. */
    if (r == 0)
        r = ob_db_sql(s->db, "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off",
                      NULL, NULL, err);
    return r;
}

/* The answer for a submission that the insert left out: there was an earlier try of the same call;
 * or its queue has changed or accepts no jobs any more; or its definition is no longer active or no
 * longer the latest. */
static int settle_left_out(submitter *s, waiter *w)
{
    if (w->job->invocation_id != NULL) {
        bool same_body = false;
        int r = submit_store_find_once(s->db, w->job->key_id, w->job->invocation_id,
                                       w->job->body_hash, &w->result_id, &same_body, &w->error);
        if (r == 0 && same_body)
            return 0;
        if (r == 0)
            return ob_fail(&w->error, EEXIST,
                           "The same amz-sdk-invocation-id was sent with another body.");
        if (r == -ECANCELED)
            return -EEXIST;
        if (r != -ENOENT)
            return r;
    }
    return ob_fail(&w->error, ENOENT, "the job queue or the job definition has changed");
}

/* ListJobs finds the jobs of a time by their ids, so the lead of ids is stored before the jobs. */
static int note_lead(submitter *s, const submission *const *jobs, size_t n, ob_error *err)
{
    int64_t lead_ms = s->lead_ms;
    for (size_t i = 0; i < n; i++) {
        int64_t ms = ob_uuid_ms(&jobs[i]->id) - jobs[i]->created_at_ms;
        lead_ms = ms > lead_ms ? ms : lead_ms;
    }
    int r = lead_ms > s->lead_ms ? submit_store_note_lead(s->db, lead_ms, err) : 0;
    if (r == 0)
        s->lead_ms = lead_ms;
    return r;
}

/* Commits 'n' submissions at once. Returns 0 if the outcome of each is in its waiter. */
static int commit_batch(submitter *s, waiter **batch, size_t n, ob_error *err)
{
    int r = connect_if_needed(s, err);
    if (r < 0)
        return r;
    const submission *jobs[BATCH_MAX];
    bool inserted[BATCH_MAX] = { false };
    for (size_t i = 0; i < n; i++)
        jobs[i] = batch[i]->job;
    r = note_lead(s, jobs, n, err);
    if (r == 0)
        r = submit_store_insert(s->db, jobs, n, inserted, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++) {
        batch[i]->result_id = batch[i]->job->id;
        batch[i]->result = inserted[i] ? 0 : settle_left_out(s, batch[i]);
    }
    return 0;
}

/* In a flood one doorbell stands for many commits: more than a broker can handle would only keep
 * both sides busy. */
static void ring_if_due(submitter *s)
{
    int64_t now_ms = ob_mono_ms();
    if (!s->unrung || now_ms - s->rung_at_ms < RING_EVERY_MS)
        return;
    s->unrung = false;
    s->rung_at_ms = now_ms;
    json_auto_t *msg = ob_message_new("submitted", 0);
    ob_cleanup(ob_freep) char *text = NULL;
    size_t len = ob_message_dump(msg, &text);
    /* The scheduler's sweep of the inbox compensates for a lost doorbell. */
    (void)ob_bus_send(s->bus, OB_POINT_API_RING_SUBMISSION, OB_TOPIC_SUBMISSIONS, 0, NULL, 0, text,
                      len, NULL, NULL);
}

/* The outcome of a statement on a lost connection is not known: a repeated insert of the same job
 * ids then finds its own rows, in submit_once or, for a call without an invocation id, in job. */
static int commit_one_known(submitter *s, waiter *w)
{
    ob_error err = { 0 };
    int r = commit_batch(s, &w, 1, &err);
    if (r == -EIO)
        r = commit_batch(s, &w, 1, &err);
    bool left_out = r == 0 && w->result == -ENOENT; /* now; the first time, perhaps not */
    if (r == -EEXIST || left_out) {
        bool exists = false;
        ob_error other = { 0 };
        if (submit_store_exists(s->db, &w->job->id, &exists, &other) == 0 && exists) {
            w->result_id = w->job->id;
            w->result = r = 0;
        }
    }
    if (r < 0) {
        w->result = r;
        w->error = err;
    }
    return r;
}

/* After a failed batch. Later calls do not wait again for a server that does not answer: a repeated
 * call gets the first answer, if there was one. */
static void commit_singly(submitter *s, waiter **batch, size_t n, int r, const ob_error *why)
{
    ob_error err = *why;
    for (size_t i = 0; i < n; i++) {
        bool away = r == -ETIMEDOUT || s->db == NULL; /* no answer; or none to a connect */
        if (!away)
            r = connect_if_needed(s, &err);
        if (!away && r == 0) {
            r = commit_one_known(s, batch[i]);
            err = batch[i]->error;
            continue;
        }
        batch[i]->result = r;
        batch[i]->error = err;
    }
}

static void commit_and_answer(submitter *s, waiter **batch, size_t n)
{
    ob_error err = { 0 };
    int64_t began_us = ob_mono_us();
    int r = commit_batch(s, batch, n, &err);
    ob_metric_observe(&api_metrics[API_SUBMIT_BATCH], (int64_t)n);
    ob_metric_observe(&api_metrics[API_SUBMIT_COMMIT], ob_mono_us() - began_us);
    if (r < 0) {
        ob_warn("submit.batch_failed", "{s:i, s:s}", "jobs", (int)n, "error", err.text);
        commit_singly(s, batch, n, r, &err);
    }
    s->unrung = true;
    ring_if_due(s);
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < n; i++) {
        batch[i]->finished = true;
        pthread_cond_signal(&batch[i]->woken);
    }
    pthread_mutex_unlock(&s->lock);
}

static void sweep_once(submitter *s)
{
    if (ob_mono_ms() - s->swept_at_ms < ONCE_SWEEP_MS)
        return;
    s->swept_at_ms = ob_mono_ms();
    /* A clock that has just jumped ahead would make all of them old. */
    if (!ob_wall_steady(ONCE_WINDOW_MS))
        return;
    ob_error err = { 0 };
    if (connect_if_needed(s, &err) < 0 ||
        submit_store_forget_once(s->db, ob_wall_ms() - ONCE_WINDOW_MS, &err) < 0)
        ob_warn("submit.sweep_failed", "{s:s}", "error", err.text);
}

/* With the lock held: until a submission, a stop, or the next thing to do. */
static void wait_for_work(submitter *s)
{
    int64_t ms = s->unrung ? RING_EVERY_MS - (ob_mono_ms() - s->rung_at_ms) : ONCE_SWEEP_MS;
    if (ms <= 0)
        return;
    (void)ob_cond_wait_until(&s->arrived, &s->lock, ob_mono_ms() + ms);
}

static void *submitter_run(void *arg)
{
    submitter *s = arg;
    waiter *batch[BATCH_MAX];
    pthread_mutex_lock(&s->lock);
    while (!s->stopping || s->waiting != NULL) {
        if (s->waiting == NULL)
            wait_for_work(s);
        size_t n = 0;
        while (s->waiting != NULL && n < BATCH_MAX) {
            batch[n] = s->waiting;
            DL_DELETE(s->waiting, batch[n]);
            n++;
        }
        pthread_mutex_unlock(&s->lock);
        if (n > 0)
            commit_and_answer(s, batch, n);
        ring_if_due(s);
        sweep_once(s);
        pthread_mutex_lock(&s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

int submitter_start(const char *conninfo, ob_bus *bus, submitter **ret, ob_error *err)
{
    submitter *s = ob_calloc(1, sizeof(*s));
    s->conninfo = ob_strdup(conninfo);
    s->bus = bus;
    s->lead_ms = LEAD_MS;
    s->swept_at_ms = ob_mono_ms();
    pthread_mutex_init(&s->lock, NULL);
    ob_cond_init(&s->arrived);
    int r = pthread_create(&s->thread, NULL, submitter_run, s);
    if (r != 0) {
        free(s->conninfo);
        free(s);
        return ob_fail(err, r, "cannot start the submitting thread: %s", strerror(r));
    }
    *ret = s;
    return 0;
}

void submitter_stop(submitter *s)
{
    if (s == NULL)
        return;
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_signal(&s->arrived);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    ob_db_free(s->db);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->arrived);
    free(s->conninfo);
    free(s);
}

int submit_wait(submitter *s, const submission *job, ob_uuid *ret_id, ob_error *err)
{
    waiter w = { .job = job };
    pthread_cond_init(&w.woken, NULL);
    pthread_mutex_lock(&s->lock);
    /* cppcheck-suppress autoVariables; the submitter takes it out before it is finished */
    DL_APPEND(s->waiting, &w);
    pthread_cond_signal(&s->arrived);
    while (!w.finished)
        pthread_cond_wait(&w.woken, &s->lock);
    pthread_mutex_unlock(&s->lock);
    pthread_cond_destroy(&w.woken);
    if (w.result < 0) {
        if (err != NULL)
            *err = w.error;
        return w.result;
    }
    *ret_id = w.result_id;
    return 0;
}
