/* The publisher: rows past the watermark -> events -> acknowledged -> the watermark moves. Owns its
 * connection, its producer and its position. Never changes anything but the watermark.
 *
 * Invariants: the watermark moves only over acknowledged events, only forward, and only while its
 * epoch leads. A topic that is shorter than before has been wiped, and everything still in
 * job_event is published again. No event blocks later ones: one that is too large is published
 * without its largest parts, or is skipped and counted. Thread: its own; lead, kick, count and
 * stuck may be called from any. */
#include "publisher.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "event_message.h"
#include "ob/clock.h"
#include "ob/cond.h"
#include "ob/log.h"
#include "ob/topics.h"
#include "scheduler_store.h"
#include "tracer.h"

#define BATCH_ROWS 500
#define MANY_ROWS 50
#define GATHER_MS 10       /* the delay after a kick, so that events come in batches ... */
#define GATHER_BUSY_MS 100 /* ... of many, while there are many */
#define LOOK_EVERY_MS 5000 /* the interval without a kick, and for checking the topic */
#define PAUSE_MS 500       /* after a failure */
#define KAFKA_STEP_MS 2000
#define MAX_PARTITIONS 256
#define IN_FLIGHT_MAX 20000
#define IN_FLIGHT_BYTES (16u << 20)
#define SKIPPED_LOGGED 1000     /* one in so many */
#define EVENT_MAX (256u * 1024) /* EventBridge's limit */

struct publisher {
    pthread_t thread;
    pthread_mutex_t lock; /* guards wanted_epoch, kicked, stopping */
    pthread_cond_t changed;
    int64_t wanted_epoch;
    bool kicked, stopping;
    atomic_uint_fast64_t count, skipped;
    atomic_int_fast64_t published_round;
    atomic_int_fast64_t moved_at_ms; /* if events wait, they have waited since then */

    /* The thread's own. */
    char *pg;
    ob_bus *bus;
    ob_db *db;
    tracer *tracer; /* NULL: there are no traces */
    int64_t epoch;  /* 0: not begun */
    int64_t round;  /* the last row published */
    int32_t n;
    int32_t partitions;
    int64_t ends[MAX_PARTITIONS]; /* each partition's end, as far as is known */
    size_t in_flight, in_flight_bytes, failed;
    bool failing; /* the last try */
    bool busy;    /* there were many rows the last time, which was a moment ago */
    bool wiped;
    int64_t checked_at_ms;
    event_jobs jobs; /* of the last rows, read since checked_at_ms */
    ob_buf event;
};

/* A message's reference holds its length and its partition, which begins at 1. */
#define REF_PARTITIONS (MAX_PARTITIONS + 1)

static void on_delivery(void *ref, int ok, int64_t offset, void *arg)
{
    publisher *p = arg;
    int32_t partition = (int32_t)((uintptr_t)ref % REF_PARTITIONS) - 1;
    p->in_flight--;
    p->in_flight_bytes -= (size_t)((uintptr_t)ref / REF_PARTITIONS);
    if (!ok) {
        p->failed++;
        return;
    }
    if (offset < p->ends[partition])
        p->wiped = true;
    p->ends[partition] = offset + 1;
    if (!p->failing) /* otherwise the same events may be sent again and again */
        atomic_store(&p->moved_at_ms, ob_mono_ms());
    atomic_fetch_add(&p->count, 1);
}

static bool still_leading(publisher *p)
{
    pthread_mutex_lock(&p->lock);
    bool yes = !p->stopping && p->wanted_epoch == p->epoch;
    pthread_mutex_unlock(&p->lock);
    return yes;
}

/* ---- The topic's ends ---- */

static int64_t sum_of_ends(const publisher *p)
{
    int64_t sum = 0;
    for (int32_t i = 0; i < p->partitions; i++)
        sum += p->ends[i];
    return sum;
}

/* Reads each partition's end. *ret_shorter: one of them, as known before, has gone back. */
static int read_ends(publisher *p, bool *ret_shorter, ob_error *err)
{
    int64_t ends[MAX_PARTITIONS];
    int32_t partitions = 0;
    int r = ob_bus_partitions(p->bus, OB_TOPIC_JOB_STATE, KAFKA_STEP_MS, &partitions, err);
    if (r < 0)
        return r;
    if (partitions < 1 || partitions > MAX_PARTITIONS)
        return ob_fail(err, EPROTO, "%s has %d partitions", OB_TOPIC_JOB_STATE, partitions);
    for (int32_t i = 0; i < partitions; i++) {
        int64_t low;
        r = ob_bus_watermarks(p->bus, OB_TOPIC_JOB_STATE, i, KAFKA_STEP_MS, &low, &ends[i], err);
        if (r < 0)
            return r;
    }
    *ret_shorter = false;
    for (int32_t i = 0; i < partitions; i++)
        *ret_shorter |= i < p->partitions && ends[i] < p->ends[i];
    memcpy(p->ends, ends, sizeof(*ends) * (size_t)partitions);
    p->partitions = partitions;
    p->checked_at_ms = ob_mono_ms();
    return 0;
}

static void replay(publisher *p, const char *why)
{
    ob_warn("publisher.restarted", "{s:s}", "reason", why);
    p->round = 0;
    p->n = 0;
    p->wiped = false;
}

/* ---- Beginning ---- */

static int connect_now(publisher *p, ob_error *err)
{
    /* A watermark that is lost in a crash causes repeats, which are allowed. */
    return ob_db_keep(&p->db, p->pg, "openbatch-scheduler publisher", ob_db_commit_soon,
                      publisher_stmts, err);
}

static int begin(publisher *p, int64_t epoch, ob_error *err)
{
    int64_t topic_end = 0;
    bool shorter;
    int r = connect_now(p, err);
    if (r == 0)
        r = ob_bus_make_topics(p->bus, KAFKA_STEP_MS, err);
    p->partitions = 0;
    p->wiped = false;
    if (r == 0)
        r = read_ends(p, &shorter, err);
    if (r == 0)
        r = store_watermark(p->db, &p->round, &p->n, &topic_end, err);
    if (r == 0)
        r = tracer_begin(p->tracer, p->db, p->round, p->n, err);
    if (r < 0)
        return r;
    atomic_store(&p->published_round, p->round > 0 ? p->round - 1 : 0); /* perhaps a part of it */
    if (sum_of_ends(p) < topic_end)
        replay(p, "the topic is shorter than it was");
    p->epoch = epoch;
    return 0;
}

/* ---- Publishing ---- */

static bool poll_leading(publisher *p)
{
    (void)ob_bus_poll(p->bus, 20, 1000);
    return still_leading(p);
}

static int no_longer_leading(ob_error *err)
{
    return ob_fail(err, ECANCELED, "no longer leading");
}

/* Events on their way are limited, so the children of a large array go in portions. */
static int send_one(publisher *p, const char *key, ob_error *err)
{
    /* The partition comes from our own hash, so that a delivery shows it; a job's events stay on
     * one. */
    int32_t partition = ob_instance_partition(key, p->partitions);
    uintptr_t ref = p->event.len * REF_PARTITIONS + (uintptr_t)partition + 1;
    int r = -EAGAIN;
    while (r == -EAGAIN) { /* the producer's queue is full */
        r = ob_bus_send(p->bus, OB_POINT_SCHEDULER_EVENT, OB_TOPIC_JOB_STATE, partition, key,
                        strlen(key), p->event.at, p->event.len, (void *)ref, err);
        if (r == -EAGAIN && !poll_leading(p))
            return no_longer_leading(err);
    }
    if (r < 0)
        return r;
    p->in_flight++;
    p->in_flight_bytes += p->event.len;
    while (p->in_flight >= IN_FLIGHT_MAX || p->in_flight_bytes >= IN_FLIGHT_BYTES) {
        if (!poll_leading(p))
            return no_longer_leading(err);
    }
    return 0;
}

static int skip(publisher *p, const PGresult *events, int row, int32_t index)
{
    if (atomic_fetch_add(&p->skipped, 1) % SKIPPED_LOGGED == 0)
        ob_errlog("event.skipped", "{s:s, s:i, s:I, s:I}", "job", ob_col(events, row, EVENT_JOB_ID),
                  "index", (int)index, "bytes", (json_int_t)p->event.len, "skipped",
                  (json_int_t)atomic_load(&p->skipped));
    return 0;
}

/* An event that is too large even without its largest parts must not stop the others. */
static int send_event(publisher *p,
                      const PGresult *events,
                      int row,
                      event_job *job,
                      int32_t index,
                      const PGresult *attempts,
                      const PGresult *pods,
                      ob_error *err)
{
    bool lean = event_is_lean(job, index);
    ob_buf_clear(&p->event);
    event_render(&p->event, events, row, job, index, attempts, pods, lean);
    if (p->event.len > EVENT_MAX && !lean) {
        ob_buf_clear(&p->event);
        event_render(&p->event, events, row, job, index, attempts, pods, true);
    }
    int r = p->event.len > EVENT_MAX ? -EMSGSIZE : send_one(p, job->key, err);
    return r == -EMSGSIZE ? skip(p, events, row, index) : r;
}

static int send_row(publisher *p,
                    const PGresult *events,
                    int row,
                    const PGresult *attempts,
                    const PGresult *pods,
                    ob_error *err)
{
    event_job *job = event_jobs_find(&p->jobs, ob_col(events, row, EVENT_JOB_ID));
    if (!job)
        return 0; /* the job is gone (retention), and nobody asks for its events */
    int32_t lo = (int32_t)ob_col_int(events, row, EVENT_IDX_LO, -1);
    int32_t hi = (int32_t)ob_col_int(events, row, EVENT_IDX_HI, -1);
    for (int32_t index = lo; index <= hi; index++) {
        int r = send_event(p, events, row, job, index, attempts, pods, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The attempts of jobs whose events show more of them than their rows have. */
static int read_attempts(
    publisher *p, const PGresult *events, PGresult **ret, PGresult **ret_pods, ob_error *err)
{
    int rows = PQntuples(events);
    size_t n = 0;
    bool pods = false;
    ob_uuid *ids = ob_calloc((size_t)rows + 1, sizeof(*ids));
    int32_t *idxs = ob_calloc((size_t)rows + 1, sizeof(*idxs));
    for (int i = 0; i < rows; i++) {
        ob_uuid id;
        int32_t idx = (int32_t)ob_col_int(events, i, EVENT_IDX_LO, -1);
        const event_job *job = event_jobs_find(&p->jobs, ob_col(events, i, EVENT_JOB_ID));
        bool eks = job && job->is_eks;
        if ((!eks &&
             (ob_col_int(events, i, EVENT_ATTEMPT, 0) == 0 || event_has_attempts(events, i))) ||
            !ob_col_uuid(events, i, EVENT_JOB_ID, &id))
            continue;
        pods = pods || eks;
        bool twice = false;
        for (size_t k = 0; k < n && !twice; k++)
            twice = idxs[k] == idx && ob_uuid_cmp(&ids[k], &id) == 0;
        if (!twice) {
            ids[n] = id;
            idxs[n++] = idx;
        }
    }
    int r = n ? store_attempts(p->db, ids, idxs, n, ret, err) : 0;
    if (r == 0 && pods)
        r = store_pods(p->db, ids, idxs, n, ret_pods, err);
    free(ids);
    free(idxs);
    return r;
}

static int wait_for_acks(publisher *p, ob_error *err)
{
    while (p->in_flight > 0) {
        (void)ob_bus_poll(p->bus, 100, 1000);
        if (p->in_flight > 0 && !still_leading(p))
            return no_longer_leading(err);
    }
    return p->failed ? ob_fail_retry(err, EIO, "Kafka: %zu events were not delivered", p->failed)
                     : 0;
}

/* Publishes the next rows. Returns their number. */
static int publish_batch(publisher *p, ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *events = NULL;
    ob_cleanup(ob_pq_clearp) PGresult *attempts = NULL;
    ob_cleanup(ob_pq_clearp) PGresult *pods = NULL;
    int r = connect_now(p, err);
    if (r == 0)
        r = store_events(p->db, p->round, p->n, BATCH_ROWS, &events, err);
    int rows = r == 0 ? PQntuples(events) : 0;
    if (r == 0 && rows > 0)
        r = event_jobs_read(&p->jobs, p->db, events, err);
    if (r == 0 && rows > 0)
        r = read_attempts(p, events, &attempts, &pods, err);
    if (r < 0 || rows == 0)
        return r;

    p->failed = 0;
    for (int i = 0; i < rows && r == 0; i++)
        r = send_row(p, events, i, attempts, pods, err);
    event_jobs_shrink(&p->jobs);
    int acked = wait_for_acks(p, r < 0 ? NULL : err);
    if (r < 0 || acked < 0)
        return r < 0 ? r : acked;
    tracer_take(p->tracer, events);

    p->round = ob_col_int(events, rows - 1, EVENT_ROUND, 0);
    p->n = (int32_t)ob_col_int(events, rows - 1, EVENT_N, 0);
    /* After a full batch more of the same round may follow. */
    atomic_store(&p->published_round, rows == BATCH_ROWS ? p->round - 1 : p->round);
    r = store_move_watermark(p->db, p->epoch, p->round, p->n, sum_of_ends(p), err);
    if (r == 0)
        atomic_store(&p->moved_at_ms, ob_mono_ms());
    if (r == 0 && p->wiped)
        replay(p, "the topic was made anew");
    return r < 0 ? r : rows;
}

/* Waits for the messages of an earlier, abandoned batch: their late deliveries would look like
 * those of a topic that was made anew. Polls in any case: the producer may have failed. */
static int settle(publisher *p)
{
    bool stopping = false;
    (void)ob_bus_poll(p->bus, 0, 1000);
    while (p->in_flight > 0 && !stopping) {
        (void)ob_bus_poll(p->bus, 100, 1000);
        pthread_mutex_lock(&p->lock);
        stopping = p->stopping;
        pthread_mutex_unlock(&p->lock);
    }
    return stopping ? -ECANCELED : 0;
}

static int work(publisher *p, int64_t epoch, ob_error *err)
{
    bool shorter = false;
    int r = settle(p);
    if (r < 0)
        return r;
    bool begins = p->epoch != epoch;
    bool looks = begins || ob_mono_ms() - p->checked_at_ms >= LOOK_EVERY_MS;
    if (looks)
        event_jobs_done(&p->jobs); /* retention may have deleted some, with their attempts */
    if (looks)
        r = begins ? begin(p, epoch, err) : read_ends(p, &shorter, err);
    if (r == 0 && shorter)
        replay(p, "the topic is shorter than it was");
    p->busy = false;
    do {
        if (r >= 0)
            r = publish_batch(p, err);
        p->busy |= r >= MANY_ROWS;
    } while (r == BATCH_ROWS && still_leading(p));
    return r < 0 ? r : 0;
}

/* ---- The thread ---- */

/* Ends early if the publisher is to stop. */
static void pause_ms(publisher *p, int ms)
{
    int64_t until_ms = ob_mono_ms() + ms;
    pthread_mutex_lock(&p->lock);
    while (!p->stopping && ob_mono_ms() < until_ms)
        (void)ob_cond_wait_until(&p->changed, &p->lock, until_ms);
    pthread_mutex_unlock(&p->lock);
}

/* Waits until there may be rows, with the lock held. An event that comes after a while of silence
 * does not wait for others. */
static void wait_for_rows(publisher *p)
{
    int64_t since_ms = ob_mono_ms();
    (void)ob_cond_wait_until(&p->changed, &p->lock, since_ms + LOOK_EVERY_MS);
    if (ob_mono_ms() - since_ms >= GATHER_BUSY_MS)
        p->busy = false;
}

static void *publisher_run(void *arg)
{
    publisher *p = arg;
    bool complained = false;
    pthread_mutex_lock(&p->lock);
    while (!p->stopping) {
        if (p->wanted_epoch == 0 || (!p->kicked && p->wanted_epoch == p->epoch))
            wait_for_rows(p);
        int64_t epoch = p->wanted_epoch;
        p->kicked = false;
        if (epoch == 0) {
            p->epoch = 0;
            continue;
        }
        pthread_mutex_unlock(&p->lock);
        ob_error err = { 0 };
        pause_ms(p, p->busy ? GATHER_BUSY_MS : GATHER_MS);
        int r = work(p, epoch, &err);
        p->failing = r < 0;
        if (r >= 0)
            atomic_store(&p->moved_at_ms, ob_mono_ms());
        if (r < 0 && r != -ECANCELED) {
            if (!complained)
                ob_warn("publisher.failed", "{s:s}", "error", err.text);
            p->checked_at_ms = 0; /* is the topic still the same? */
            pause_ms(p, PAUSE_MS);
        }
        complained = r < 0;
        pthread_mutex_lock(&p->lock);
        p->kicked |= r < 0;
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

int publisher_new(const scheduler_config *config, publisher **ret, ob_error *err)
{
    publisher *p = ob_calloc(1, sizeof(*p));
    p->pg = ob_strdup(config->pg);
    const ob_bus_config bus = { .client_id = "openbatch-scheduler-publisher",
                                .writes_alone = true,
                                .on_delivery = on_delivery,
                                .arg = p };
    int r = ob_bus_open(&config->common, &bus, &p->bus, err);
    if (r < 0)
        goto undo;
    /* The variables are not ours: a shell may have them for other programs. */
    ob_error untraced = { 0 };
    if (tracer_new(config, &p->tracer, &untraced) < 0)
        ob_warn("traces.disabled", "{s:s}", "error", untraced.text);
    pthread_mutex_init(&p->lock, NULL);
    ob_cond_init(&p->changed);
    r = pthread_create(&p->thread, NULL, publisher_run, p);
    if (r != 0) {
        r = ob_fail(err, r, "publisher thread: %s", strerror(r));
        goto undo;
    }
    *ret = p;
    return 0;
undo:
    ob_bus_free(p->bus);
    free(p->pg);
    free(p);
    return r;
}

void publisher_free(publisher *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    tracer_free(p->tracer);
    ob_bus_free(p->bus);
    ob_db_free(p->db);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    event_jobs_done(&p->jobs);
    ob_buf_done(&p->event);
    free(p->pg);
    free(p);
}

void publisher_lead(publisher *p, int64_t epoch)
{
    pthread_mutex_lock(&p->lock);
    p->wanted_epoch = epoch;
    atomic_store(&p->moved_at_ms, ob_mono_ms());
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

void publisher_kick(publisher *p)
{
    pthread_mutex_lock(&p->lock);
    p->kicked = true;
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

uint64_t publisher_count(publisher *p)
{
    return atomic_load(&p->count);
}

int64_t publisher_round(publisher *p)
{
    return atomic_load(&p->published_round);
}

uint64_t publisher_skipped(publisher *p)
{
    return atomic_load(&p->skipped);
}

int64_t publisher_stuck_ms(publisher *p)
{
    pthread_mutex_lock(&p->lock);
    bool leads = p->wanted_epoch != 0;
    pthread_mutex_unlock(&p->lock);
    return leads ? ob_mono_ms() - atomic_load(&p->moved_at_ms) : 0;
}
