/* Dependencies: who waits for whom, and what follows when a job ends. Owns the waiters (jobs whose
 * dependencies are not all over) and the targets (jobs, children that somebody waits for).
 * Invariants: a job waits exactly while it has a waiter; a single job or a bulk that waits is
 * PENDING, or SUBMITTED while its queue is unknown; a waiter's mask is what its live row says; all
 * that follows from an end is decided in the same round, so that a new engine needs to look at no
 * ended job. Ends are worked off from a list, never by recursion: a chain may be long. (AWS Batch
 * user guide, "Job dependencies", "Array job dependencies".) */
#include "internal.h"

#include <assert.h>

#define DEPENDENCY_FAILED "Dependent Job failed"

typedef struct edge edge;
typedef struct target target;
typedef struct waiter waiter;

struct edge {   /* one dependency of a waiter */
    target *to; /* NULL: over, or no edge at all (SEQUENTIAL) */
    waiter *from;
    bool n_to_n;
    edge *eprev, *enext; /* target->plain or ->n_to_n */
};

struct target_key {
    ob_uuid id;
    int32_t index;
};

struct target {
    struct target_key key; /* a job, an array, or one child of it */
    edge *plain;           /* of those who wait for its end */
    edge *n_to_n;          /* of arrays whose children wait for its children */
    UT_hash_handle hh;     /* engine.targets */
};

struct waiter {
    job *job;            /* key */
    uint32_t mask;       /* dependencies that are not over, by their number */
    uint32_t plain;      /* of these, those for which it waits as a whole */
    uint32_t sequential; /* of these, child i waits for child i - 1 */
    size_t n;
    UT_hash_handle hh; /* engine.waiters */
    edge edges[];
};

/* ---- The two tables ---- */

static target *find_target(const engine *e, const ob_uuid *id, int32_t index)
{
    struct target_key key = { .id = *id, .index = index };
    target *t = NULL;
    HASH_FIND(hh, e->targets, &key, sizeof(key), t);
    return t;
}

static waiter *find_waiter(const engine *e, const job *j)
{
    waiter *w = NULL;
    if (j->waits)
        HASH_FIND_PTR(e->waiters, &j, w);
    return w;
}

static void add_edge(engine *e, waiter *w, size_t n, const engine_dependency *d, bool n_to_n)
{
    target *t = find_target(e, &d->id, d->index);
    if (!t) {
        t = ob_calloc(1, sizeof(*t));
        t->key = (struct target_key){ .id = d->id, .index = d->index };
        HASH_ADD(hh, e->targets, key, sizeof(t->key), t);
    }
    edge *x = &w->edges[n];
    *x = (edge){ .to = t, .from = w, .n_to_n = n_to_n };
    if (n_to_n) {
        DL_APPEND2(t->n_to_n, x, eprev, enext);
    } else {
        DL_APPEND2(t->plain, x, eprev, enext);
        w->plain |= 1u << n;
    }
    w->mask |= 1u << n;
}

static void remove_edge(engine *e, edge *x)
{
    target *t = x->to;
    waiter *w = x->from;
    if (!t)
        return;
    uint32_t bit = 1u << (x - w->edges);
    if (x->n_to_n)
        DL_DELETE2(t->n_to_n, x, eprev, enext);
    else
        DL_DELETE2(t->plain, x, eprev, enext);
    x->to = NULL;
    w->mask &= ~bit;
    w->plain &= ~bit;
    if (!t->plain && !t->n_to_n) {
        HASH_DEL(e->targets, t);
        free(t);
    }
}

static waiter *add_waiter(engine *e, job *j, size_t n)
{
    waiter *w = ob_calloc(1, sizeof(*w) + n * sizeof(w->edges[0]));
    w->job = j;
    w->n = n;
    HASH_ADD_PTR(e->waiters, job, w);
    j->waits = 1;
    return w;
}

static void drop(engine *e, waiter *w)
{
    for (size_t i = 0; i < w->n; i++)
        remove_edge(e, &w->edges[i]);
    w->job->waits = 0;
    HASH_DEL(e->waiters, w);
    free(w);
}

int32_t eng_waits(const engine *e, const job *j)
{
    const waiter *w = find_waiter(e, j);
    return w ? (int32_t)w->mask : 0;
}

void eng_depend_free(engine *e)
{
    waiter *w, *wtmp;
    HASH_ITER(hh, e->waiters, w, wtmp)
    {
        drop(e, w);
    }
    free(e->notices);
}

/* ---- What waits, fails ---- */

static void leave_queue(job *j)
{
    if (j->state == OB_JOB_SUBMITTED && j->prev) {
        DL_DELETE(j->cls->queue->held, j);
        j->prev = j->next = NULL;
    }
}

static void hold(engine *e, job *j)
{
    if (j->state != OB_JOB_SUBMITTED)
        return;
    leave_queue(j);
    if (eng_move(e, j, OB_EV_HOLD))
        eng_event(e, j, NULL);
}

static void end_failed(engine *e, job *j, const char *reason)
{
    ending x = { .reason = reason };
    hold(e, j);
    eng_end(e, j, OB_EV_EXIT_FAIL, &x);
}

static void fail_bulk(engine *e, array *a, const char *reason)
{
    if (a->bulk_state == OB_JOB_SUBMITTED)
        eng_bulk_move(e, a, OB_EV_HOLD, NULL);
    eng_bulk_move(e, a, OB_EV_EXIT_FAIL, reason);
    eng_array_check(e, a);
}

static bool child_waits(const array *a, int32_t index)
{
    return a->bulk > 0 && eng_in_bulk(a, index);
}

static void fail_child(engine *e, array *a, int32_t index)
{
    if (!child_waits(a, index))
        return;
    eng_leave_bulk(e, a, index);
    end_failed(e, &eng_child_new(e, a, index)->base, DEPENDENCY_FAILED);
}

typedef bool (*is_doomed)(const engine *e, const void *arg, int32_t index);

/* Fails the waiting children that are doomed; all of them in one move, when they are. */
static void fail_children(engine *e, array *a, is_doomed doomed, const void *arg)
{
    int32_t n = 0;
    for (int32_t i = a->low; a->bulk > 0 && i < a->size; i++)
        n += eng_in_bulk(a, i) && doomed(e, arg, i);
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
    return eng_child_state(e, arg, index) == OB_JOB_FAILED;
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

void eng_fail(engine *e, job *j, const char *reason)
{
    waiter *w = find_waiter(e, j);
    if (w)
        drop(e, w);
    if (!j->is_array) {
        end_failed(e, j, reason);
        return;
    }
    array *a = eng_as_array(j);
    hold(e, j);
    if (!a->stop_reason)
        eng_set(&a->stop_reason, reason);
    fail_bulk(e, a, reason);
}

/* ---- What waits, goes on ---- */

static bool is_released(const engine *e, const waiter *w, int32_t index)
{
    const array *a = eng_as_array(w->job);
    if (w->plain || a->bulk_state != OB_JOB_PENDING || !child_waits(a, index))
        return false;
    if (w->sequential && index > 0 && eng_child_state(e, a, index - 1) != OB_JOB_SUCCEEDED)
        return false;
    for (size_t i = 0; i < w->n; i++) {
        if (!w->edges[i].to)
            continue; /* plain ones are over: n_to_n */
        const job *other = eng_find(e, &w->edges[i].to->key.id, -1);
        if (!other || eng_child_state(e, eng_as_array((job *)other), index) != OB_JOB_SUCCEEDED)
            return false;
    }
    return true;
}

static void release(engine *e, job *j)
{
    j->at_ms = eng_at(e, j);
    if (!eng_move(e, j, OB_EV_RELEASE))
        return;
    eng_event(e, j, NULL);
    eng_return(e, j);
}

static void release_child(engine *e, waiter *w, int32_t index)
{
    array *a = eng_as_array(w->job);
    eng_leave_bulk(e, a, index);
    release(e, &eng_child_new(e, a, index)->base);
    if (a->bulk == 0)
        drop(e, w);
}

/* Lets go what has nothing to wait for any more. May drop the waiter. */
static void advance(engine *e, waiter *w)
{
    job *j = w->job;
    eng_touch(e, j); /* its mask may have changed */
    if (w->plain || j->state != OB_JOB_PENDING)
        return;
    if (!j->is_array) {
        drop(e, w);
        release(e, j);
        return;
    }
    array *a = eng_as_array(j);
    if (w->mask == 0) {
        drop(e, w);
        j->at_ms = eng_at(e, j);
        eng_bulk_move(e, a, OB_EV_RELEASE, NULL);
        eng_return(e, j);
        return;
    }
    for (int32_t i = a->low; j->waits && i < a->size; i++)
        if (is_released(e, w, i))
            release_child(e, w, i);
}

void eng_wait_begin(engine *e, job *j)
{
    waiter *w = find_waiter(e, j);
    if (w)
        advance(e, w);
}

/* ---- Ends ---- */

void eng_ended(engine *e, job *j)
{
    waiter *own = find_waiter(e, j);
    if (own)
        drop(e, own);
    if (!e->targets && (j->index == NO_INDEX || !eng_as_child(j)->parent->base.waits))
        return;
    *LIST_ADD(e, notices) = (notice){ .of = j, .index = eng_index(j) };
}

void eng_bulk_ended(engine *e, array *a)
{
    if (e->targets)
        *LIST_ADD(e, notices) = (notice){ .of = &a->base, .bulk = true };
}

/* Those who wait for this job, or this child, as a whole. */
static void settle(engine *e, const ob_uuid *id, int32_t index, bool ok)
{
    target *t;
    while ((t = find_target(e, id, index)) && t->plain) {
        waiter *w = t->plain->from;
        remove_edge(e, t->plain);
        if (ok)
            advance(e, w);
        else
            eng_fail(e, w->job, DEPENDENCY_FAILED);
    }
}

/* Those whose child waits for this child. */
static void settle_child(engine *e, const array *a, int32_t index, bool ok)
{
    target *t = find_target(e, &a->base.id, -1);
    edge *x, *tmp;
    DL_FOREACH_SAFE2(t ? t->n_to_n : NULL, x, tmp, enext)
    {
        waiter *w = x->from;
        if (!ok)
            fail_child(e, eng_as_array(w->job), index);
        else if (is_released(e, w, index))
            release_child(e, w, index);
    }
    waiter *own = find_waiter(e, &a->base);
    if (!own || !own->sequential || index + 1 >= a->size)
        return;
    if (ok) {
        if (is_released(e, own, index + 1))
            release_child(e, own, index + 1);
    } else if (a->low > index) { /* all that wait come behind it */
        fail_bulk(e, eng_as_array(own->job), DEPENDENCY_FAILED);
    } else {
        fail_child(e, eng_as_array(own->job), index + 1);
    }
}

static void settle_bulk(engine *e, const array *a)
{
    for (int32_t i = a->low; i < a->size && e->targets; i++)
        if (eng_in_bulk(a, i))
            settle(e, &a->base.id, i, false);
    target *t = find_target(e, &a->base.id, -1);
    edge *x, *tmp;
    DL_FOREACH_SAFE2(t ? t->n_to_n : NULL, x, tmp, enext)
    {
        fail_children(e, eng_as_array(x->from->job), has_failed, a);
    }
}

/* Its children have been told of before. */
static void settle_n_to_n(engine *e, const ob_uuid *id)
{
    target *t;
    while ((t = find_target(e, id, -1)) && t->n_to_n) {
        waiter *w = t->n_to_n->from;
        remove_edge(e, t->n_to_n);
        advance(e, w);
    }
}

/* A dependency that is neither alive nor told of as over: nothing says that it succeeded. */
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
        if (eng_find(e, &t->key.id, -1))
            continue;
        gone = ob_realloc(gone, (n + 1) * sizeof(*gone));
        gone[n++] = t->key;
    }
    for (size_t i = 0; i < n; i++) {
        settle(e, &gone[i].id, gone[i].index, false);
        while ((t = find_target(e, &gone[i].id, gone[i].index)) && t->n_to_n)
            eng_fail(e, t->n_to_n->from->job,
                     DEPENDENCY_FAILED); /* drops the waiter, and its edges */
    }
    free(gone);
}

void eng_depend(engine *e)
{
    check_loaded(e);
    for (size_t i = 0; i < e->n_notices; i++) {
        notice n = e->notices[i];
        const job *j = n.of;
        bool ok = j->state == OB_JOB_SUCCEEDED;
        if (n.bulk) {
            settle_bulk(e, eng_as_array(n.of));
            continue;
        }
        settle(e, &j->id, n.index, ok);
        if (n.index >= 0)
            settle_child(e, eng_as_child(n.of)->parent, n.index, ok);
        else
            settle_n_to_n(e, &j->id);
    }
    e->n_notices = 0;
}

/* ---- Beginning to wait ---- */

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
    return known->is_array ? eng_child_state(e, eng_as_array(known), d->index) : OB_JOB_FAILED;
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
    job *j = w->job, *known = eng_find(e, &d->id, -1);
    bool n_to_n = d->type == OB_DEP_N_TO_N && j->is_array && d->index < 0;
    ob_job_state state = state_of(e, d, known);
    if (n_to_n && known && known->is_array) {
        fail_children(e, eng_as_array(j), has_failed, known);
        if (j->waits && !ob_job_is_final(state))
            add_edge(e, w, n, d, true);
        return true;
    }
    if (n_to_n && !known && d->n_failed > 0) {
        fail_children(e, eng_as_array(j), is_listed, d);
        return true;
    }
    if (!ob_job_is_final(state))
        add_edge(e, w, n, d, false);
    return state != OB_JOB_FAILED;
}

void eng_wait(engine *e, job *j, const engine_dependency *deps, size_t n)
{
    n = n < ENGINE_MAX_DEPENDENCIES ? n : ENGINE_MAX_DEPENDENCIES;
    if (n == 0)
        return;
    waiter *w = add_waiter(e, j, n);
    for (size_t i = 0; i < n && j->waits; i++) {
        if (is_repeated(deps, i))
            continue;
        if (is_sequential(j, &deps[i]))
            wait_in_sequence(w, i);
        else if (!wait_for(e, w, &deps[i], i))
            eng_fail(e, j, DEPENDENCY_FAILED); /* drops the waiter */
    }
    if (j->waits && w->mask == 0)
        drop(e, w);
}

void eng_wait_load(engine *e, job *j, const engine_dependency *deps, size_t n, int32_t mask)
{
    n = n < ENGINE_MAX_DEPENDENCIES ? n : ENGINE_MAX_DEPENDENCIES;
    if (n == 0 || mask == 0)
        return;
    waiter *w = add_waiter(e, j, n);
    for (size_t i = 0; i < n; i++) {
        if (!((uint32_t)mask >> i & 1))
            continue;
        if (is_sequential(j, &deps[i]))
            wait_in_sequence(w, i);
        else
            add_edge(e, w, i, &deps[i],
                     deps[i].type == OB_DEP_N_TO_N && j->is_array && deps[i].index < 0);
    }
    e->waiters_loaded = true;
}

void eng_waiters_stop(engine *e, const queue *q, const char *reason, int *left)
{
    waiter *w, *tmp;
    HASH_ITER(hh, e->waiters, w, tmp)
    {
        if (*left <= 0)
            return;
        if (w->job->cls->queue != q || w->job->is_array)
            continue;
        eng_stop(e, w->job, true, reason);
        --*left;
    }
}
