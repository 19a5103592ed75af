/* Owns the thread and its connection. Nothing is deleted by its age for a while after the wall
 * clock was set: a clock that jumped ahead by mistake makes everything old, and can be corrected.
 * Commits are asynchronous: the next pass repeats what a crash undoes. Never logs. */
#include "ob/sweeper.h"

#include <pthread.h>
#include <string.h>

#include "ob/clock.h"
#include "ob/cond.h"
#include "ob/rows.h"

#define INTERVAL_MIN_MS 500
#define INTERVAL_MAX_MS (600 * 1000)
#define REST_MIN_MS 1
#define USAGE_STEP 2000 /* rows */
#define SETTLE_MS (3600 * 1000)

struct ob_sweeper {
    ob_sweeper_config config;
    pthread_t thread;
    pthread_mutex_t lock; /* guards stopping */
    pthread_cond_t changed;
    bool stopping;
    ob_db *db;
    int64_t step_began_us;
};

/* Waits; false if the thread must stop. */
static bool wait_ms(ob_sweeper *s, int64_t ms)
{
    int64_t until_ms = ob_mono_ms() + ms;
    pthread_mutex_lock(&s->lock);
    while (!s->stopping && ob_cond_wait_until(&s->changed, &s->lock, until_ms))
        ;
    bool go_on = !s->stopping;
    pthread_mutex_unlock(&s->lock);
    return go_on;
}

bool ob_sweeper_rest(ob_sweeper *s)
{
    int64_t took_ms = (ob_mono_us() - s->step_began_us) / 1000;
    bool go_on = wait_ms(s, took_ms > REST_MIN_MS ? took_ms : REST_MIN_MS);
    s->step_began_us = ob_mono_us();
    return go_on && ob_db_ok(s->db);
}

int64_t ob_sweeper_interval(int64_t retention_s)
{
    int64_t ms = retention_s; /* a thousandth of the time */
    return ms < INTERVAL_MIN_MS ? INTERVAL_MIN_MS : ms > INTERVAL_MAX_MS ? INTERVAL_MAX_MS : ms;
}

static void *sweeper_run(void *arg)
{
    ob_sweeper *s = arg;
    while (wait_ms(s, s->config.every_ms)) {
        ob_error err = { 0 };
        if (!ob_wall_steady(SETTLE_MS))
            continue;
        int r = ob_db_keep(&s->db, s->config.conninfo, s->config.application, ob_db_commit_soon,
                           s->config.stmts, &err);
        s->step_began_us = ob_mono_us();
        if (r == 0)
            r = s->config.sweep(s, s->db, s->config.arg, &err);
        if (r < 0)
            s->config.failed(r, &err, s->config.arg);
    }
    return NULL;
}

int ob_sweeper_start(const ob_sweeper_config *config, ob_sweeper **ret, ob_error *err)
{
    ob_sweeper *s = ob_calloc(1, sizeof(*s));
    s->config = *config;
    pthread_mutex_init(&s->lock, NULL);
    ob_cond_init(&s->changed);
    int r = pthread_create(&s->thread, NULL, sweeper_run, s);
    if (r != 0) {
        pthread_cond_destroy(&s->changed);
        pthread_mutex_destroy(&s->lock);
        free(s);
        return ob_fail(err, r, "cannot start a thread: %s", strerror(r));
    }
    *ret = s;
    return 0;
}

void ob_sweeper_stop(ob_sweeper *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    ob_db_free(s->db);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

int ob_sweep_usage(ob_sweeper *s,
                   ob_db *db,
                   ob_point point,
                   const char *stmt,
                   int id_column,
                   int deleted_column,
                   ob_error *err)
{
    int64_t before_ms = ob_wall_ms() - OB_USAGE_KEPT_S * INT64_C(1000), id = 0;
    for (bool more = true; more;) {
        ob_cleanup(ob_params_done) ob_params p = { 0 };
        ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
        ob_param_int(&p, id);
        ob_param_int(&p, before_ms);
        ob_param_int(&p, USAGE_STEP);
        int r = ob_db_write(db, point, stmt, &p, &res, err);
        if (r < 0)
            return r;
        more = ob_col(res, 0, id_column) != NULL;
        if (ob_col_int(res, 0, deleted_column, 0) < USAGE_STEP)
            id = ob_col_int(res, 0, id_column, 0);
        if (!ob_sweeper_rest(s))
            return ob_fail(err, ECANCELED, "stopped");
    }
    return 0;
}
