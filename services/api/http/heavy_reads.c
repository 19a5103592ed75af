/* Owns the turns of each key and the requests that wait for one. Never runs a request. One lock,
 * held only for list work.
 *
 * Invariants: a key has an entry while one of its requests has a turn or waits; none waits while
 * fewer than 'running' have a turn; the one that waits longest is served first. */
#include "heavy_reads.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include <uthash.h>
#include <utlist.h>

#include "ob/clock.h"
#include "ob/cond.h"

#define WAIT_MS 2000

typedef struct waiter {
    bool granted;
    pthread_cond_t woken;
    struct waiter *prev, *next;
} waiter;

typedef struct key_turns {
    char *key_id;
    size_t running, n_waiting;
    waiter *waiting;
    UT_hash_handle hh;
} key_turns;

struct turns {
    size_t max_running, max_waiting;
    pthread_mutex_t lock; /* guards what follows */
    key_turns *keys;
};

turns *turns_new(size_t running, size_t waiting)
{
    turns *t = ob_calloc(1, sizeof *t);
    t->max_running = running;
    t->max_waiting = waiting;
    (void)pthread_mutex_init(&t->lock, NULL);
    return t;
}

void turns_free(turns *t)
{
    if (!t)
        return;
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
}

/* With the lock held, as the next two. */
static key_turns *key_of(turns *t, const char *key_id)
{
    key_turns *k = NULL;
    HASH_FIND_STR(t->keys, key_id, k);
    if (k)
        return k;
    k = ob_calloc(1, sizeof *k);
    k->key_id = ob_strdup(key_id);
    HASH_ADD_KEYPTR(hh, t->keys, k->key_id, strlen(k->key_id), k);
    return k;
}

static void forget_if_unused(turns *t, key_turns *k)
{
    if (k->running > 0 || k->waiting)
        return;
    HASH_DEL(t->keys, k);
    free(k->key_id);
    free(k);
}

static bool wait_for_turn(turns *t, key_turns *k)
{
    waiter w = { 0 };
    int64_t until_ms = ob_mono_ms() + WAIT_MS;
    ob_cond_init(&w.woken);
    /* cppcheck-suppress autoVariables; it is taken out by whoever grants, or below */
    DL_APPEND(k->waiting, &w);
    k->n_waiting++;
    while (!w.granted && ob_cond_wait_until(&w.woken, &t->lock, until_ms))
        ;
    if (!w.granted) {
        DL_DELETE(k->waiting, &w);
        k->n_waiting--;
    }
    (void)pthread_cond_destroy(&w.woken);
    return w.granted;
}

int turns_take(turns *t, const char *key_id, ob_error *err)
{
    bool granted = false;
    (void)pthread_mutex_lock(&t->lock);
    key_turns *k = key_of(t, key_id);
    if (k->running < t->max_running) {
        k->running++;
        granted = true;
    } else if (k->n_waiting < t->max_waiting) {
        granted =
            wait_for_turn(t, k); /* the request that gave up its turn has counted it as ours */
        forget_if_unused(t, k);
    }
    (void)pthread_mutex_unlock(&t->lock);
    return granted ? 0 : ob_fail(err, EBUSY, "%s has too many reads at a time", key_id);
}

void turns_give(turns *t, const char *key_id)
{
    (void)pthread_mutex_lock(&t->lock);
    key_turns *k = key_of(t, key_id);
    waiter *first = k->waiting;
    if (first) {
        DL_DELETE(k->waiting, first);
        k->n_waiting--;
        first->granted = true;
        (void)pthread_cond_signal(&first->woken);
    } else {
        k->running--;
        forget_if_unused(t, k);
    }
    (void)pthread_mutex_unlock(&t->lock);
}
