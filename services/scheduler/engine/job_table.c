/* The table of living jobs, and their memory. Owns every job, array and child record. A record is
 * found by (id, index). Ids are ordered by time, so in a tree new jobs arrive at one edge, the
 * oldest leave at the other, and both stay in the processor's caches. libc's tsearch costs 32 bytes
 * a job (a uthash handle: 56). Single jobs come from blocks without a header for each. An ended job
 * leaves the tree at once and its memory at the end of the round, so lists of the round may still
 * refer to it. */
#include "job_table.h"

#include <assert.h>
#include <search.h>

#include "arena.h"
#include "terms.h"

#define BLOCK_JOBS 1024

struct job_block {
    struct job_block *next;
    job jobs[BLOCK_JOBS];
};

_Static_assert(sizeof(job) == 64, "a waiting job costs at most 100 bytes, 32 of them in the tree");

static int compare(const void *a, const void *b)
{
    const job *x = a, *y = b;
    int d = ob_uuid_cmp(&x->id, &y->id);
    return d ? d : (int)x->index - (int)y->index;
}

job *job_find(const engine *e, const ob_uuid *id, int32_t index)
{
    if (index < -1 || index >= NO_INDEX)
        return NULL;
    job key = { .id = *id, .index = index < 0 ? NO_INDEX : (uint16_t)index };
    job **found = tfind(&key, (void *const *)&e->jobs, compare);
    return found ? *found : NULL;
}

static void add(engine *e, job *j, const ob_uuid *id, uint16_t index, class *cls)
{
    j->id = *id;
    j->index = index;
    j->cls = cls;
    cls->n_jobs++;
    job **at = tsearch(j, &e->jobs, compare);
    if (!at)
        abort();
    e->n_jobs++;
}

job *job_add_single(engine *e, const ob_uuid *id, class *cls)
{
    if (!e->free_jobs) {
        struct job_block *b = ob_calloc(1, sizeof(*b));
        b->next = e->blocks;
        e->blocks = b;
        for (size_t i = BLOCK_JOBS; i > 0; i--) {
            b->jobs[i - 1].next = e->free_jobs;
            e->free_jobs = &b->jobs[i - 1];
        }
    }
    job *j = e->free_jobs;
    e->free_jobs = j->next;
    memset(j, 0, sizeof(*j));
    add(e, j, id, NO_INDEX, cls);
    cls->queue->n_jobs++;
    queue_count(cls->queue, false, NO_STATE, OB_JOB_SUBMITTED, 1);
    return j;
}

array *job_add_array(engine *e, const ob_uuid *id, class *cls, int32_t size)
{
    assert(size < NO_INDEX);
    array *a = ob_calloc(1, sizeof(*a));
    a->base.is_array = 1;
    a->size = a->bulk = size;
    a->counts[OB_JOB_SUBMITTED] = size;
    a->bulk_state = OB_JOB_SUBMITTED;
    add(e, &a->base, id, NO_INDEX, cls);
    cls->queue->n_jobs++;
    queue_count(cls->queue, false, NO_STATE, OB_JOB_SUBMITTED, 1);
    queue_count(cls->queue, true, NO_STATE, OB_JOB_SUBMITTED, size);
    DL_APPEND2(cls->queue->arrays, a, aprev, anext);
    return a;
}

child *job_add_child(engine *e, array *parent, int32_t index)
{
    child *c = ob_calloc(1, sizeof(*c));
    c->parent = parent;
    add(e, &c->base, &parent->base.id, (uint16_t)index, parent->base.cls);
    c->base.order = parent->base.order;
    c->base.terms = parent->base.terms;
    c->base.at_ms = parent->base.at_ms;
    c->base.state = parent->bulk_state;
    DL_APPEND2(parent->kids, c, kprev, knext);
    return c;
}

void job_forget(engine *e, job *j)
{
    e->n_jobs--;
    j->cls->n_jobs--;
    if (j->index != NO_INDEX) {
        child *c = job_as_child(j);
        DL_DELETE2(c->parent->kids, c, kprev, knext);
    } else {
        j->cls->queue->n_jobs--;
        if (j->is_array)
            DL_DELETE2(j->cls->queue->arrays, job_as_array(j), aprev, anext);
    }
    *LIST_ADD(e, dead) = j;
}

static void release(engine *e, job *j)
{
    tdelete(j, &e->jobs, compare);
    if (j->index == NO_INDEX)
        terms_drop(e, j->terms);
    if (j->is_array) {
        array *a = job_as_array(j);
        free(a->left);
        free(a->failed);
        free(a->bulk_reason);
        free(a->stop_reason);
        free(a);
    } else if (j->index != NO_INDEX) {
        free(j);
    } else {
        j->next = e->free_jobs;
        e->free_jobs = j;
    }
}

void job_table_free_ended(engine *e)
{
    for (size_t i = 0; i < e->n_dead; i++)
        release(e, e->dead[i]);
    e->n_dead = 0;
}

static void free_if_own(void *node)
{
    job *j = node;
    if (j->is_array) {
        array *a = job_as_array(j);
        free(a->left);
        free(a->failed);
        free(a->bulk_reason);
        free(a->stop_reason);
    }
    if (j->is_array || j->index != NO_INDEX)
        free(j);
}

void job_table_free(engine *e)
{
    job_table_free_ended(e);
    tdestroy(e->jobs, free_if_own);
    e->jobs = NULL;
    while (e->blocks) {
        struct job_block *next = e->blocks->next;
        free(e->blocks);
        e->blocks = next;
    }
    free(e->dead);
}

size_t job_table_bytes(const engine *e)
{
    size_t blocks = 0;
    for (const struct job_block *b = e->blocks; b; b = b->next)
        blocks++;
    return blocks * sizeof(struct job_block) + e->n_jobs * 32;
}
