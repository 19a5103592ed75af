/* See mass_stops.h. Owns scheduler.stops: copies of the rows of requests that are not finished.
 *
 * Invariants: what has been stopped and how far the request is are committed together, so a crash
 * repeats no page and leaves none out; a page is chosen by the tables as the last round left them,
 * which is what the engine holds; the cost does not depend on what has ended. */
#include "mass_stops.h"

#include <stdlib.h>

#include "ob/clock.h"
#include "ob/log.h"
#include "scheduler_store.h"

/* A page of that size whose jobs all match takes some 100 ms, as a full inbox does. */
#define ROWS_A_STEP 1000

typedef struct mass_stop {
    stop_filter filter;
    char *texts[3]; /* of the filter */
    bool terminate;
    char *reason;
    stop_step at;
} mass_stop;

static void clear(mass_stops *m)
{
    for (size_t i = 0; i < m->n_open; i++) {
        for (size_t k = 0; k < ARRAY_SIZE(m->open[i].texts); k++)
            free(m->open[i].texts[k]);
        free(m->open[i].reason);
    }
    free(m->open);
    m->open = NULL;
    m->n_open = 0;
}

static char *text_of(const PGresult *res, int row, int column)
{
    const char *text = ob_col(res, row, column);
    return text ? ob_strdup(text) : NULL;
}

static void read_one(mass_stop *m, const PGresult *res, int row)
{
    *m = (mass_stop){
        .texts = { text_of(res, row, STOP_NAME_PREFIX), text_of(res, row, STOP_DEFINITION),
                   text_of(res, row, STOP_SHARE) },
        .terminate = ob_col_bool(res, row, STOP_TERMINATE),
        .reason = text_of(res, row, STOP_REASON),
        .at = { .id = ob_col_int(res, row, STOP_ID, 0),
                .looked = ob_col_int(res, row, STOP_LOOKED, 0),
                .matched = ob_col_int(res, row, STOP_MATCHED, 0) },
    };
    (void)ob_col_uuid(res, row, STOP_AFTER_ID, &m->at.after);
    m->filter = (stop_filter){
        .queue_id = ob_col_int(res, row, STOP_QUEUE_ID, 0),
        .states = (int32_t)ob_col_int(res, row, STOP_STATES, 0),
        .created_at_ms = ob_col_int(res, row, STOP_CREATED_AT_MS, 0),
        .name_prefix = m->texts[0],
        .definition = m->texts[1],
        .revision = (int32_t)ob_col_int(res, row, STOP_REVISION, 0),
        .share = m->texts[2],
    };
}

static int read_open(scheduler *s, ob_error *err)
{
    mass_stops *m = &s->stops;
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = store_stop_open(s->db, &res, err);
    if (r < 0)
        return r;
    clear(m);
    m->open = ob_calloc((size_t)PQntuples(res) + 1, sizeof(*m->open));
    for (int i = 0; i < PQntuples(res); i++)
        read_one(&m->open[m->n_open++], res, i);
    m->stale = false;
    return 0;
}

void stops_begin(scheduler *s, int64_t id)
{
    mass_stops *m = &s->stops;
    if (m->n_begun == m->cap_begun) {
        m->cap_begun = m->cap_begun ? m->cap_begun * 2 : 16;
        m->begun = ob_realloc(m->begun, m->cap_begun * sizeof(*m->begun));
    }
    m->begun[m->n_begun++] = id;
}

/* Once after each load: an earlier version may have led before. */
static int begin_lost(scheduler *s, ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = store_stop_lost(s->db, &res, err);
    for (int i = 0; r == 0 && i < PQntuples(res); i++)
        stops_begin(s, ob_col_int(res, i, STOP_LOST_ID, 0));
    if (r == 0)
        s->stops.unsure = false;
    return r;
}

int stops_step(scheduler *s, ob_error *err)
{
    mass_stops *m = &s->stops;
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = m->unsure ? begin_lost(s, err) : 0;
    if (r == 0 && m->stale)
        r = read_open(s, err);
    if (r < 0 || m->n_open == 0)
        return r;
    const mass_stop *first = &m->open[0];
    r = store_stop_page(s->db, &first->filter, &first->at.after, ROWS_A_STEP, &res, err);
    if (r < 0)
        return r;
    int n = PQntuples(res);
    m->step = first->at;
    for (int i = 0; i < n; i++) {
        ob_job_ref job = { .index = -1 };
        if (!ob_col_bool(res, i, STOP_PAGE_MATCHES) ||
            !ob_col_uuid(res, i, STOP_PAGE_JOB_ID, &job.id))
            continue;
        engine_stop(s->engine, &job, first->terminate, first->reason);
        m->step.matched++;
    }
    if (n > 0)
        (void)ob_col_uuid(res, n - 1, STOP_PAGE_JOB_ID, &m->step.after);
    m->step.looked += n;
    m->step.finished_at_ms = n < ROWS_A_STEP ? ob_wall_ms() : 0;
    m->stepped = true;
    return 0;
}

bool stops_pending(const scheduler *s)
{
    return s->stops.unsure || s->stops.stale || s->stops.n_open > 0;
}

void stops_committed(scheduler *s)
{
    mass_stops *m = &s->stops;
    if (m->stepped && m->step.finished_at_ms) {
        ob_info("stop.finished", "{s:I, s:I, s:b, s:I, s:I}", "stop", (json_int_t)m->step.id,
                "queue", (json_int_t)m->open[0].filter.queue_id, "terminate", m->open[0].terminate,
                "looked", (json_int_t)m->step.looked, "matched", (json_int_t)m->step.matched);
        m->stale = true;
    } else if (m->stepped) {
        m->open[0].at = m->step;
    }
    if (m->n_begun > 0)
        m->stale = true;
    m->stepped = false;
    m->n_begun = 0;
}

void stops_forget(scheduler *s)
{
    clear(&s->stops);
    s->stops.n_begun = 0;
    s->stops.stepped = false;
    s->stops.stale = s->stops.unsure = true;
}
