/* Periodic work: the inbox, the reconciliation. Owns the list of inbox rows of the current round.
 * Never deletes a row itself. Invariants: rows are fed in the order of their numbers; everything
 * that they name is put into the engine first. Thread: the loop's. */
#include "sweep.h"

#include "ended_dependencies.h"
#include "job_row.h"
#include "mass_stops.h"
#include "ob/clock.h"
#include "ob/log.h"
#include "ob/rows.h"
#include "ob/topics.h"
#include "peers.h"
#include "scheduler_metrics.h"
#include "scheduler_store.h"
#include "topology.h"

#define INBOX_EVERY_MS 1000
#define INBOX_MAX 2000   /* rows a round; a round of that size takes some 100 ms */
#define QUESTIONS_MAX 50 /* a round: each may look at all children of an array */
#define RECONCILE_EVERY_MS 30000
#define KAFKA_STEP_MS 200

void sweep_tick(scheduler *s, int64_t now_ms)
{
    if (now_ms - s->inbox.swept_at_ms >= INBOX_EVERY_MS) {
        s->inbox.swept_at_ms = now_ms;
        s->inbox.rung = true;
        topology_retry_gone(s->topology);
    }
    if (now_ms - s->reconciled_at_ms >= RECONCILE_EVERY_MS)
        s->reconcile_owed = true;
}

static void note_row(inbox *box, int64_t seq)
{
    if (box->n == box->cap) {
        box->cap = box->cap ? box->cap * 2 : 256;
        box->seqs = ob_realloc(box->seqs, box->cap * sizeof(*box->seqs));
    }
    box->seqs[box->n++] = seq;
}

static void feed_submission(
    scheduler *s, const PGresult *res, int row, const ended_dependencies *deps, const ob_uuid *job)
{
    if (!ob_col(res, row, JOB_QUEUE_ID)) {
        ob_errlog("submission.orphaned", "{s:s}", "seq", ob_col(res, row, INBOX_SEQ));
        return;
    }
    engine_submission submission = job_row_read(res, row, job);
    submission.failure = ob_col(res, row, INBOX_FAILURE);
    submission.deps = ended_of(deps, row, &submission.n_deps);
    engine_submit(s->engine, &submission);
}

static void feed_row(scheduler *s, const PGresult *res, int row, const ended_dependencies *deps)
{
    int64_t kind = ob_col_int(res, row, INBOX_KIND, 0);
    ob_job_ref ref = { .index = (int32_t)ob_col_int(res, row, INBOX_IDX, -1) };
    bool has_job = ob_col_uuid(res, row, INBOX_JOB_ID, &ref.id);
    if (kind == OB_INBOX_SUBMIT && has_job)
        feed_submission(s, res, row, deps, &ref.id);
    else if ((kind == OB_INBOX_CANCEL || kind == OB_INBOX_TERMINATE) && has_job)
        engine_stop(s->engine, &ref, kind == OB_INBOX_TERMINATE, ob_col(res, row, INBOX_REASON));
    else if (kind == OB_INBOX_STOP_MATCHING)
        stops_begin(s, ob_col_int(res, row, INBOX_REF, 0));
    else if (kind == OB_INBOX_DEPENDENTS && has_job)
        engine_ask_dependents(s->engine, ob_col_int(res, row, INBOX_SEQ, 0), &ref);
    else if (kind != OB_INBOX_QUEUE && kind != OB_INBOX_ENVIRONMENT)
        ob_warn("inbox.skipped", "{s:I}", "kind", (json_int_t)kind);
}

/* Records what the rows name, so that it is read before they are fed. */
static void want_named(scheduler *s, const PGresult *res)
{
    for (int i = 0; i < PQntuples(res); i++) {
        int64_t ref = ob_col_int(res, i, INBOX_REF, 0);
        switch (ob_col_int(res, i, INBOX_KIND, 0)) {
        case OB_INBOX_SUBMIT:
            topology_want_queue(s->topology, ob_col_int(res, i, JOB_QUEUE_ID, 0));
            break;
        case OB_INBOX_QUEUE:
            topology_queue_changed(s->topology, ref);
            break;
        case OB_INBOX_ENVIRONMENT:
            topology_ce_changed(s->topology, ref);
            break;
        }
    }
}

int sweep_inbox(scheduler *s, ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    if (!s->inbox.rung)
        return 0;
    int r = store_inbox(s->db, INBOX_MAX, &res, err);
    if (r < 0)
        return r;
    ob_metric_put(&scheduler_metrics[SCHED_INBOX], PQntuples(res), SCHEDULER_NAME);
    want_named(s, res);
    r = topology_refresh(s, err);
    ended_dependencies *deps = NULL;
    if (r == 0)
        r = ended_read(s->leader, res, &deps, err);
    if (r < 0)
        return r;
    int rows = PQntuples(res), i = 0;
    for (int asked = 0; i < rows; i++) {
        asked += ob_col_int(res, i, INBOX_KIND, 0) == OB_INBOX_DEPENDENTS;
        if (asked > QUESTIONS_MAX)
            break; /* this and all later rows wait for the next round */
        feed_row(s, res, i, deps);
        note_row(&s->inbox, ob_col_int(res, i, INBOX_SEQ, 0));
    }
    ended_free(deps);
    s->inbox.rung = i < rows || rows == INBOX_MAX;
    return 0;
}

void sweep_inbox_forget(scheduler *s)
{
    s->inbox.n = 0;
}

int sweep_reconcile(scheduler *s, ob_error *err)
{
    if (!s->reconcile_owed)
        return 0;
    int r = topology_read_all(s, false, err);
    if (r < 0)
        return r;
    /* If the topic was made anew, its number may differ; if it is not available, the old number
     * stays. */
    (void)ob_bus_partitions(s->bus, OB_TOPIC_PLACEMENTS, KAFKA_STEP_MS, &s->partitions, NULL);
    s->reconcile_owed = false;
    s->reconciled_at_ms = ob_mono_ms();
    s->inbox.rung = true;
    peers_sync_all(s->peers);
    return 0;
}
