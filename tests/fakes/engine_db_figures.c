/* engine_db_check_figures: what the engine says of its queues, compared with the rows. Changes
 * nothing. */
#include "engine_db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "engine_db_rows.h"

typedef struct figures {
    int64_t queue_id;
    int64_t jobs[OB_JOB_STATE_COUNT], children[OB_JOB_STATE_COUNT];
    engine_sum waiting, used;
    bool waits; /* some job does; it may need no vCPUs */
} figures;

static void add_needs(figures *f, const accepted *a, ob_job_state state)
{
    if (state == OB_JOB_RUNNABLE) {
        engine_sum_add(&f->waiting, &a->s.need, 1);
        f->waits = true;
    }
    if (state == OB_JOB_STARTING || state == OB_JOB_RUNNING)
        engine_sum_add(&f->used, &a->s.need, 1);
}

static void add_job(const engine_db *db, const accepted *a, figures *f)
{
    const record *r = engine_db_find(db, &a->id, -1);
    if (a->s.queue_id != f->queue_id || !r || !r->live)
        return;
    f->jobs[r->row.state]++;
    if (a->s.array_size == 0)
        add_needs(f, a, r->row.state);
    for (int32_t i = 0; i < a->s.array_size; i++) {
        ob_job_state state = engine_db_row(db, &a->id, i).state;
        f->children[state]++;
        add_needs(f, a, state);
    }
}

static void assert_same_sum(const engine_sum *a, const engine_sum *b)
{
    assert_int_equal(a->mcpu, b->mcpu);
    assert_int_equal(a->mem_mib, b->mem_mib);
    assert_int_equal(a->gpus, b->gpus);
}

static void check_queue(const engine_queue_figures *q, void *arg)
{
    const engine_db *db = arg;
    figures f = { .queue_id = q->id };
    for (const accepted *a = db->accepted; a; a = a->hh.next)
        add_job(db, a, &f);
    for (int s = 0; s < OB_JOB_STATE_COUNT; s++) { /* rows of ended jobs: engine_db_check */
        if (!ob_job_is_final((ob_job_state)s) &&
            (q->jobs[s] != f.jobs[s] || q->children[s] != f.children[s]))
            fail_msg("queue %lld, %s: the engine counts %lld jobs and %lld children, rows are %lld "
                     "and %lld",
                     (long long)q->id, ob_job_state_name((ob_job_state)s), (long long)q->jobs[s],
                     (long long)q->children[s], (long long)f.jobs[s], (long long)f.children[s]);
    }
    assert_same_sum(&q->waiting, &f.waiting);
    assert_same_sum(&q->used, &f.used);
    assert_int_equal(q->oldest_at_ms != 0, f.waits);
}

void engine_db_check_figures(engine_db *db, const engine *e)
{
    engine_each_queue(e, check_queue, db);
}
