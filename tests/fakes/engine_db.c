/* See engine_db.h. Owns copies of all rows. Intentionally slow and simple. */
#include "engine_db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine_db_rows.h"
#include "ob/error.h"

static void copy(char *to, size_t size, const char *s)
{
    (void)snprintf(to, size, "%s", s ? s : "");
}

record *engine_db_find(const engine_db *db, const ob_uuid *id, int32_t index)
{
    key k = { .id = *id, .index = index };
    record *r = NULL;
    HASH_FIND(hh, db->records, &k, sizeof(k), r);
    return r;
}

accepted *engine_db_submission(const engine_db *db, const ob_uuid *id)
{
    accepted *a = NULL;
    HASH_FIND(hh, db->accepted, id, sizeof(*id), a);
    if (!a)
        fail_msg("told of a job that was never accepted");
    return a;
}

static record *get(engine_db *db, const ob_uuid *id, int32_t index)
{
    record *r = engine_db_find(db, id, index);
    if (!r) {
        (void)engine_db_submission(db, id);
        r = ob_calloc(1, sizeof(*r));
        r->key = (key){ .id = *id, .index = index };
        HASH_ADD(hh, db->records, key, sizeof(r->key), r);
    }
    return r;
}

engine_db *engine_db_new(void)
{
    return ob_calloc(1, sizeof(engine_db));
}

void engine_db_free(engine_db *db)
{
    if (!db)
        return;
    record *r, *rtmp;
    HASH_ITER(hh, db->records, r, rtmp)
    {
        HASH_DEL(db->records, r);
        for (size_t i = 0; i < r->n_attempts; i++) {
            free((char *)r->attempts[i].reason);
            free((char *)r->attempts[i].container_reason);
        }
        free(r);
    }
    accepted *a, *atmp;
    HASH_ITER(hh, db->accepted, a, atmp)
    {
        HASH_DEL(db->accepted, a);
        free(a);
    }
    reason *w, *wtmp;
    HASH_ITER(hh, db->reasons, w, wtmp)
    {
        HASH_DEL(db->reasons, w);
        free(w->text);
        free(w);
    }
    share_row *s, *stmp;
    HASH_ITER(hh, db->shares, s, stmp)
    {
        HASH_DEL(db->shares, s);
        free(s);
    }
    front_row *f, *ftmp;
    HASH_ITER(hh, db->fronts, f, ftmp)
    {
        HASH_DEL(db->fronts, f);
        free(f->front);
        free(f);
    }
    counts_row *c, *ctmp;
    HASH_ITER(hh, db->counts, c, ctmp)
    {
        HASH_DEL(db->counts, c);
        free(c);
    }
    free(db);
}

void engine_db_accept(engine_db *db, const engine_submission *s)
{
    accepted *a = ob_calloc(1, sizeof(*a));
    a->id = s->id;
    a->s = *s;
    assert_true(s->n_deps <= ENGINE_MAX_DEPENDENCIES);
    for (size_t i = 0; i < s->n_deps; i++)
        a->deps[i] = s->deps[i];
    a->s.deps = a->deps;
    HASH_ADD(hh, db->accepted, id, sizeof(a->id), a);
    db->n_unended++;
}

void engine_db_clock(engine_db *db, int64_t steady_ms)
{
    db->steady_ms = steady_ms;
}

/* ---- Applying ---- */

static void put_live(engine_db *db, const effect_live *l, bool insert)
{
    record *r = get(db, &l->id, l->index);
    if (r->done)
        fail_msg("a live row of a job that is done");
    if (insert && r->live)
        fail_msg("live_insert: the row is there already");
    if (!insert && !r->live)
        fail_msg("live_update: no such row");
    bool runs_on = r->live && r->row.state == OB_JOB_RUNNING && r->row.run == l->run;
    r->running_at_ms = runs_on ? r->running_at_ms : db->steady_ms;
    r->live = true;
    r->row = (db_row){ .live = true,
                       .state = l->state,
                       .run = l->run,
                       .attempt = l->attempt,
                       .started_at_ms = l->started_at_ms,
                       .runnable_at_ms = l->runnable_at_ms,
                       .published_at_ms = l->published_at_ms,
                       .flags = l->flags,
                       .order = l->order,
                       .waits = l->waits,
                       .bulk_state = l->bulk_state };
    copy(r->row.instance_id, sizeof(r->row.instance_id), l->instance_id);
    copy(r->row.stop_reason, sizeof(r->row.stop_reason), l->stop_reason);
    copy(r->row.bulk_reason, sizeof(r->row.bulk_reason), l->bulk_reason);
    memcpy(r->row.counts, l->counts, sizeof(l->counts));
    bool placed = l->state == OB_JOB_STARTING || l->state == OB_JOB_RUNNING;
    assert_int_equal(placed, l->instance_id != NULL);
    assert_int_equal(placed, l->ce_id != 0);
    assert_int_equal(l->state == OB_JOB_RUNNING, l->started_at_ms != 0);
    assert_false(ob_job_is_final(l->state));
    assert_int_equal(l->is_parent,
                     engine_db_submission(db, &l->id)->s.array_size > 0 && l->index < 0);
}

static void put_done(engine_db *db, const effect_done *d)
{
    record *r = get(db, &d->id, d->index);
    if (r->done)
        fail_msg("done_insert: ended twice");
    r->done = true;
    int32_t run = r->row.run;
    r->row = (db_row){ .done = true,
                       .state = d->state,
                       .run = run,
                       .started_at_ms = d->started_at_ms,
                       .stopped_at_ms = d->stopped_at_ms,
                       .flags = d->flags,
                       .bulk_state = d->bulk_state };
    copy(r->row.reason, sizeof(r->row.reason), d->reason);
    copy(r->row.bulk_reason, sizeof(r->row.bulk_reason), d->bulk_reason);
    memcpy(r->row.counts, d->counts, sizeof(d->counts));
    accepted *a = engine_db_submission(db, &d->id);
    if (d->reason && strcmp(d->reason, "Job attempt duration exceeded timeout") == 0) {
        assert_true(a->s.terms.timeout_s > 0);
        assert_int_equal(d->state, OB_JOB_FAILED);
    }
    assert_true(ob_job_is_final(d->state));
    assert_true(d->stopped_at_ms >= a->s.created_at_ms);
    assert_true(d->stopped_at_ms >= d->started_at_ms);
    assert_true(d->started_at_ms == 0 || d->started_at_ms >= a->s.created_at_ms);
    record *parent = d->index >= 0 ? engine_db_find(db, &d->id, -1) : r;
    if (d->index < 0)
        assert_true(d->stopped_at_ms >= r->child_stopped_at_ms);
    else if (parent && parent->child_stopped_at_ms < d->stopped_at_ms)
        parent->child_stopped_at_ms = d->stopped_at_ms;
    assert_int_equal(d->queue_id, a->s.queue_id);
    if (d->index < 0) {
        assert_false(a->ended);
        a->ended = true;
        db->n_unended--;
    }
}

static void put_attempt(engine_db *db, const effect_attempt *t)
{
    record *r = get(db, &t->id, t->index);
    assert_int_equal(t->attempt, r->n_attempts + 1);
    assert_true(r->n_attempts < ARRAY_SIZE(r->attempts));
    assert_non_null(t->reason);
    assert_non_null(t->instance_id);
    assert_non_null(t->cluster);
    assert_true(t->stopped_at_ms >= t->started_at_ms);
    int64_t before = r->n_attempts > 0 ? r->attempts[r->n_attempts - 1].stopped_at_ms : 0;
    assert_true(t->stopped_at_ms >= before);
    assert_true(t->started_at_ms == 0 || t->started_at_ms >= before);
    assert_true(t->runnable_at_ms >= before && t->placed_at_ms >= t->runnable_at_ms);
    assert_true(t->stopped_at_ms >= t->runnable_at_ms);
    assert_true(t->placed_at_ms <= r->placed_at_ms); /* it may be placed again in this round */
    assert_true(t->pulled_at_ms == 0 || t->pulled_at_ms >= t->placed_at_ms);
    assert_true(t->created_at_ms == 0 ||
                (t->created_at_ms >= t->placed_at_ms && t->created_at_ms >= t->pulled_at_ms));
    effect_attempt *to = &r->attempts[r->n_attempts++];
    *to = *t;
    to->reason = ob_strdup(t->reason);
    to->container_reason = t->container_reason ? ob_strdup(t->container_reason) : NULL;
    to->instance_id = to->cluster = NULL;
}

/* Is there one event of the table from 'from' to 'to'? */
static bool legal(ob_job_state from, ob_job_state to)
{
    for (int ev = 0; ev < OB_JOB_EVENT_COUNT; ev++)
        if (ob_job_next(from, (ob_job_event)ev) == (int)to)
            return true;
    return false;
}

static void put_event(engine_db *db, const effect_event *ev, int32_t index)
{
    static const char letters[] = "SPRsr+-";
    record *r = get(db, &ev->id, index);
    if (!legal(r->told, ev->state))
        fail_msg("event %s after %s", ob_job_state_name(ev->state), ob_job_state_name(r->told));
    r->told = ev->state;
    if (r->published_at_ms > ev->at_ms)
        fail_msg("times of events go backwards");
    r->published_at_ms = ev->at_ms;
    assert_true(ev->at_ms >= ev->started_at_ms && ev->at_ms >= ev->stopped_at_ms);
    bool placed = ev->state == OB_JOB_STARTING || ev->state == OB_JOB_RUNNING;
    assert_true(!placed || (ev->instance_id && ev->cluster && ev->run > 0));
    assert_int_equal(ev->state == OB_JOB_RUNNING && ev->started_at_ms == 0, false);
    r->starts += ev->state == OB_JOB_STARTING;
    if (r->story_n + 1 < STORY)
        r->story[r->story_n++] = letters[ev->state];
    db->n_events++;
}

static reason
reason_key(int64_t queue_id, const ob_resources *need, const char *share, int32_t priority)
{
    reason k = { .key = { .queue_id = queue_id, .need = *need, .priority = priority } };
    copy(k.key.share, sizeof(k.key.share), share);
    return k;
}

static void put_reason(engine_db *db, const effect_reason *e)
{
    reason k = reason_key(e->queue_id, &e->need, e->share, e->priority), *w = NULL;
    HASH_FIND(hh, db->reasons, &k.key, sizeof(k.key), w);
    if (!e->reason) {
        if (!w)
            fail_msg("a reason is taken back that was not given");
        HASH_DEL(db->reasons, w);
        free(w->text);
        free(w);
        return;
    }
    if (!w) {
        w = ob_calloc(1, sizeof(*w));
        w->key = k.key;
        HASH_ADD(hh, db->reasons, key, sizeof(w->key), w);
    } else if (strcmp(w->text, e->reason) == 0) {
        fail_msg("a reason is told again without a change");
    }
    free(w->text);
    w->text = ob_strdup(e->reason);
    w->since_ms = e->since_ms;
}

static void put_share(engine_db *db, const effect_share *e)
{
    share_row k = { .key.queue_id = e->queue_id }, *s = NULL;
    copy(k.key.share, sizeof(k.key.share), e->share);
    HASH_FIND(hh, db->shares, &k.key, sizeof(k.key), s);
    if (e->gone) {
        assert_non_null(s);
        HASH_DEL(db->shares, s);
        free(s);
        return;
    }
    if (!s) {
        s = ob_calloc(1, sizeof(*s));
        s->key = k.key;
        HASH_ADD(hh, db->shares, key, sizeof(s->key), s);
    }
    s->row = *e;
    s->row.share = s->key.share;
}

static void put_front(engine_db *db, const effect_front *e)
{
    front_row *f = NULL;
    HASH_FIND(hh, db->fronts, &e->queue_id, sizeof(e->queue_id), f);
    if (!f) {
        f = ob_calloc(1, sizeof(*f));
        f->queue_id = e->queue_id;
        HASH_ADD(hh, db->fronts, queue_id, sizeof(f->queue_id), f);
    }
    free(f->front);
    f->n = e->n_front;
    f->front = ob_calloc(f->n + 1, sizeof(*f->front));
    for (size_t i = 0; i < f->n; i++) {
        f->front[i] = e->front[i];
        db_row row = engine_db_row(db, &f->front[i].id, f->front[i].index);
        if (row.state != OB_JOB_RUNNABLE)
            fail_msg("the front of a queue has a job that is %s", ob_job_state_name(row.state));
    }
}

static void put_counts(engine_db *db, const effect_counts *e)
{
    counts_row *c = NULL;
    HASH_FIND(hh, db->counts, &e->queue_id, sizeof(e->queue_id), c);
    if (!c) {
        c = ob_calloc(1, sizeof(*c));
        c->row.queue_id = e->queue_id;
        HASH_ADD(hh, db->counts, row.queue_id, sizeof(c->row.queue_id), c);
    }
    c->row = *e;
    c->fresh = true;
}

static void check_blocked(const engine_db *db, const effect_event *e)
{
    assert_int_equal(engine_db_row(db, &e->id, e->idx_lo).state, OB_JOB_RUNNABLE);
    assert_non_null(strstr(e->reason, " - "));
    const record *r = engine_db_find(db, &e->id, e->idx_lo);
    assert_true(!r || e->at_ms >= r->published_at_ms);
}

static int32_t waiting_of(const engine_db *db, const accepted *a)
{
    db_row row = engine_db_row(db, &a->id, -1);
    return !row.live             ? 0
           : a->s.array_size > 0 ? row.counts[OB_JOB_RUNNABLE]
                                 : row.state == OB_JOB_RUNNABLE;
}

/* By the rows as they are after the round. */
static void check_usage(const engine_db *db, const effect_usage *u)
{
    int64_t mcpu = 0;
    int32_t placed = 0, waiting = 0;
    for (const record *r = db->records; r; r = r->hh.next) {
        const accepted *a = r->placed_on[0] ? engine_db_submission(db, &r->key.id) : NULL;
        if (!a || a->s.queue_id != u->queue_id)
            continue;
        mcpu += a->s.need.mcpu;
        placed++;
    }
    for (const accepted *a = db->accepted; a; a = a->hh.next)
        if (a->s.queue_id == u->queue_id)
            waiting += waiting_of(db, a);
    assert_int_equal(u->mcpu, mcpu);
    assert_int_equal(u->placed, placed);
    assert_int_equal(u->waiting, waiting);
    assert_true(u->succeeded >= 0 && u->failed >= 0);
}

void engine_db_apply(engine_db *db, const engine_effects *effects)
{
    for (size_t i = 0; i < effects->n_live_insert; i++)
        put_live(db, &effects->live_insert[i], true);
    for (size_t i = 0; i < effects->n_live_update; i++)
        put_live(db, &effects->live_update[i], false);
    for (size_t i = 0; i < effects->n_live_delete; i++) {
        record *r = get(db, &effects->live_delete[i].id, effects->live_delete[i].index);
        if (!r->live)
            fail_msg("live_delete: no such row");
        r->live = false;
    }
    for (size_t i = 0; i < effects->n_placement_delete; i++) {
        const effect_placement *p = &effects->placement_delete[i];
        record *r = get(db, &p->run.id, p->run.index);
        if (strcmp(r->placed_on, p->instance_id) != 0 || r->placed_run != p->run.run)
            fail_msg("placement_delete: no such row");
        r->placed_on[0] = '\0';
    }
    for (size_t i = 0; i < effects->n_placement_insert; i++) {
        const effect_placement *p = &effects->placement_insert[i];
        record *r = get(db, &p->run.id, p->run.index);
        if (r->placed_on[0])
            fail_msg("placement_insert: placed already");
        if (p->run.run <= r->placed_run)
            fail_msg("run numbers must grow");
        copy(r->placed_on, sizeof(r->placed_on), p->instance_id);
        r->placed_run = p->run.run;
        r->placed_at_ms = p->placed_at_ms;
        assert_true(p->placed_at_ms > 0);
    }
    for (size_t i = 0; i < effects->n_done; i++)
        put_done(db, &effects->done[i]);
    for (size_t i = 0; i < effects->n_attempts; i++)
        put_attempt(db, &effects->attempts[i]);
    for (size_t i = 0; i < effects->n_events; i++) {
        if (effects->events[i].blocked) { /* no move */
            check_blocked(db, &effects->events[i]);
            continue;
        }
        for (int32_t x = effects->events[i].idx_lo; x <= effects->events[i].idx_hi; x++)
            put_event(db, &effects->events[i], x);
    }
    for (size_t i = 0; i < effects->n_reasons; i++)
        put_reason(db, &effects->reasons[i]);
    for (size_t i = 0; i < effects->n_shares; i++)
        put_share(db, &effects->shares[i]);
    for (size_t i = 0; i < effects->n_fronts; i++)
        put_front(db, &effects->fronts[i]);
    for (counts_row *c = db->counts; c; c = c->hh.next)
        c->fresh = false;
    for (size_t i = 0; i < effects->n_counts; i++)
        put_counts(db, &effects->counts[i]);
    for (size_t i = 0; i < effects->n_usages; i++)
        check_usage(db, &effects->usages[i]);
}

/* ---- Looking ---- */

db_row engine_db_row(const engine_db *db, const ob_uuid *id, int32_t index)
{
    record *r = engine_db_find(db, id, index);
    if (r && (r->live || r->done))
        return r->row;
    record *parent = index >= 0 ? engine_db_find(db, id, -1) : NULL;
    db_row row = { .state = OB_JOB_SUBMITTED };
    if (parent && (parent->live || parent->done)) {
        row.state = parent->row.bulk_state;
        copy(row.reason, sizeof(row.reason), parent->row.bulk_reason);
        row.flags = ob_job_is_final(row.state) ? parent->row.flags : 0;
    }
    return row;
}

const effect_counts *engine_db_counts(const engine_db *db, int64_t queue_id)
{
    counts_row *c = NULL;
    HASH_FIND(hh, db->counts, &queue_id, sizeof(queue_id), c);
    return c ? &c->row : NULL;
}

const char *engine_db_class_reason(const engine_db *db, int64_t queue_id, const ob_resources *need)
{
    return engine_db_share_reason(db, queue_id, need, "", 0);
}

const char *engine_db_share_reason(const engine_db *db,
                                   int64_t queue_id,
                                   const ob_resources *need,
                                   const char *share,
                                   int32_t priority)
{
    reason k = reason_key(queue_id, need, share, priority), *w = NULL;
    HASH_FIND(hh, db->reasons, &k.key, sizeof(k.key), w);
    return w ? w->text : NULL;
}

ob_resources engine_db_used(const engine_db *db, const char *instance_id)
{
    ob_resources used = { 0 };
    for (const record *r = db->records; r; r = r->hh.next)
        if (strcmp(r->placed_on, instance_id) == 0)
            ob_resources_add(&used, &engine_db_submission(db, &r->key.id)->s.need);
    return used;
}

const effect_attempt *
engine_db_attempt(const engine_db *db, const ob_uuid *id, int32_t index, int32_t attempt)
{
    record *r = engine_db_find(db, id, index);
    return r && attempt >= 1 && (size_t)attempt <= r->n_attempts ? &r->attempts[attempt - 1] : NULL;
}

size_t engine_db_unended(const engine_db *db)
{
    return db->n_unended;
}

size_t engine_db_events(const engine_db *db)
{
    return db->n_events;
}

const char *engine_db_story(const engine_db *db, const ob_uuid *id, int32_t index)
{
    record *r = engine_db_find(db, id, index);
    return r ? r->story : "";
}

int engine_db_starts(const engine_db *db, const ob_uuid *id, int32_t index)
{
    record *r = engine_db_find(db, id, index);
    return r ? r->starts : 0;
}

void engine_db_ended(const engine_db *db, engine_dependency *d)
{
    record *r = engine_db_find(db, &d->id, -1);
    free((void *)d->failed);
    d->failed = NULL;
    d->n_failed = 0;
    d->ended = DEP_UNKNOWN;
    if (!r || !r->done)
        return;
    ob_job_state s = engine_db_row(db, &d->id, d->index).state;
    d->ended = s == OB_JOB_SUCCEEDED ? DEP_SUCCEEDED : DEP_FAILED;
    int32_t size = engine_db_submission(db, &d->id)->s.array_size;
    if (d->type != OB_DEP_N_TO_N || d->ended != DEP_FAILED || size == 0)
        return;
    int32_t *failed = ob_calloc((size_t)size, sizeof(*failed));
    for (int32_t i = 0; i < size; i++)
        if (engine_db_row(db, &d->id, i).state == OB_JOB_FAILED)
            failed[d->n_failed++] = i;
    d->failed = failed;
}

/* ---- Loading ---- */

static int by_key(const void *a, const void *b)
{
    const record *x = *(const record *const *)a, *y = *(const record *const *)b;
    int d = ob_uuid_cmp(&x->key.id, &y->key.id);
    return d ? d : (x->key.index > y->key.index) - (x->key.index < y->key.index);
}

void engine_db_load(const engine_db *db, engine *e)
{
    size_t n = 0;
    const record **rows = ob_calloc(HASH_COUNT(db->records) + 1, sizeof(*rows));
    for (const record *r = db->records; r; r = r->hh.next)
        if (r->live)
            rows[n++] = r;
    qsort(rows, n, sizeof(*rows), by_key);
    for (size_t i = 0; i < n; i++) {
        const record *r = rows[i];
        const engine_submission *s = &engine_db_submission(db, &r->key.id)->s;
        engine_load(e, &(engine_job_row){
                           .job = *s,
                           .index = r->key.index,
                           .state = r->row.state,
                           .run = r->row.run,
                           .attempt = r->row.attempt,
                           .instance_id = r->row.instance_id[0] ? r->row.instance_id : NULL,
                           .started_at_ms = r->row.started_at_ms,
                           .running_for_ms = db->steady_ms - r->running_at_ms,
                           .runnable_at_ms = r->row.runnable_at_ms,
                           .placed_at_ms = r->placed_on[0] ? r->placed_at_ms : 0,
                           .published_at_ms = r->row.published_at_ms,
                           .flags = r->row.flags,
                           .stop_reason = r->row.stop_reason[0] ? r->row.stop_reason : NULL,
                           .bulk_state = r->row.bulk_state,
                           .bulk_reason = r->row.bulk_reason[0] ? r->row.bulk_reason : NULL,
                           .order = r->row.order,
                           .waits = r->row.waits,
                       });
    }
    free(rows);
    for (const record *r = db->records; r; r = r->hh.next) {
        const record *parent = engine_db_find(db, &r->key.id, -1);
        if (r->done && r->key.index >= 0 && parent && parent->live)
            engine_load_done_child(e, &r->key.id, r->key.index, r->row.state);
    }
    for (const reason *w = db->reasons; w; w = w->hh.next)
        engine_load_class_reason(e, &(effect_reason){ .queue_id = w->key.queue_id,
                                                      .need = w->key.need,
                                                      .share = w->key.share,
                                                      .priority = w->key.priority,
                                                      .reason = w->text,
                                                      .since_ms = w->since_ms });
    for (const share_row *s = db->shares; s; s = s->hh.next)
        engine_load_share(e, &s->row);
    for (const front_row *f = db->fronts; f; f = f->hh.next)
        engine_load_front(e, f->queue_id, f->front, f->n);
    for (const counts_row *c = db->counts; c; c = c->hh.next)
        engine_load_counts(e, &c->row);
}

void engine_db_load_uncounted(const engine_db *db, engine *e)
{
    engine_db uncounted = *db;
    uncounted.counts = NULL;
    engine_db_load(&uncounted, e);
    for (const record *r = db->records; r; r = r->hh.next) {
        const engine_submission *s = &engine_db_submission(db, &r->key.id)->s;
        int64_t children[OB_JOB_STATE_COUNT];
        if (!r->done || r->key.index >= 0)
            continue;
        for (int i = 0; i < OB_JOB_STATE_COUNT; i++)
            children[i] = r->row.counts[i];
        engine_load_ended(e, s->queue_id, r->row.state, s->array_size > 0 ? children : NULL);
    }
}
