/* Connections shared by threads. Owns the idle ones; the others belong to the threads that took
 * them. Never runs a request's statement. One lock, held only for list work; connections are made
 * outside of it.
 *
 * Invariants: free + taken = size; no thread waits while a place is free; the thread that waits
 * longest is served first, so that a flood starves none. */
#include "db_pool.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <utlist.h>

#include "api_metrics.h"
#include "ob/clock.h"
#include "ob/cond.h"
#include "ob/log.h"

#define WAIT_MS 2000
#define STATEMENT_MS 5000 /* a frozen server must not hold a thread for ever */
#define CONNECT_S                                                                                  \
    2 /* an unreachable server soon gives 503; the administrator's own settings take precedence */
#define RETRY_MS 250 /* the time after a failed connection during which no thread tries again */

typedef struct waiter {
    ob_db *db; /* the connection that it got: NULL if the place has none yet */
    bool granted;
    pthread_cond_t woken;
    struct waiter *prev, *next;
} waiter;

struct db_pool {
    char *conninfo;
    const ob_db_stmt *const *tables;
    _Atomic int64_t retry_at_ms; /* no connect before */

    pthread_mutex_t lock; /* guards what follows */
    size_t size, free;    /* places; of them free */
    size_t n_idle;
    waiter *waiting;
    ob_db *idle[]; /* connections of free places, last used last */
};

static void show(void *arg)
{
    db_pool *pool = arg;
    ob_metric *m = &api_metrics[API_POOL_CONNECTIONS];
    (void)pthread_mutex_lock(&pool->lock);
    size_t taken = pool->size - pool->free, idle = pool->n_idle;
    (void)pthread_mutex_unlock(&pool->lock);
    ob_metric_put(m, (int64_t)taken, "taken");
    ob_metric_put(m, (int64_t)idle, "idle");
    ob_metric_put(m, (int64_t)(pool->size - taken - idle), "unopened");
}

db_pool *db_pool_new(const char *conninfo, const ob_db_stmt *const *tables, size_t n)
{
    db_pool *pool = ob_calloc(1, sizeof(*pool) + n * sizeof(pool->idle[0]));
    pool->conninfo = ob_strdup(conninfo);
    pool->tables = tables;
    pool->size = pool->free = n;
    (void)pthread_mutex_init(&pool->lock, NULL);
    ob_metrics_on_show(show, pool);
    return pool;
}

void db_pool_free(db_pool *pool)
{
    if (!pool)
        return;
    ob_metrics_off_show(show, pool);
    for (size_t i = 0; i < pool->n_idle; i++)
        ob_db_free(pool->idle[i]);
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool->conninfo);
    free(pool);
}

/* ---- connections ----------------------------------------------------------------------------- */

/* Data that the server sent before it closed comes first, then the end. */
bool db_usable(ob_db *db)
{
    struct pollfd fd = { .fd = PQsocket(ob_db_raw(db)), .events = POLLIN };
    for (int i = 0; i < 8 && ob_db_ok(db) && fd.fd >= 0 && poll(&fd, 1, 0) > 0; i++)
        if (!PQconsumeInput(ob_db_raw(db)))
            return false;
    return ob_db_ok(db);
}

int db_open(const char *conninfo,
            const char *application,
            const ob_db_stmt *const *tables,
            int timeout_ms,
            ob_db **ret,
            ob_error *err)
{
    bool as_it_is = strstr(conninfo, "connect_timeout") || strstr(conninfo, "://");
    ob_cleanup(ob_freep) char *soon =
        as_it_is ? ob_strdup(conninfo) : ob_strf("%s connect_timeout=%d", conninfo, CONNECT_S);
    ob_cleanup(ob_db_freep) ob_db *db = NULL;
    int r = ob_db_connect(soon, application, &db, err);
    if (r < 0)
        return r;
    ob_db_set_timeout(db, timeout_ms);
    for (size_t i = 0; r == 0 && tables && tables[i]; i++)
        r = ob_db_prepare(db, tables[i], err);
    if (r == 0)
        *ret = ob_take(db);
    return r;
}

/* Makes *db usable: checks its connection, or connects, or fails at once if PostgreSQL was just
 * unreachable. */
static int freshen(db_pool *pool, ob_db **db, ob_error *err)
{
    if (*db && db_usable(*db))
        return 0;
    ob_db_free(*db);
    *db = NULL;
    if (ob_mono_ms() < atomic_load(&pool->retry_at_ms)) /* logged once by the thread that tried */
        return ob_fail_retry(err, ENOTCONN, "PostgreSQL is not reachable");
    int r = db_open(pool->conninfo, "openbatch-api", pool->tables, STATEMENT_MS, db, err);
    if (r < 0) {
        atomic_store(&pool->retry_at_ms, ob_mono_ms() + RETRY_MS);
        ob_warn("postgresql.lost", "{s:s}", "error", err->text);
    }
    return r;
}

/* ---- places ---------------------------------------------------------------------------------- */

static void wait_for_place(db_pool *pool, waiter *w)
{
    int64_t until_ms = ob_mono_ms() + WAIT_MS;
    ob_cond_init(&w->woken);
    DL_APPEND(pool->waiting, w);
    while (!w->granted && ob_cond_wait_until(&w->woken, &pool->lock, until_ms))
        ;
    if (!w->granted)
        DL_DELETE(pool->waiting, w);
    (void)pthread_cond_destroy(&w->woken);
}

/* Frees a place, with an open connection or without (NULL). */
static void leave(db_pool *pool, ob_db *db)
{
    (void)pthread_mutex_lock(&pool->lock);
    waiter *first = pool->waiting;
    if (first) {
        DL_DELETE(pool->waiting, first);
        first->db = db;
        first->granted = true;
        (void)pthread_cond_signal(&first->woken);
    } else {
        pool->free++;
        if (db)
            pool->idle[pool->n_idle++] = db;
    }
    (void)pthread_mutex_unlock(&pool->lock);
}

int db_pool_take(db_pool *pool, ob_db **ret, ob_error *err)
{
    waiter w = { 0 };
    int64_t began_us = ob_mono_us();
    (void)pthread_mutex_lock(&pool->lock);
    if (pool->free > 0) {
        pool->free--;
        w.db = pool->n_idle > 0 ? pool->idle[--pool->n_idle] : NULL;
        w.granted = true;
    } else {
        wait_for_place(pool, &w);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    ob_metric_observe(&api_metrics[API_POOL_WAIT], ob_mono_us() - began_us);
    if (!w.granted)
        return ob_fail_retry(err, EBUSY, "no database connection became free in %d ms", WAIT_MS);
    int r = freshen(pool, &w.db, err);
    if (r < 0) {
        leave(pool, NULL);
        return r;
    }
    *ret = w.db;
    return 0;
}

void db_pool_give(db_pool *pool, ob_db *db)
{
    if (!db)
        return;
    if (!ob_db_ok(db) || PQtransactionStatus(ob_db_raw(db)) != PQTRANS_IDLE) {
        ob_db_free(db);
        db = NULL;
    }
    leave(pool, db);
}
