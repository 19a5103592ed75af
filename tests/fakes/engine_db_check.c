/* engine_db_check: the rules for rows between rounds. Changes nothing. */
#include "engine_db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "engine_db_rows.h"

/* ---- Arrays ---- */

static void check_parent(const engine_db *db, const accepted *a)
{
    record *parent = engine_db_find(db, &a->id, -1);
    if (!parent || !(parent->live || parent->done))
        return;
    int32_t counts[OB_JOB_STATE_COUNT] = { 0 }, sum = 0;
    for (int32_t x = 0; x < a->s.array_size; x++)
        counts[engine_db_row(db, &a->id, x).state]++;
    for (int s = 0; s < OB_JOB_STATE_COUNT; s++) {
        assert_int_equal(counts[s], parent->row.counts[s]);
        sum += parent->row.counts[s];
    }
    assert_int_equal(sum, a->s.array_size);
    int32_t ended = counts[OB_JOB_SUCCEEDED] + counts[OB_JOB_FAILED];
    assert_int_equal(parent->done, ended == a->s.array_size);
    if (parent->done)
        assert_int_equal(parent->row.state,
                         counts[OB_JOB_FAILED] ? OB_JOB_FAILED : OB_JOB_SUCCEEDED);
}

/* ---- Dependencies ---- */

static bool is_array(const engine_db *db, const ob_uuid *id)
{
    return engine_db_submission(db, id)->s.array_size > 0;
}

/* The state of what a job (index -1) or child depends on by 'd'. */
static ob_job_state
depended_on(const engine_db *db, const accepted *a, const engine_dependency *d, int32_t index)
{
    if (d->type == OB_DEP_SEQUENTIAL)
        return index < 1 ? OB_JOB_SUCCEEDED : engine_db_row(db, &a->id, index - 1).state;
    if (d->type == OB_DEP_N_TO_N && index >= 0 && is_array(db, &d->id))
        return engine_db_row(db, &d->id, index).state;
    return engine_db_row(db, &d->id, d->index).state;
}

static void check_waiting(const engine_db *db, const accepted *a, int32_t index)
{
    db_row row = engine_db_row(db, &a->id, index);
    size_t failed = 0, unmet = 0;
    for (size_t i = 0; i < a->s.n_deps; i++) {
        ob_job_state s = depended_on(db, a, &a->deps[i], index);
        failed += s == OB_JOB_FAILED;
        unmet += s != OB_JOB_SUCCEEDED;
    }
    bool blamed = strcmp(row.reason, "Dependent Job failed") == 0;
    switch (row.state) {
    case OB_JOB_SUBMITTED:
        if (failed && engine_db_find(db, &a->id, -1))
            fail_msg("%d is not failed with what it depends on", index);
        break;
    case OB_JOB_PENDING:
        if (failed || !unmet)
            fail_msg("%d is PENDING though %s", index, failed ? "one has failed" : "all is met");
        break;
    case OB_JOB_RUNNABLE:
    case OB_JOB_STARTING:
    case OB_JOB_RUNNING:
    case OB_JOB_SUCCEEDED:
        if (unmet)
            fail_msg("%d is %s before what it depends on has succeeded", index,
                     ob_job_state_name(row.state));
        break;
    case OB_JOB_FAILED:
        if (blamed && !failed)
            fail_msg("%d has failed for no dependency", index);
        break;
    }
}

/* Nothing starts before what it depends on has succeeded; what has failed takes along those, and
 * only those, who depend on it. */
static void check_dependencies(const engine_db *db, const accepted *a)
{
    record *r = engine_db_find(db, &a->id, -1);
    if (a->s.n_deps == 0 || !r || !(r->live || r->done))
        return;
    if (a->s.array_size == 0)
        check_waiting(db, a, -1);
    for (int32_t i = 0; i < a->s.array_size; i++)
        check_waiting(db, a, i);
}

/* ---- Counts ---- */

/* What a queue's row must say: of what has ended always, of the rest when it was just written. A
 * job that was accepted and has no row was not seen by a round yet. */
static void check_counts(const engine_db *db, const counts_row *c)
{
    effect_counts is = { 0 };
    for (const accepted *a = db->accepted; a; a = a->hh.next) {
        const record *r = engine_db_find(db, &a->id, -1);
        if (a->s.queue_id != c->row.queue_id || !r || !(r->live || r->done))
            continue;
        is.jobs[r->row.state]++;
        for (int i = 0; i < OB_JOB_STATE_COUNT; i++)
            is.children[i] += r->row.counts[i];
    }
    for (int i = 0; i < OB_JOB_STATE_COUNT; i++) {
        if (!c->fresh && !ob_job_is_final((ob_job_state)i))
            continue;
        assert_int_equal(c->row.jobs[i], is.jobs[i]);
        assert_int_equal(c->row.children[i], is.children[i]);
    }
}

/* ---- All ---- */

void engine_db_check(engine_db *db)
{
    for (const record *r = db->records; r; r = r->hh.next) {
        assert_false(r->live && r->done);
        bool placed =
            r->live && (r->row.state == OB_JOB_STARTING || r->row.state == OB_JOB_RUNNING);
        assert_int_equal(placed, r->placed_on[0] != '\0');
        if (placed) {
            assert_string_equal(r->placed_on, r->row.instance_id);
            assert_int_equal(r->placed_run, r->row.run);
            assert_int_equal(r->row.attempt, r->n_attempts + 1);
        }
        if (engine_db_row(db, &r->key.id, r->key.index).state != r->told)
            fail_msg("the row says %s, the last event %s",
                     ob_job_state_name(engine_db_row(db, &r->key.id, r->key.index).state),
                     ob_job_state_name(r->told));
    }
    for (const accepted *a = db->accepted; a; a = a->hh.next)
        if (a->s.array_size > 0)
            check_parent(db, a);
    for (const accepted *a = db->accepted; a; a = a->hh.next)
        check_dependencies(db, a);
    for (const counts_row *c = db->counts; c; c = c->hh.next)
        check_counts(db, c);
}
