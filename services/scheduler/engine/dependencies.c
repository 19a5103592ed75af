/* Dependencies: which jobs must wait, and what follows for them when a job ends; waiters.c stores
 * who waits for whom.
 *
 * Invariants: a waiting single job or bulk is PENDING, or SUBMITTED while its queue is unknown;
 * everything that follows from an end is decided in the same round, so a new engine needs no ended
 * job. Ends are processed from a list, never by recursion, because a chain may be long. (AWS Batch
 * user guide, "Job dependencies", "Array job dependencies".) */
#include "dependencies.h"

#include "arena.h"
#include "array.h"
#include "class.h"
#include "effects.h"
#include "job_table.h"
#include "moves.h"
#include "waiters.h"

#define DEPENDENCY_FAILED "Dependent Job failed"

/* ---- Failing waiting jobs ---- */

static void hold(engine *e, job *j)
{
    if (j->state != OB_JOB_SUBMITTED)
        return;
    job_leave_held(j);
    if (move_job(e, j, OB_EV_HOLD))
        effects_add_event(e, j, NULL);
}

static void end_failed(engine *e, job *j, const char *reason)
{
    ending x = { .reason = reason };
    hold(e, j);
    end_job(e, j, OB_EV_EXIT_FAIL, &x);
}

static void fail_bulk(engine *e, array *a, const char *reason)
{
    if (a->bulk_state == OB_JOB_SUBMITTED)
        move_bulk(e, a, OB_EV_HOLD, NULL);
    move_bulk(e, a, OB_EV_EXIT_FAIL, reason);
    end_array_if_over(e, a);
}

static bool child_waits(const array *a, int32_t index)
{
    return a->bulk > 0 && array_in_bulk(a, index);
}

static void fail_child(engine *e, array *a, int32_t index)
{
    if (!child_waits(a, index))
        return;
    array_leave_bulk(e, a, index);
    end_failed(e, &job_add_child(e, a, index)->base, DEPENDENCY_FAILED);
}

typedef bool (*is_doomed)(const engine *e, const void *arg, int32_t index);

/* Fails the waiting children that can no longer run; all of them in one move, if all are. */
static void fail_children(engine *e, array *a, is_doomed doomed, const void *arg)
{
    int32_t n = 0;
    for (int32_t i = a->low; a->bulk > 0 && i < a->size; i++)
        n += array_in_bulk(a, i) && doomed(e, arg, i);
    if (n == 0)
        return;
    if (n == a->bulk) {
        fail_bulk(e, a, DEPENDENCY_FAILED);
        return;
    }
    for (int32_t i = a->low; i < a->size; i++)
        if (child_waits(a, i) && doomed(e, arg, i))
            fail_child(e, a, i);
}

static bool has_failed(const engine *e, const void *arg, int32_t index)
{
    return array_child_state(e, arg, index) == OB_JOB_FAILED;
}

static bool is_listed(const engine *e, const void *arg, int32_t index)
{
    const engine_dependency *d = arg;
    (void)e;
    size_t low = 0, high = d->n_failed;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (d->failed[middle] < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low < d->n_failed && d->failed[low] == index;
}

void dependencies_fail(engine *e, job *j, const char *reason)
{
    waiter *w = waiter_find(e, j);
    if (w)
        waiter_drop(e, w);
    if (!j->is_array) {
        end_failed(e, j, reason);
        return;
    }
    array *a = job_as_array(j);
    hold(e, j);
    if (!a->stop_reason)
        set_text(&a->stop_reason, reason);
    fail_bulk(e, a, reason);
}

/* ---- Releasing waiting jobs ---- */

static bool is_released(const engine *e, const waiter *w, int32_t index)
{
    const array *a = job_as_array(w->job);
    if (w->plain || a->bulk_state != OB_JOB_PENDING || !child_waits(a, index))
        return false;
    if (w->sequential && index > 0 && array_child_state(e, a, index - 1) != OB_JOB_SUCCEEDED)
        return false;
    for (size_t i = 0; i < w->n; i++) {
        if (!w->edges[i].to)
            continue; /* plain ones are over: n_to_n */
        const job *other = job_find(e, &w->edges[i].to->key.id, -1);
        if (!other || array_child_state(e, job_as_array((job *)other), index) != OB_JOB_SUCCEEDED)
            return false;
    }
    return true;
}

static void release(engine *e, job *j)
{
    j->at_ms = effects_time(e, j);
    if (!move_job(e, j, OB_EV_RELEASE))
        return;
    effects_add_event(e, j, NULL);
    class_insert_later(e, j);
}

static void release_child(engine *e, waiter *w, int32_t index)
{
    array *a = job_as_array(w->job);
    array_leave_bulk(e, a, index);
    release(e, &job_add_child(e, a, index)->base);
    if (a->bulk == 0)
        waiter_drop(e, w);
}

/* Releases jobs that have nothing to wait for any more. May drop the waiter. */
static void advance(engine *e, waiter *w)
{
    job *j = w->job;
    effects_touch(e, j); /* its mask may have changed */
    if (w->plain || j->state != OB_JOB_PENDING)
        return;
    if (!j->is_array) {
        waiter_drop(e, w);
        release(e, j);
        return;
    }
    array *a = job_as_array(j);
    if (w->mask == 0) {
        waiter_drop(e, w);
        j->at_ms = effects_time(e, j);
        move_bulk(e, a, OB_EV_RELEASE, NULL);
        class_insert_later(e, j);
        return;
    }
    for (int32_t i = a->low; j->waits && i < a->size; i++)
        if (is_released(e, w, i))
            release_child(e, w, i);
}

void dependencies_begin(engine *e, job *j)
{
    waiter *w = waiter_find(e, j);
    if (w)
        advance(e, w);
}

/* ---- Ends ---- */

/* Jobs that wait for this job, or this child, as a whole. */
static void settle(engine *e, const ob_uuid *id, int32_t index, bool ok)
{
    target *t;
    while ((t = target_find(e, id, index)) && t->plain) {
        waiter *w = t->plain->from;
        edge_remove(e, t->plain);
        if (ok)
            advance(e, w);
        else
            dependencies_fail(e, w->job, DEPENDENCY_FAILED);
    }
}

/* Arrays whose child waits for this child. */
static void settle_child(engine *e, const array *a, int32_t index, bool ok)
{
    target *t = target_find(e, &a->base.id, -1);
    edge *x, *tmp;
    DL_FOREACH_SAFE2(t ? t->n_to_n : NULL, x, tmp, enext)
    {
        waiter *w = x->from;
        if (!ok)
            fail_child(e, job_as_array(w->job), index);
        else if (is_released(e, w, index))
            release_child(e, w, index);
    }
    waiter *own = waiter_find(e, &a->base);
    if (!own || !own->sequential || index + 1 >= a->size)
        return;
    if (ok) {
        if (is_released(e, own, index + 1))
            release_child(e, own, index + 1);
    } else if (a->low > index) { /* all waiting ones come after it */
        fail_bulk(e, job_as_array(own->job), DEPENDENCY_FAILED);
    } else {
        fail_child(e, job_as_array(own->job), index + 1);
    }
}

static void settle_bulk(engine *e, const array *a)
{
    for (int32_t i = a->low; i < a->size && e->targets; i++)
        if (array_in_bulk(a, i))
            settle(e, &a->base.id, i, false);
    target *t = target_find(e, &a->base.id, -1);
    edge *x, *tmp;
    DL_FOREACH_SAFE2(t ? t->n_to_n : NULL, x, tmp, enext)
    {
        fail_children(e, job_as_array(x->from->job), has_failed, a);
    }
}

/* Its children were processed before. */
static void settle_n_to_n(engine *e, const ob_uuid *id)
{
    target *t;
    while ((t = target_find(e, id, -1)) && t->n_to_n) {
        waiter *w = t->n_to_n->from;
        edge_remove(e, t->n_to_n);
        advance(e, w);
    }
}

/* A dependency that is neither alive nor known to have ended counts as failed, because nothing
 * shows that it succeeded. */
static void check_loaded(engine *e)
{
    target *t, *tmp;
    if (!e->waiters_loaded)
        return;
    e->waiters_loaded = false;
    struct target_key *gone = NULL;
    size_t n = 0;
    HASH_ITER(hh, e->targets, t, tmp)
    {
        if (job_find(e, &t->key.id, -1))
            continue;
        gone = ob_realloc(gone, (n + 1) * sizeof(*gone));
        gone[n++] = t->key;
    }
    for (size_t i = 0; i < n; i++) {
        settle(e, &gone[i].id, gone[i].index, false);
        while ((t = target_find(e, &gone[i].id, gone[i].index)) && t->n_to_n)
            dependencies_fail(e, t->n_to_n->from->job,
                              DEPENDENCY_FAILED); /* drops the waiter, and its edges */
    }
    free(gone);
}

void dependencies_settle(engine *e)
{
    check_loaded(e);
    for (size_t i = 0; i < e->n_notices; i++) {
        notice n = e->notices[i];
        const job *j = n.of;
        bool ok = j->state == OB_JOB_SUCCEEDED;
        if (n.bulk) {
            settle_bulk(e, job_as_array(n.of));
            continue;
        }
        settle(e, &j->id, n.index, ok);
        if (n.index >= 0)
            settle_child(e, job_as_child(n.of)->parent, n.index, ok);
        else
            settle_n_to_n(e, &j->id);
    }
    e->n_notices = 0;
}

/* ---- Starting to wait ---- */

static ob_job_state state_of(const engine *e, const engine_dependency *d, job *known)
{
    static const ob_job_state ends[] = {
        [DEP_UNKNOWN] = OB_JOB_FAILED,
        [DEP_SUCCEEDED] = OB_JOB_SUCCEEDED,
        [DEP_FAILED] = OB_JOB_FAILED,
    };
    if (!known)
        return ends[d->ended];
    if (d->index < 0)
        return (ob_job_state)known->state;
    return known->is_array ? array_child_state(e, job_as_array(known), d->index) : OB_JOB_FAILED;
}

static bool is_repeated(const engine_dependency *deps, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (deps[i].type == deps[n].type && deps[i].index == deps[n].index &&
            ob_uuid_cmp(&deps[i].id, &deps[n].id) == 0)
            return true;
    return false;
}

static bool is_sequential(const job *j, const engine_dependency *d)
{
    return d->type == OB_DEP_SEQUENTIAL && ob_uuid_cmp(&j->id, &d->id) == 0;
}

static void wait_in_sequence(waiter *w, size_t n)
{
    w->sequential |= w->job->is_array ? 1u << n : 0;
    w->mask |= w->sequential;
}

/* false: it has failed already. */
static bool wait_for(engine *e, waiter *w, const engine_dependency *d, size_t n)
{
    job *j = w->job, *known = job_find(e, &d->id, -1);
    bool n_to_n = d->type == OB_DEP_N_TO_N && j->is_array && d->index < 0;
    ob_job_state state = state_of(e, d, known);
    if (n_to_n && known && known->is_array) {
        fail_children(e, job_as_array(j), has_failed, known);
        if (j->waits && !ob_job_is_final(state))
            waiter_add_edge(e, w, n, d, true);
        return true;
    }
    if (n_to_n && !known && d->n_failed > 0) {
        fail_children(e, job_as_array(j), is_listed, d);
        return true;
    }
    if (!ob_job_is_final(state))
        waiter_add_edge(e, w, n, d, false);
    return state != OB_JOB_FAILED;
}

void dependencies_wait(engine *e, job *j, const engine_dependency *deps, size_t n)
{
    n = n < ENGINE_MAX_DEPENDENCIES ? n : ENGINE_MAX_DEPENDENCIES;
    if (n == 0)
        return;
    waiter *w = waiter_add(e, j, n);
    for (size_t i = 0; i < n && j->waits; i++) {
        if (is_repeated(deps, i))
            continue;
        if (is_sequential(j, &deps[i]))
            wait_in_sequence(w, i);
        else if (!wait_for(e, w, &deps[i], i))
            dependencies_fail(e, j, DEPENDENCY_FAILED); /* drops the waiter */
    }
    if (j->waits && w->mask == 0)
        waiter_drop(e, w);
}

void dependencies_load(engine *e, job *j, const engine_dependency *deps, size_t n, int32_t mask)
{
    n = n < ENGINE_MAX_DEPENDENCIES ? n : ENGINE_MAX_DEPENDENCIES;
    if (n == 0 || mask == 0)
        return;
    waiter *w = waiter_add(e, j, n);
    for (size_t i = 0; i < n; i++) {
        if (!((uint32_t)mask >> i & 1))
            continue;
        if (is_sequential(j, &deps[i]))
            wait_in_sequence(w, i);
        else
            waiter_add_edge(e, w, i, &deps[i],
                            deps[i].type == OB_DEP_N_TO_N && j->is_array && deps[i].index < 0);
    }
    e->waiters_loaded = true;
}
