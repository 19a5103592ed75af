/* Ends the waiting of chunks behind gaps. What waits takes memory, and keeps the topic's offsets
 * from being committed; both are limited in all, and any executor can use them up. So it is counted
 * by instance, and the limits end the waiting of those that use the most. Owns the counts.
 *
 * Invariant: the list is in the order of arrival, which is that of a run's offsets. A chunk that
 * goes on before one in front of it would make that one a repetition, so each instance's oldest
 * goes on first. Thread: the intake's. */
#include "log_patience.h"

#include <stdio.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#define RUN_HELD (4u << 20) /* bytes that wait */
#define ALL_HELD (64u << 20)
#define CHUNK_BYTES 1024       /* of a chunk besides its text */
#define TIME_MS (45 * 1000)    /* of an instance, between two commits; longer than one gap lasts */
#define COMMIT_MS (600 * 1000) /* the longest time without a commit */

typedef struct holder {
    char instance[OB_INSTANCE_TEXT];
    size_t held; /* bytes that wait */
    bool waits;  /* since 'since_ms' */
    int64_t since_ms;
    int64_t waited_ms; /* before that, since the last commit */
    UT_hash_handle hh;
} holder;

struct log_patience {
    holder *holders; /* since the last commit */
    int64_t committed_ms;
};

log_patience *log_patience_new(int64_t now_ms)
{
    log_patience *p = ob_calloc(1, sizeof(*p));
    p->committed_ms = now_ms;
    return p;
}

void log_patience_committed(log_patience *p, int64_t now_ms)
{
    holder *h, *next;
    HASH_ITER(hh, p->holders, h, next)
    {
        HASH_DEL(p->holders, h);
        free(h);
    }
    p->committed_ms = now_ms;
}

void log_patience_free(log_patience *p)
{
    if (!p)
        return;
    log_patience_committed(p, 0);
    free(p);
}

static holder *find(const log_patience *p, const log_chunk *c)
{
    holder *h;
    HASH_FIND_STR(p->holders, c->run->instance, h);
    return h;
}

static holder *find_or_add(log_patience *p, const log_chunk *c)
{
    holder *h = find(p, c);
    if (h)
        return h;
    h = ob_calloc(1, sizeof(*h));
    (void)snprintf(h->instance, sizeof(h->instance), "%s", c->run->instance);
    HASH_ADD_STR(p->holders, instance, h);
    return h;
}

static size_t cost(const log_chunk *c)
{
    return c->bytes + CHUNK_BYTES;
}

/* ---- Time ---- */

void log_patience_before(const log_patience *p, log_chunk *list, int64_t now_ms)
{
    bool all = now_ms - p->committed_ms >= COMMIT_MS;
    log_chunk *c;
    DL_FOREACH(list, c)
    {
        const holder *h = all ? NULL : find(p, c);
        c->hurries |= all || (h && h->waited_ms + (h->waits ? now_ms - h->since_ms : 0) >= TIME_MS);
    }
}

static void measure(log_patience *p, int64_t now_ms)
{
    for (holder *h = p->holders; h; h = h->hh.next) {
        if (h->waits && h->held == 0)
            h->waited_ms += now_ms - h->since_ms;
        if (!h->waits)
            h->since_ms = now_ms;
        h->waits = h->held > 0;
    }
}

/* ---- Memory ---- */

/* Counts what waits. Returns its sum. */
static size_t count(log_patience *p, log_chunk *list)
{
    size_t all = 0;
    log_chunk *c;
    for (holder *h = p->holders; h; h = h->hh.next)
        h->held = 0;
    DL_FOREACH(list, c)
    c->run->held = 0;
    DL_FOREACH(list, c)
    {
        find_or_add(p, c)->held += cost(c);
        c->run->held += cost(c);
        all += cost(c);
    }
    return all;
}

/* It goes on. Returns the bytes that do not wait any more. */
static size_t hurry(log_chunk *c, holder *h)
{
    c->hurries = true;
    c->run->held -= cost(c);
    h->held -= cost(c);
    return cost(c);
}

static int by_size(const void *a, const void *b)
{
    const size_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* What each instance may hold so that all are within the limit: those that hold less keep all. */
static size_t level(const log_patience *p)
{
    size_t n = HASH_COUNT(p->holders), i = 0, left = ALL_HELD;
    ob_cleanup(ob_freep) size_t *held = ob_calloc(n + 1, sizeof(*held));
    for (const holder *h = p->holders; h; h = h->hh.next)
        held[i++] = h->held;
    qsort(held, n, sizeof(*held), by_size);
    for (i = 0; i < n && held[i] <= left / (n - i); i++)
        left -= held[i];
    return i < n ? left / (n - i) : ALL_HELD;
}

void log_patience_after(log_patience *p, log_chunk *list, int64_t now_ms)
{
    size_t all = count(p, list);
    log_chunk *c;
    measure(p, now_ms);
    DL_FOREACH(list, c)
    {
        if (c->run->held > RUN_HELD)
            all -= hurry(c, find(p, c));
    }
    if (all <= ALL_HELD)
        return;
    size_t most = level(p);
    DL_FOREACH(list, c)
    {
        holder *h = find(p, c);
        if (!c->hurries && h->held > most)
            (void)hurry(c, h);
    }
}
