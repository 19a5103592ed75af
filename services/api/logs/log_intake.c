/* Owns the intake of batch.logs: chunks of container output become rows of log_event, in order,
 * without loss or duplicate (see log_batch.c).
 *
 * Invariants: offsets of the topic are committed after the rows, and never past a chunk that waits
 * for a gap to close, so a restart reads it again; no chunk waits for ever, nor at the cost of
 * others (log_patience.c). A chunk is accepted from the instance that has or had its run, under
 * that instance's key; where its lines go follows from the run (log_runs.c). All others are
 * dropped. A turn takes what arrived during the last one, up to TURN_BYTES. Thread: its own, with
 * its own connection and bus (logs.c). */
#include "log_intake.h"

#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "log_batch.h"
#include "log_patience.h"
#include "log_runs.h"
#include "log_senders.h"
#include "log_store.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/service.h"
#include "ob/text.h"
#include "ob/topics.h"
#include "request/api_metrics.h"

#define POLL_MS 200
#define POLL_STEP 20
#define TURN_BYTES (8u << 20)
#define SAY_MS 1000

struct log_intake {
    log_intake_config config;
    bool subscribed;
    ob_bus *bus;
    ob_db *db;
    log_chunk *arrived; /* received in this turn, senders not checked yet */
    size_t arrived_bytes;
    log_chunk *pending; /* not yet in PostgreSQL; in order of arrival */
    bool uncommitted;   /* rows are stored whose topic offsets are not committed yet */
    log_patience *patience;
    log_senders *senders;
    log_runs *runs;
    size_t refused;         /* chunks since the last log line */
    uint64_t refused_total; /* for health */
    int64_t said_ms;
};

static void refuse(log_intake *in, size_t n, const char *instance, const char *why)
{
    in->refused += n;
    in->refused_total += n;
    ob_metric_add(&api_metrics[API_LOG_REFUSED], (int64_t)n);
    if (n > 0)
        ob_health_info("logChunksRefused", json_integer((json_int_t)in->refused_total));
    if (n == 0 || ob_mono_ms() - in->said_ms < SAY_MS)
        return;
    ob_warn("log.chunks_refused", "{s:o, s:s, s:I}", "instance",
            ob_json_text(ob_cut(instance, OB_INSTANCE_TEXT)), "reason", why, "count",
            (json_int_t)in->refused);
    in->said_ms = ob_mono_ms();
    in->refused = 0;
}

static void on_msg(const ob_bus_msg *msg, void *arg)
{
    log_intake *in = arg;
    json_t *parsed = NULL;
    const char *type;
    int64_t epoch;
    in->uncommitted = true;
    ob_error err = { 0 };
    int r = ob_seal_parse(in->config.seal, msg, &parsed, &type, &epoch, &err);
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

/* Drops chunks from wrong senders. */
static int check_senders(log_intake *in, ob_error *err)
{
    log_chunk *c, *next;
    int r = log_senders_check(in->senders, in->db, in->arrived, err);
    if (r < 0)
        return r;
    DL_FOREACH_SAFE(in->arrived, c, next)
    {
        if (c->genuine)
            continue;
        refuse(in, 1, ob_json_str(c->msg, "instance", ""), "no instance has that key");
        DL_DELETE(in->arrived, c);
        log_chunk_free(c);
    }
    return 0;
}

/* Finds the runs of the chunks; NULL stays with chunks without a run. */
static int find_runs(log_intake *in, ob_error *err)
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
static int check_arrived(log_intake *in, ob_error *err)
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

static int open_db(log_intake *in, ob_error *err)
{
    return ob_db_keep(&in->db, in->config.pg, "openbatch-api logs", ob_db_by_keys, log_intake_stmts,
                      err);
}

/* Waits for something to arrive, then takes everything that is available. */
static void take_arrivals(log_intake *in)
{
    if (in->arrived_bytes == 0)
        (void)ob_bus_poll(in->bus, POLL_MS, POLL_STEP);
    for (size_t before = 0; in->arrived_bytes != before && in->arrived_bytes < TURN_BYTES;) {
        before = in->arrived_bytes;
        (void)ob_bus_poll(in->bus, 0, POLL_STEP);
    }
}

static int subscribe(log_intake *in, ob_error *err)
{
    static const char *const topics[] = { OB_TOPIC_LOGS, NULL };
    int r = ob_bus_make_topics(in->bus, 5000, err);
    if (r == 0)
        r = ob_bus_subscribe(in->bus, topics, err);
    in->subscribed = r == 0;
    return r;
}

int log_intake_turn(log_intake *in, ob_error *err)
{
    int r = in->subscribed ? 0 : subscribe(in, err);
    if (r == 0)
        r = open_db(in, err);
    if (r < 0)
        return r;
    take_arrivals(in);
    r = check_arrived(in, err);
    if (r < 0)
        return r;
    in->arrived_bytes = 0;
    log_refused refused = { 0 };
    log_patience_before(in->patience, in->pending, ob_mono_ms());
    if (in->pending != NULL) {
        int64_t began_us = ob_mono_us();
        r = log_batch_store(in->db, in->config.limit, &in->pending, &refused, err);
        ob_metric_observe(&api_metrics[API_LOG_TURN], ob_mono_us() - began_us);
    }
    refuse(in, refused.far, "", "too much is missing before it");
    refuse(in, refused.past, "", "it is past the limit of output");
    if (r < 0)
        return r;
    log_patience_after(in->patience, in->pending, ob_mono_ms());
    if (in->pending != NULL)
        return 0;
    r = in->uncommitted ? ob_bus_commit(in->bus, OB_POINT_API_LOG_OFFSETS, err) : 0;
    if (r == 0) {
        in->uncommitted = false;
        log_patience_committed(in->patience, ob_mono_ms());
    }
    return r;
}

int log_intake_new(const log_intake_config *config, log_intake **ret, ob_error *err)
{
    log_intake *in = ob_calloc(1, sizeof(*in));
    in->config = *config;
    in->runs = log_runs_new();
    in->senders = log_senders_new();
    in->patience = log_patience_new(ob_mono_ms());
    const ob_bus_config bus = {
        .client_id = "openbatch-api-logs", .group = "openbatch-api", .on_msg = on_msg, .arg = in
    };
    int r = ob_bus_open(config->common, &bus, &in->bus, err);
    if (r == 0)
        *ret = in;
    else
        log_intake_free(in);
    return r;
}

void log_intake_free(log_intake *in)
{
    if (!in)
        return;
    log_chunks_free(&in->arrived);
    log_chunks_free(&in->pending);
    log_senders_free(in->senders);
    log_patience_free(in->patience);
    log_runs_free(in->runs);
    ob_bus_free(in->bus);
    ob_db_free(in->db);
    free(in);
}
