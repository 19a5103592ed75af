/* Owns the intake of batch.logs: chunks of container output become rows of log_event, in order,
 * without loss or duplicate (see log_batch.c).
 *
 * Invariants: offsets of the topic are committed after the rows, and never past a chunk that waits
 * for a gap to close, so a restart reads it again; no chunk waits so long that offsets are not
 * committed for COMMIT_MS. A chunk is accepted from the instance that has or had its run, under
 * that instance's key; where its lines go follows from the run (log_runs.c). All others are
 * dropped. A turn takes what arrived during the last one, up to TURN_BYTES. Thread: its own, with
 * its own connection and bus. */
#include "logs.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "log_batch.h"
#include "log_runs.h"
#include "log_store.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/service.h"
#include "ob/topics.h"

#define POLL_MS 200
#define POLL_STEP 20
#define TURN_BYTES (8u << 20)
#define RETRY_MS 500
#define SENDERS_MAX 10000
#define COMMIT_MS (60 * 1000)
#define SAY_MS 1000

typedef struct sender {
    char instance[OB_INSTANCE_TEXT];
    ob_seal_trust trust;
    UT_hash_handle hh;
} sender;

typedef struct intake {
    pthread_t thread;
    atomic_bool stopping;
    api_ctx *ctx;
    ob_bus *bus;
    ob_db *db;
    log_chunk *arrived; /* received in this turn, senders not checked yet */
    size_t arrived_bytes;
    log_chunk *pending; /* not yet in PostgreSQL; in order of arrival */
    bool uncommitted;   /* rows are stored whose topic offsets are not committed yet */
    int64_t committed_ms;
    sender *senders;
    log_runs *runs;
    size_t refused;         /* chunks since the last log line */
    uint64_t refused_total; /* for health */
    int64_t said_ms;
} intake;

static intake *the_intake;

static void refuse(intake *in, size_t n, const char *instance, const char *why)
{
    in->refused += n;
    in->refused_total += n;
    if (n > 0)
        ob_health_info("logChunksRefused", json_integer((json_int_t)in->refused_total));
    if (n == 0 || ob_mono_ms() - in->said_ms < SAY_MS)
        return;
    ob_warn("log.chunks_refused", "{s:o, s:s, s:I}", "instance", ob_json_text(instance), "reason",
            why, "count", (json_int_t)in->refused);
    in->said_ms = ob_mono_ms();
    in->refused = 0;
}

static void on_msg(const ob_bus_msg *msg, void *arg)
{
    intake *in = arg;
    json_t *parsed = NULL;
    const char *type;
    int64_t epoch;
    in->uncommitted = true;
    ob_error err = { 0 };
    int r = ob_seal_parse(&in->ctx->seal, msg, &parsed, &type, &epoch, &err);
    if (r < 0) {
        if (r == -EBADMSG)
            refuse(in, 1, "", err.text);
        return;
    }
    if (strcmp(type, "log") != 0) {
        json_decref(parsed);
        return;
    }
    log_chunk *c = log_chunk_new(parsed, msg->len);
    DL_APPEND(in->arrived, c);
    in->arrived_bytes += msg->len;
}

static void forget_senders(intake *in)
{
    sender *one, *next;
    HASH_ITER(hh, in->senders, one, next)
    {
        HASH_DEL(in->senders, one);
        free(one);
    }
}

static sender *add_sender(intake *in, const char *instance)
{
    if (HASH_COUNT(in->senders) >= SENDERS_MAX)
        forget_senders(in);
    sender *one = ob_calloc(1, sizeof(*one));
    snprintf(one->instance, sizeof(one->instance), "%s", instance);
    HASH_ADD_STR(in->senders, instance, one);
    return one;
}

/* Does the chunk come from the instance that it names? If not, or if its row had no key yet, the
 * row is read again: an instance that is launched again gets a new key. */
static int check_sender(intake *in, const json_t *msg, bool *ret_ok, ob_error *err)
{
    const char *instance = ob_json_str(msg, "instance", "");
    sender *one;
    *ret_ok = false;
    if (strlen(instance) >= OB_INSTANCE_TEXT)
        return 0;
    HASH_FIND_STR(in->senders, instance, one);
    *ret_ok = one && *one->trust.salt && ob_seal_accepts(&one->trust, msg);
    if (*ret_ok)
        return 0;
    ob_seal_trust trust = { 0 };
    bool known = false;
    int r = log_store_key(in->db, instance, &trust, &known, err);
    if (r < 0 || !known)
        return r;
    if (!one)
        one = add_sender(in, instance);
    one->trust = trust;
    *ret_ok = ob_seal_accepts(&one->trust, msg);
    return 0;
}
/* Drops chunks from wrong senders. */
static int check_senders(intake *in, ob_error *err)
{
    log_chunk *c, *next;
    DL_FOREACH_SAFE(in->arrived, c, next)
    {
        bool ok;
        int r = check_sender(in, c->msg, &ok, err);
        if (r < 0)
            return r;
        if (ok)
            continue;
        refuse(in, 1, ob_json_str(c->msg, "instance", ""), "no instance has that key");
        DL_DELETE(in->arrived, c);
        log_chunk_free(c);
    }
    return 0;
}

/* Finds the runs of the chunks; NULL stays with chunks without a run. */
static int find_runs(intake *in, ob_error *err)
{
    log_chunk *c;
    size_t n = 0, max, i = 0;
    DL_COUNT(in->arrived, c, max);
    ob_cleanup(ob_freep) ob_run_ref *refs = ob_calloc(max + 1, sizeof(*refs));
    ob_cleanup(ob_freep) const char **instances = ob_calloc(max + 1, sizeof(*instances));
    ob_cleanup(ob_freep) log_run **found = ob_calloc(max + 1, sizeof(log_run *));
    DL_FOREACH(in->arrived, c)
    {
        const char *instance = ob_json_str(c->msg, "instance", "");
        const char *run = ob_json_str(c->msg, "run", "");
        if (!c->run)
            c->run = log_runs_get(in->runs, run, instance);
        c->asked = !c->run && ob_run_ref_parse(run, &refs[n]);
        if (c->asked)
            instances[n++] = instance;
    }
    int r = log_runs_find(in->runs, in->db, refs, instances, n, found, err);
    DL_FOREACH(in->arrived, c)
    if (c->asked)
        c->run = found[i++];
    return r;
}

/* Moves received chunks to those that will be stored. */
static int check_arrived(intake *in, ob_error *err)
{
    log_chunk *c, *next;
    int r = check_senders(in, err);
    if (r == 0)
        r = find_runs(in, err);
    if (r < 0)
        return r;
    DL_FOREACH_SAFE(in->arrived, c, next)
    {
        DL_DELETE(in->arrived, c);
        if (c->run && log_chunk_is_usable(c)) {
            DL_APPEND(in->pending, c);
            continue;
        }
        /* A run that never started, and so was never recorded there, reports its end too. */
        if (json_array_size(json_object_get(c->msg, "lines")) > 0)
            refuse(in, 1, ob_json_str(c->msg, "instance", ""), "the instance never had that run");
        log_chunk_free(c);
    }
    return 0;
}

static int open_db(intake *in, ob_error *err)
{
    if (in->db != NULL && ob_db_ok(in->db))
        return 0;
    ob_db_free(in->db);
    in->db = NULL;
    ob_cleanup(ob_db_freep) ob_db *db = NULL;
    int r = ob_db_connect(in->ctx->config->pg, "openbatch-api logs", &db, err);
    if (r == 0)
        r = ob_db_by_keys(db, err);
    if (r == 0)
        r = ob_db_prepare(db, log_intake_stmts, err);
    if (r == 0)
        in->db = ob_take(db);
    return r;
}

/* Waits for something to arrive, then takes everything that is available. */
static void take_arrivals(intake *in)
{
    if (in->arrived_bytes == 0)
        (void)ob_bus_poll(in->bus, POLL_MS, POLL_STEP);
    for (size_t before = 0; in->arrived_bytes != before && in->arrived_bytes < TURN_BYTES;) {
        before = in->arrived_bytes;
        (void)ob_bus_poll(in->bus, 0, POLL_STEP);
    }
}

static int intake_turn(intake *in, ob_error *err)
{
    int r = open_db(in, err);
    if (r < 0)
        return r;
    take_arrivals(in);
    r = check_arrived(in, err);
    if (r < 0)
        return r;
    in->arrived_bytes = 0;
    size_t far = 0;
    if (in->pending != NULL)
        r = log_batch_store(in->db, &in->pending, &far, err);
    refuse(in, far, "", "too much is missing before it");
    if (in->pending == NULL && !in->uncommitted)
        in->committed_ms = ob_mono_ms();
    log_batch_hurry(in->pending, ob_mono_ms() - in->committed_ms > COMMIT_MS);
    if (r == 0 && in->uncommitted && in->pending == NULL) {
        r = ob_bus_commit(in->bus, OB_POINT_API_LOG_OFFSETS, err);
        if (r == 0) {
            in->uncommitted = false;
            in->committed_ms = ob_mono_ms();
        }
    }
    return r;
}

static int subscribe(intake *in, ob_error *err)
{
    static const char *const topics[] = { OB_TOPIC_LOGS, NULL };
    int r = ob_bus_make_topics(in->bus, 5000, err);
    return r < 0 ? r : ob_bus_subscribe(in->bus, topics, err);
}

static void pause_ms(int ms)
{
    struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L };
    nanosleep(&t, NULL);
}

static void *intake_run(void *arg)
{
    intake *in = arg;
    bool subscribed = false;
    bool said = false;
    while (!atomic_load(&in->stopping)) {
        ob_error err = { 0 };
        int r = 0;
        if (!atomic_load(&in->ctx->ready)) {
            pause_ms(RETRY_MS / 5);
            continue;
        }
        if (!subscribed) {
            r = subscribe(in, &err);
            subscribed = r == 0;
        }
        if (r == 0)
            r = intake_turn(in, &err);
        if (r < 0) {
            if (!said)
                ob_warn("log.intake_failed", "{s:s}", "error", err.text);
            said = true;
            pause_ms(RETRY_MS);
        } else {
            said = false;
        }
    }
    return NULL;
}

int logs_start(api_ctx *ctx, ob_error *err)
{
    intake *in = ob_calloc(1, sizeof(*in));
    in->ctx = ctx;
    in->runs = log_runs_new();
    in->committed_ms = ob_mono_ms();
    const ob_bus_config bus = {
        .client_id = "openbatch-api-logs", .group = "openbatch-api", .on_msg = on_msg, .arg = in
    };
    int r = ob_bus_open(&ctx->config->common, &bus, &in->bus, err);
    if (r == 0) {
        r = pthread_create(&in->thread, NULL, intake_run, in);
        if (r != 0)
            r = ob_fail(err, r, "cannot start the log thread: %s", strerror(r));
    }
    if (r < 0) {
        ob_bus_free(in->bus);
        log_runs_free(in->runs);
        free(in);
        return r;
    }
    the_intake = in;
    return 0;
}

void logs_stop(api_ctx *ctx)
{
    (void)ctx;
    intake *in = the_intake;
    if (in == NULL)
        return;
    the_intake = NULL;
    atomic_store(&in->stopping, true);
    pthread_join(in->thread, NULL);
    log_chunks_free(&in->arrived);
    log_chunks_free(&in->pending);
    forget_senders(in);
    log_runs_free(in->runs);
    ob_bus_free(in->bus);
    ob_db_free(in->db);
    free(in);
}
