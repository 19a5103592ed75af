/* The tracer: ids of jobs that have ended -> their rows -> spans -> the receiver. Owns its thread,
 * its connection, its HTTP client and the queue of ids. Never writes to the database.
 *
 * Invariants: the publisher only puts ids into the queue, which has a bound; when it is full, the
 * traces of further jobs are dropped and counted. One request is under way at a time, and the
 * thread holds the rows of at most JOBS_AT_ONCE jobs. A request that the receiver cannot take now
 * is repeated until it can; one that it refuses is dropped and counted. Thread: its own; begin and
 * take are the publisher's. */
#include "tracer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "ob/clock.h"
#include "ob/cond.h"
#include "ob/http.h"
#include "ob/job.h"
#include "ob/log.h"
#include "ob/text.h"
#include "scheduler_metrics.h"
#include "scheduler_store.h"
#include "trace_spans.h"
#include "tracer_headers.h"

#define QUEUE_MAX 65536           /* ids, 1 MiB */
#define JOBS_AT_ONCE 100          /* also children of an array whose attempts are read together */
#define BODY_ENOUGH (512u * 1024) /* then the request is sent */
#define LAST_ENDS_MS 60000        /* what a new leader looks back ... */
#define LAST_ENDS_ROWS 20000      /* ... and how many events at most */
#define ANSWER_MAX (1u << 20)
#define ANSWER_S 10
#define STEP_MS 100
#define PAUSE_MS 1000 /* after a failure, doubled each time ... */
#define PAUSE_MAX_MS 30000
#define COMPLAIN_EVERY_MS 60000
#define CUT 300 /* bytes of an answer that are logged */
#define PATH "/v1/traces"

struct tracer {
    pthread_t thread;
    pthread_mutex_t lock; /* guards ids, first, n, stopping */
    pthread_cond_t changed;
    ob_uuid *ids; /* a ring of QUEUE_MAX */
    size_t first, n;
    atomic_bool stopping; /* set with the lock held */

    /* The publisher's thread: the last event that was taken. */
    int64_t taken_round;
    int32_t taken_n;

    /* The tracer's. */
    char *pg, *service;
    char **headers; /* NULL behind the last */
    ob_db *db;
    ob_http *http;
    ob_buf body;
    size_t traces; /* whose root is in the body */
    bool answered;
    int status; /* of the last answer; 0: there was none */
    char said[CUT + 64];
    int64_t delay_told_ms; /* monotonic: the last line about a delay */

    atomic_size_t dropped; /* since the last complaint */
    atomic_int_fast64_t complained_at_ms;
};

/* ---- What is lost ---- */

/* Any thread. At most one line a minute. */
static void drop(tracer *t, size_t traces, const char *reason, const char *error)
{
    ob_series_add(ob_metric_with(&scheduler_metrics[SCHED_TRACES_DROPPED], reason),
                  (int64_t)traces);
    (void)atomic_fetch_add(&t->dropped, traces);
    int64_t now_ms = ob_mono_ms(), last_ms = atomic_load(&t->complained_at_ms);
    if (now_ms - last_ms < COMPLAIN_EVERY_MS ||
        !atomic_compare_exchange_strong(&t->complained_at_ms, &last_ms, now_ms))
        return;
    ob_warn("traces.dropped", "{s:s, s:I, s:s}", "reason", reason, "traces",
            (json_int_t)atomic_exchange(&t->dropped, 0), "error", error);
}

/* Nothing can be sent now. At most one line a minute. */
static void tell_delay(tracer *t, const char *error)
{
    int64_t now_ms = ob_mono_ms();
    if (now_ms - t->delay_told_ms < COMPLAIN_EVERY_MS)
        return;
    t->delay_told_ms = now_ms;
    ob_warn("traces.delayed", "{s:s}", "error", error);
}

/* ---- The queue ---- */

static void put(tracer *t, const PGresult *rows, int row, int column)
{
    ob_uuid id;
    bool full = false;
    if (!ob_col_uuid(rows, row, column, &id))
        return;
    pthread_mutex_lock(&t->lock);
    full = t->n == QUEUE_MAX;
    if (!full)
        t->ids[(t->first + t->n++) % QUEUE_MAX] = id;
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->lock);
    if (full)
        drop(t, 1, "queue_full", "more jobs end than the receiver takes traces");
}

/* Waits for some. Returns how many; 0: the tracer is to stop. */
static size_t take_ids(tracer *t, ob_uuid ids[JOBS_AT_ONCE])
{
    size_t n = 0;
    pthread_mutex_lock(&t->lock);
    while (t->n == 0 && !t->stopping)
        pthread_cond_wait(&t->changed, &t->lock);
    for (; n < JOBS_AT_ONCE && t->n > 0 && !t->stopping; t->n--) {
        ids[n++] = t->ids[t->first];
        t->first = (t->first + 1) % QUEUE_MAX;
    }
    pthread_mutex_unlock(&t->lock);
    return n;
}

int tracer_begin(tracer *t, ob_db *db, int64_t round, int32_t n, ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *ends = NULL;
    if (!t)
        return 0;
    int r = store_last_ends(db, t->taken_round, t->taken_n, round, n, LAST_ENDS_ROWS, LAST_ENDS_MS,
                            &ends, err);
    if (r < 0)
        return r;
    for (int i = 0; i < PQntuples(ends); i++)
        put(t, ends, i, LAST_END_JOB_ID);
    t->taken_round = round;
    t->taken_n = n;
    return 0;
}

void tracer_take(tracer *t, const PGresult *events)
{
    if (!t)
        return;
    for (int i = 0; i < PQntuples(events); i++) {
        int64_t round = ob_col_int(events, i, EVENT_ROUND, 0),
                n = ob_col_int(events, i, EVENT_N, 0);
        /* Events may be published again. */
        if (round < t->taken_round || (round == t->taken_round && n <= t->taken_n))
            continue;
        t->taken_round = round;
        t->taken_n = (int32_t)n;
        if (ob_col_int(events, i, EVENT_IDX_LO, 0) == -1 &&
            ob_job_is_final((ob_job_state)ob_col_int(events, i, EVENT_STATE, 0)))
            put(t, events, i, EVENT_JOB_ID);
    }
}

/* Ends early if the tracer is to stop. */
static void pause_ms(tracer *t, int64_t ms)
{
    int64_t until_ms = ob_mono_ms() + ms;
    pthread_mutex_lock(&t->lock);
    while (!t->stopping && ob_mono_ms() < until_ms)
        (void)ob_cond_wait_until(&t->changed, &t->lock, until_ms);
    pthread_mutex_unlock(&t->lock);
}

/* ---- Sending ---- */

static void on_reply(const ob_http_reply *reply, void *arg)
{
    tracer *t = arg;
    t->answered = true;
    t->status = reply->status;
    if (reply->error)
        ob_text_format(t->said, sizeof(t->said), "%s", reply->error);
    else
        ob_text_format(t->said, sizeof(t->said), "status %d: %s", reply->status,
                       ob_cut(reply->body, CUT));
}

/* False: the tracer is to stop. */
static bool post(tracer *t)
{
    t->answered = false;
    ob_http_call *call = ob_http_send(t->http, OB_POINT_NONE,
                                      &(ob_http_request){ .method = "POST",
                                                          .path = PATH,
                                                          .body = t->body.at,
                                                          .more = (const char *const *)t->headers,
                                                          .timeout_s = ANSWER_S,
                                                          .reads = true,
                                                          .on_reply = on_reply,
                                                          .arg = t });
    while (!t->answered && !t->stopping)
        ob_http_step(t->http, STEP_MS);
    if (!t->answered) {
        ob_http_drop(call);
        ob_http_flush(t->http);
    }
    return t->answered;
}

/* By the specification of OTLP/HTTP ("Retryable Response Codes"); 0: it is away. */
static bool is_worth_repeating(int status)
{
    return status == 0 || status == 429 || status == 502 || status == 503 || status == 504;
}

static void empty_body(tracer *t)
{
    ob_buf_clear(&t->body);
    t->traces = 0;
}

/* Sends what the body has, and empties it. Waits as long as the receiver is away. */
static void send_body(tracer *t)
{
    int64_t wait_ms = PAUSE_MS;
    trace_end(&t->body);
    while (post(t) && is_worth_repeating(t->status)) {
        tell_delay(t, t->said);
        pause_ms(t, wait_ms);
        wait_ms = wait_ms * 2 < PAUSE_MAX_MS ? wait_ms * 2 : PAUSE_MAX_MS;
    }
    bool taken = t->status >= 200 && t->status < 300;
    if (t->answered && taken)
        ob_metric_add(&scheduler_metrics[SCHED_TRACES_SENT], (int64_t)t->traces);
    else if (t->answered) /* a further piece of an array has no root */
        drop(t, t->traces > 0 ? t->traces : 1, "refused", t->said);
    empty_body(t);
}

static void need_body(tracer *t)
{
    if (t->body.len == 0)
        trace_begin(&t->body, t->service);
}

static void send_if_enough(tracer *t)
{
    if (t->body.len >= BODY_ENOUGH)
        send_body(t);
}

/* ---- Reading ---- */

static int connect_now(tracer *t, ob_error *err)
{
    return ob_db_keep(&t->db, t->pg, "openbatch-scheduler tracer", ob_db_by_keys, tracer_stmts,
                      err);
}

/* Adds the spans of children from 'from' on, at most JOBS_AT_ONCE. */
static int add_children(tracer *t,
                        const PGresult *jobs,
                        int row,
                        const ob_uuid *array,
                        const PGresult *children,
                        int from,
                        ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *attempts = NULL;
    ob_uuid ids[JOBS_AT_ONCE];
    int32_t idxs[JOBS_AT_ONCE];
    int n = PQntuples(children) - from;
    n = n < JOBS_AT_ONCE ? n : JOBS_AT_ONCE;
    for (int i = 0; i < n; i++) {
        ids[i] = *array;
        idxs[i] = (int32_t)ob_col_int(children, from + i, TRACED_CHILD_IDX, 0);
    }
    int r = store_traced_attempts(t->db, ids, idxs, (size_t)n, &attempts, err);
    for (int i = 0; i < n && r == 0; i++) {
        need_body(t);
        trace_add_child(&t->body, jobs, row, children, from + i, attempts);
        send_if_enough(t);
    }
    return r;
}

static int add_array(tracer *t, const PGresult *jobs, int row, ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *children = NULL;
    ob_uuid id;
    if (!ob_col_uuid(jobs, row, TRACED_ID, &id))
        return 0;
    int r = store_traced_children(t->db, &id, TRACE_CHILDREN_MAX, &children, err);
    if (r < 0)
        return r;
    int n = PQntuples(children);
    need_body(t);
    trace_add_job(&t->body, jobs, row, NULL, n);
    t->traces++;
    for (int from = 0; from < n && r == 0; from += JOBS_AT_ONCE)
        r = add_children(t, jobs, row, &id, children, from, err);
    return r;
}

static void add_single(tracer *t, const PGresult *jobs, int row, const PGresult *attempts)
{
    need_body(t);
    trace_add_job(&t->body, jobs, row, attempts, 0);
    t->traces++;
    send_if_enough(t);
}

/* The attempts of single jobs; those of an array's children are read with them. */
static int read_attempts(tracer *t, const PGresult *jobs, PGresult **ret, ob_error *err)
{
    ob_uuid ids[JOBS_AT_ONCE];
    int32_t idxs[JOBS_AT_ONCE];
    size_t n = 0;
    for (int i = 0; i < PQntuples(jobs); i++) {
        if (ob_col_int(jobs, i, TRACED_ARRAY_SIZE, 0) > 0 ||
            !ob_col_uuid(jobs, i, TRACED_ID, &ids[n]))
            continue;
        idxs[n++] = -1;
    }
    return n ? store_traced_attempts(t->db, ids, idxs, n, ret, err) : 0;
}

/* Events that are published again bring an id twice. */
static size_t distinct(const ob_uuid *ids, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < i && memcmp(&ids[k], &ids[i], sizeof(ids[i])) != 0)
            k++;
        count += k == i;
    }
    return count;
}

static int add_jobs(tracer *t, const ob_uuid *ids, size_t n, ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *jobs = NULL;
    ob_cleanup(ob_pq_clearp) PGresult *attempts = NULL;
    int r = connect_now(t, err);
    if (r == 0)
        r = store_traced_jobs(t->db, ids, n, &jobs, err);
    if (r == 0)
        r = read_attempts(t, jobs, &attempts, err);
    if (r < 0)
        return r;
    for (int i = 0; i < PQntuples(jobs) && r == 0; i++) {
        if (ob_col_int(jobs, i, TRACED_ARRAY_SIZE, 0) > 0)
            r = add_array(t, jobs, i, err);
        else
            add_single(t, jobs, i, attempts);
    }
    size_t found = (size_t)PQntuples(jobs), wanted = distinct(ids, n);
    if (r == 0 && found < wanted)
        drop(t, wanted - found, "deleted", "retention has deleted the jobs");
    return r;
}

/* After a failure all is read again, and what was sent is sent twice. */
static void trace(tracer *t, const ob_uuid *ids, size_t n)
{
    ob_error err = { 0 };
    while (!t->stopping && add_jobs(t, ids, n, &err) < 0) {
        tell_delay(t, err.text);
        empty_body(t);
        pause_ms(t, PAUSE_MS);
    }
    if (t->body.len > 0 && !t->stopping)
        send_body(t);
}

static void *tracer_run(void *arg)
{
    tracer *t = arg;
    ob_uuid ids[JOBS_AT_ONCE];
    for (size_t n; (n = take_ids(t, ids)) > 0;)
        trace(t, ids, n);
    return NULL;
}

/* ---- Beginning and end ---- */

static void destroy(tracer *t)
{
    pthread_cond_destroy(&t->changed);
    pthread_mutex_destroy(&t->lock);
    ob_http_free(t->http);
    ob_db_free(t->db);
    ob_buf_done(&t->body);
    tracer_headers_free(t->headers);
    free(t->ids);
    free(t->pg);
    free(t->service);
    free(t);
}

static int open_http(tracer *t, const char *endpoint, ob_error *err)
{
    size_t len = strlen(endpoint);
    if (strncmp(endpoint, "http://", 7) != 0 && strncmp(endpoint, "https://", 8) != 0)
        return ob_fail(err, EINVAL,
                       "OTEL_EXPORTER_OTLP_ENDPOINT must begin with http:// or https://");
    while (len > 0 && endpoint[len - 1] == '/')
        len--;
    ob_cleanup(ob_freep) char *base = ob_text_dup(endpoint, len);
    return ob_http_new(&(ob_http_options){ .base = base, .body_max = ANSWER_MAX, .proxy = true },
                       &t->http, err);
}

int tracer_new(const scheduler_config *config, tracer **ret, ob_error *err)
{
    *ret = NULL;
    if (!tracer_wanted(config))
        return 0;
    tracer *t = ob_calloc(1, sizeof(*t));
    pthread_mutex_init(&t->lock, NULL);
    ob_cond_init(&t->changed);
    t->pg = ob_strdup(config->pg);
    t->service = ob_strdup(config->otel_service);
    t->ids = ob_calloc(QUEUE_MAX, sizeof(*t->ids));
    t->complained_at_ms = t->delay_told_ms = INT64_MIN / 2;
    int r = tracer_headers_read(config->otlp_headers, &t->headers, err);
    if (r == 0)
        r = open_http(t, config->otlp_endpoint, err);
    if (r == 0)
        r = pthread_create(&t->thread, NULL, tracer_run, t);
    if (r > 0)
        r = ob_fail(err, r, "tracer thread: %s", strerror(r));
    if (r < 0) {
        destroy(t);
        return r;
    }
    *ret = t;
    return 0;
}

void tracer_free(tracer *t)
{
    if (!t)
        return;
    pthread_mutex_lock(&t->lock);
    t->stopping = true;
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->thread, NULL);
    destroy(t);
}
