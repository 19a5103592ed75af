/* The shares of a queue and the usage of each. Under a fair-share policy the usage of a share is
 * the sum over its jobs of vCPUs * integral of exp(-(now - t) / D) dt over the job's run time, D =
 * shareDecaySeconds (at least 600 s). It is stored as a number and a time and advanced in one step,
 * because the vCPUs in use stay the same between two changes.
 *
 * Invariants: share.mcpu is the sum of the needs of its placed jobs, queue.mcpu the sum over its
 * shares; a share exists while it has a class, or while its usage is not negligible. */
#include "share.h"

#include <math.h>
#include <stdlib.h>

#include "arena.h"

#define DECAY_MIN_S 600
#define COUNTS_FROM 1.0 /* vCPU seconds: a lower usage is dropped */

share *share_get(queue *q, const char *name)
{
    share *s = NULL;
    if (!name)
        name = "";
    HASH_FIND_STR(q->shares, name, s);
    if (!s) {
        s = ob_calloc(1, sizeof(*s));
        s->name = ob_strdup(name);
        s->queue = q;
        s->weight = 1;
        HASH_ADD_KEYPTR(hh, q->shares, s->name, strlen(s->name), s);
    }
    return s;
}

void share_free(share *s)
{
    if (s->active)
        s->queue->n_active--;
    HASH_DEL(s->queue->shares, s);
    free(s->work);
    free(s->name);
    free(s);
}

void share_free_if_unused(share *s)
{
    if (s->n_classes == 0 && !s->queue->policy.fair)
        share_free(s);
}

/* ---- The policy ---- */

void share_set_policy(queue *q, const engine_policy *policy)
{
    for (size_t i = 0; i < q->policy.n_weights; i++)
        free(q->policy.weights[i].share);
    free(q->policy.weights);
    memset(&q->policy, 0, sizeof(q->policy));
    q->shares_changed = true;
    if (!policy)
        return;
    q->policy.fair = true;
    q->policy.decay_s = policy->decay_s > DECAY_MIN_S ? policy->decay_s : DECAY_MIN_S;
    q->policy.reservation = policy->reservation;
    q->policy.n_weights = policy->n_weights;
    q->policy.weights = ob_calloc(policy->n_weights + 1, sizeof(*q->policy.weights));
    for (size_t i = 0; i < policy->n_weights; i++) {
        q->policy.weights[i].share = ob_strdup(policy->weights[i].share);
        q->policy.weights[i].factor = policy->weights[i].factor;
    }
}

static bool matches(const char *entry, const char *name)
{
    size_t n = strlen(entry);
    if (n > 0 && entry[n - 1] == '*')
        return strncmp(entry, name, n - 1) == 0;
    return strcmp(entry, name) == 0;
}

/* A prefix's entry is shared by its active shares: each gets factor times their number. */
static void weigh(queue *q)
{
    for (share *s = q->shares; s; s = s->hh.next)
        s->weight = 1;
    for (size_t i = 0; i < q->policy.n_weights; i++) {
        const struct weight *w = &q->policy.weights[i];
        bool prefix = *w->share && w->share[strlen(w->share) - 1] == '*';
        size_t k = 0;
        for (const share *s = q->shares; s && prefix; s = s->hh.next)
            k += s->active && matches(w->share, s->name);
        for (share *s = q->shares; s; s = s->hh.next)
            if (matches(w->share, s->name))
                s->weight = w->factor * (double)(prefix && k > 0 ? k : 1);
    }
}

/* ---- Use ---- */

double share_usage_at(const share *s, int64_t now_ms)
{
    double d = s->queue->policy.decay_s, left = exp(-(double)(now_ms - s->at_ms) / 1000 / d);
    return s->usage * left + (double)s->mcpu / 1000 * d * (1 - left);
}

static void advance(const engine *e, share *s)
{
    if (s->at_ms == 0)
        s->at_ms = e->now_ms;
    if (e->now_ms <= s->at_ms) /* loading, or a clock set back */
        return;
    s->usage = share_usage_at(s, e->now_ms);
    s->at_ms = e->now_ms;
}

void share_count_use(engine *e, const class *cls, int sign)
{
    share *s = cls->share;
    if (cls->queue->policy.fair)
        advance(e, s);
    s->mcpu += sign * (int64_t)cls->need.mcpu;
    cls->queue->mcpu += sign * (int64_t)cls->need.mcpu;
    engine_sum_add(&cls->queue->used, &cls->need, sign);
    cls->queue->changes++;
    s->changed = true;
}

void share_set_active(share *s, bool active)
{
    if (s->active == active)
        return;
    s->active = active;
    s->queue->n_active += active ? 1 : (size_t)-1;
    s->queue->shares_changed = s->changed = true;
    s->published_ms = 0;
}

/* maxvCpus x (computeReservation / 100) ^ active shares stays free for inactive shares (AWS Batch
 * user guide, "Scheduling policy parameters"), over all environments of the queue */
static void reserve(queue *q)
{
    int64_t most = 0;
    for (size_t i = 0; i < q->n_ces; i++)
        most += (int64_t)(q->ces[i]->share_vcpus ? q->ces[i]->share_vcpus : q->ces[i]->max_vcpus);
    q->cap_mcpu = INT64_MAX;
    if (q->policy.reservation > 0 && q->n_active > 0) {
        double kept = pow((double)q->policy.reservation / 100, (double)q->n_active);
        q->cap_mcpu = (int64_t)((double)most * 1000 * (1 - kept));
    }
}

static void bring_forward(engine *e, queue *q)
{
    share *s, *tmp;
    HASH_ITER(hh, q->shares, s, tmp)
    {
        advance(e, s);
        if (s->n_classes > 0)
            s->seen_ms = e->now_ms;
        share_set_active(s, s->n_classes > 0 ||
                                (double)(e->now_ms - s->seen_ms) < q->policy.decay_s * 1000);
    }
    if (q->shares_changed)
        weigh(q);
    q->shares_changed = false;
    reserve(q);
}

void shares_update(engine *e)
{
    queue *q, *tmp;
    HASH_ITER(hh, e->queues, q, tmp)
    {
        q->cap_mcpu = INT64_MAX;
        if (q->policy.fair)
            bring_forward(e, q);
    }
}

/* ---- Rows ---- */

static void write_row(engine *e, share *s, bool gone)
{
    effect_share *row = LIST_ADD(e->effects, shares);
    row->queue_id = s->queue->id;
    row->share = arena_text(&e->effects->arena, s->name);
    row->usage = s->usage;
    row->at_ms = s->at_ms;
    row->active = s->active;
    row->gone = gone;
    s->stored = true;
    s->changed = false;
    s->published_ms = e->now_ms;
}

void shares_write_rows(engine *e)
{
    queue *q, *qtmp;
    HASH_ITER(hh, e->queues, q, qtmp)
    {
        if (!q->policy.fair || !q->known || q->deleting)
            continue;
        share *s, *tmp;
        HASH_ITER(hh, q->shares, s, tmp)
        {
            bool gone = s->n_classes == 0 && !s->active && s->usage < COUNTS_FROM;
            if (gone && s->stored)
                write_row(e, s, true);
            else if (!gone && s->changed &&
                     (e->now_ms - s->published_ms >= ENGINE_SHARE_EVERY_MS ||
                      s->published_ms > e->now_ms))
                write_row(e, s, false);
            if (gone)
                share_free(s);
        }
    }
}
