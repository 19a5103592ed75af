/* Instances that get no new runs for a while: those that give runs back, those on which starts fail
 * while others succeed, those whose executor reports that they are unwell. Owns instance.hold and
 * the table of kinds, which records where work of one kind has started and failed recently, to
 * distinguish a bad instance from a bad image.
 *
 * Invariant: a held or unwell instance is in no slot. Bounded: kinds without news for
 * ENGINE_KIND_MS are dropped. */
#include "hold.h"

#include "instance.h"
#include "minmax.h"
#include "ob/text.h"
#include "slots.h"
#include "terms.h"

#define KINDS_MAX 4096
#define SEEN_MAX 16

/* Instances, by serial; the newest last. */
typedef struct seen {
    uint32_t on[SEEN_MAX];
    size_t n;
} seen;

struct work_kind {
    int64_t id; /* key */
    int64_t at_ms;
    seen good, bad; /* its last start there worked, failed */
    UT_hash_handle hh;
};

/* ---- Kinds ---- */

static void seen_remove(seen *s, uint32_t serial)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        if (s->on[i] != serial)
            s->on[n++] = s->on[i];
    s->n = n;
}

static void seen_add(seen *s, uint32_t serial)
{
    seen_remove(s, serial);
    if (s->n == SEEN_MAX)
        seen_remove(s, s->on[0]);
    s->on[s->n++] = serial;
}

static void kind_free(engine *e, work_kind *k)
{
    HASH_DEL(e->kinds, k);
    free(k);
}

static void forget_old(engine *e)
{
    work_kind *k, *tmp;
    HASH_ITER(hh, e->kinds, k, tmp)
    {
        if (e->now_ms < k->at_ms || e->now_ms - k->at_ms > ENGINE_KIND_MS)
            kind_free(e, k);
    }
}

/* Records the result of a start. NULL: nothing is known of that kind. */
static const work_kind *note(engine *e, const job *j, const instance *i, bool good)
{
    work_kind *k = NULL;
    int64_t id = terms_of(e, j)->kind;
    HASH_FIND(hh, e->kinds, &id, sizeof(id), k);
    if (k && (e->now_ms < k->at_ms || e->now_ms - k->at_ms > ENGINE_KIND_MS))
        k->good.n = k->bad.n = 0;
    if (!k && id != 0 && HASH_COUNT(e->kinds) >= KINDS_MAX)
        forget_old(e);
    if (!k && (id == 0 || HASH_COUNT(e->kinds) >= KINDS_MAX))
        return NULL;
    if (!k) {
        k = ob_calloc(1, sizeof(*k));
        k->id = id;
        HASH_ADD(hh, e->kinds, id, sizeof(k->id), k);
    }
    k->at_ms = e->now_ms;
    seen_remove(good ? &k->bad : &k->good, i->serial);
    seen_add(good ? &k->good : &k->bad, i->serial);
    return k;
}

static void free_texts(instance *i)
{
    free(i->hold.unwell);
    free(i->hold.failure);
}

void holds_free(engine *e)
{
    for (instance *i = e->instances; i; i = i->hh.next)
        free_texts(i);
    work_kind *k, *tmp;
    HASH_ITER(hh, e->kinds, k, tmp)
    {
        kind_free(e, k);
    }
}

/* ---- Holds ---- */

static int64_t grown(int64_t min_ms, int64_t max_ms, int times)
{
    int64_t ms = min_ms;
    for (int n = 1; n < times && ms < max_ms; n++)
        ms *= 2;
    return min_i64(ms, max_ms);
}

static void hold(engine *e, instance *i, int64_t ms)
{
    slots_remove(i);
    i->hold.for_ms = ms;
    i->hold.until_ms = e->now_ms + ms;
    i->ce->use_changed = true;
    e->hold_due_ms = min_i64(e->hold_due_ms, i->hold.until_ms);
}

static void release(instance *i)
{
    i->hold.until_ms = i->hold.refused_until_ms = 0;
    i->hold.trial = false;
    i->ce->use_changed = true;
    slots_insert(i);
}

/* Refusals while it is held are of runs that were placed before: they make the hold no longer than
 * a first one. */
void hold_note_refusal(engine *e, instance *i)
{
    struct hold *h = &i->hold;
    if (!h->until_ms)
        hold(e, i, grown(ENGINE_HOLD_MIN_MS, ENGINE_HOLD_MAX_MS, ++h->refusals));
    else if (h->until_ms < e->now_ms + ENGINE_HOLD_MIN_MS)
        h->until_ms = e->now_ms + ENGINE_HOLD_MIN_MS;
    if (h->refused_until_ms < e->now_ms + ENGINE_HOLD_MIN_MS)
        h->refused_until_ms = e->now_ms + ENGINE_HOLD_MIN_MS;
}

/* Its starts are not to blame. What it refused a moment ago stays a refusal. */
static void clear(engine *e, instance *i)
{
    struct hold *h = &i->hold;
    h->failures = h->n_failed = 0;
    h->trial = false;
    if (h->until_ms && h->refused_until_ms > e->now_ms)
        h->until_ms = h->refused_until_ms;
    else
        release(i);
}

void hold_note_start(engine *e, const job *j, instance *i)
{
    struct hold *h = &i->hold;
    (void)note(e, j, i, true);
    h->refusals = h->n_failed = 0;
    if (h->failures > 0)
        clear(e, i);
}

/* Is it another failed job? Some jobs are tried again and again. */
static bool another(struct hold *h, const job *j)
{
    for (int n = 0; n < h->n_failed; n++)
        if (h->failed[n].index == job_index(j) && ob_uuid_cmp(&h->failed[n].id, &j->id) == 0)
            return false;
    if (h->n_failed < SUSPECT_AFTER) {
        h->failed[h->n_failed].id = j->id;
        h->failed[h->n_failed++].index = job_index(j);
    }
    return true;
}

/* This kind fails on more instances than it starts on, so no instance is to blame. */
static void absolve(engine *e, const work_kind *k)
{
    for (instance *i = e->instances; i && e->hold_due_ms != INT64_MAX; i = i->hh.next)
        if (i->hold.failures > 0 && i->hold.kind == k->id)
            clear(e, i);
}

void hold_note_failure(engine *e, const job *j, instance *i, const char *reason)
{
    struct hold *h = &i->hold;
    const work_kind *k = note(e, j, i, false);
    if (!k || k->good.n + k->bad.n < 2) /* heard of nowhere else */
        return;
    if (k->good.n < k->bad.n) {
        absolve(e, k);
        h->n_failed = 0;
        if (h->trial)
            clear(e, i);
        return;
    }
    if (h->until_ms && !h->trial) /* placed before */
        return;
    if (!another(h, j) || (h->n_failed < SUSPECT_AFTER && !h->trial))
        return;
    free(h->failure);
    h->failure = ob_text_dup(reason, ENGINE_UNWELL_TEXT);
    h->kind = k->id;
    h->changes++;
    h->trial = false;
    hold(e, i, grown(ENGINE_SUSPECT_MIN_MS, ENGINE_SUSPECT_MAX_MS, ++h->failures));
}

void hold_begin_trial(engine *e, instance *i)
{
    if (i->hold.failures == 0)
        return;
    i->hold.trial = true;
    hold(e, i, ENGINE_TRIAL_MS);
}

void engine_unwell(engine *e, const char *instance_id, const char *why)
{
    instance *i = instance_find(e, instance_id);
    if (!i || (why ? i->hold.unwell && strcmp(i->hold.unwell, why) == 0 : !i->hold.unwell))
        return;
    struct hold *h = &i->hold;
    if (!h->unwell) {
        e->n_unwell++;
        h->since_ms = 0;
    }
    free(h->unwell);
    h->unwell = why ? ob_text_dup(why, ENGINE_UNWELL_TEXT) : NULL;
    h->changes++;
    if (why) {
        slots_remove(i);
        e->hold_due_ms = 0; /* the next round sees since when */
    } else {
        e->n_unwell--;
        slots_insert(i);
    }
    i->ce->use_changed = true;
    e->dirty = true;
}

/* The time since which it is unwell, and when that counts as long. */
static void look_unwell(engine *e, instance *i)
{
    struct hold *h = &i->hold;
    if (h->since_ms == 0 || h->since_ms > e->now_ms)
        h->since_ms = e->now_ms;
    if (e->now_ms < h->since_ms + ENGINE_UNWELL_LONG_MS)
        e->hold_due_ms = min_i64(e->hold_due_ms, h->since_ms + ENGINE_UNWELL_LONG_MS);
    else
        i->ce->use_changed = true;
}

void hold_end_due(engine *e)
{
    if (e->hold_due_ms == INT64_MAX)
        return;
    e->hold_due_ms = INT64_MAX;
    for (instance *i = e->instances; i; i = i->hh.next) {
        struct hold *h = &i->hold;
        if (h->unwell)
            look_unwell(e, i);
        if (!h->until_ms)
            continue;
        int64_t most = h->for_ms > ENGINE_HOLD_MAX_MS ? h->for_ms : ENGINE_HOLD_MAX_MS;
        h->until_ms = min_i64(h->until_ms, e->now_ms + most);
        h->refused_until_ms = min_i64(h->refused_until_ms, h->until_ms);
        if (h->until_ms > e->now_ms)
            e->hold_due_ms = min_i64(e->hold_due_ms, h->until_ms);
        else
            release(i);
    }
}

bool hold_is_long(const engine *e, const instance *i)
{
    const struct hold *h = &i->hold;
    return (h->unwell && h->since_ms > 0 && e->now_ms - h->since_ms >= ENGINE_UNWELL_LONG_MS) ||
           grown(ENGINE_HOLD_MIN_MS, ENGINE_HOLD_MAX_MS, h->refusals) >= ENGINE_HELD_LONG_MS ||
           grown(ENGINE_SUSPECT_MIN_MS, ENGINE_SUSPECT_MAX_MS, h->failures) >= ENGINE_HELD_LONG_MS;
}

void hold_forget(engine *e, instance *i)
{
    if (i->hold.unwell)
        e->n_unwell--;
    free_texts(i);
    for (work_kind *k = e->kinds; k; k = k->hh.next) {
        seen_remove(&k->good, i->serial);
        seen_remove(&k->bad, i->serial);
    }
}
