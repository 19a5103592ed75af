/* A round's transaction: turns the engine's effects into arrays and sends them as one pipeline.
 * Owns only its scratch memory; decides nothing. Invariant: a statement that finds fewer rows than
 * it must raises an error, so the COMMIT after it commits nothing. Thread: the loop's. */
#include "commit.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "answers.h"
#include "inbox_sql.h"
#include "ob/clock.h"
#include "ob/text.h"
#include "round_sql.h"
#include "snapshot.h"

#define COMMIT_TIMEOUT_MS 30000
#define STATEMENTS_MAX 32
#define ANSWERS_KEPT_MS 60000

/* One column of 'rows'; the expression refers to the row as 'row'. */
#define UUIDS(p, name, rows, n, expr) OB_PARAM_COLUMN(p, name, uuid, ob_uuid, rows, n, expr)
#define INTS(p, name, rows, n, expr) OB_PARAM_COLUMN(p, name, int32, int32_t, rows, n, expr)
#define LONGS(p, name, rows, n, expr) OB_PARAM_COLUMN(p, name, int64, int64_t, rows, n, expr)
#define TEXTS(p, name, rows, n, expr) OB_PARAM_COLUMN(p, name, text, const char *, rows, n, expr)

#define NO_INT INT32_MIN
#define NO_LONG INT64_MIN
#define OR_NULL(value) ((value) ? (value) : NO_LONG)

/* The statements of a round. All parameters are made before the first is sent, because a backend
 * that waits more than a second for the rest of its pipeline looks frozen to a standby. */
typedef struct batch {
    ob_leader *leader;
    ob_error *err;
    int error; /* the first one */
    struct {
        const char *stmt;
        ob_params params;
    } at[STATEMENTS_MAX];
    size_t n;
} batch;

/* Takes the parameters. Returns the index of the statement's result. */
static size_t add(batch *b, const char *stmt, ob_params *p)
{
    assert(b->n < STATEMENTS_MAX);
    b->at[b->n].stmt = stmt;
    b->at[b->n].params = *p;
    *p = (ob_params){ 0 };
    /* The arrays of a large round take their time. */
    if (b->error == 0)
        b->error = ob_leader_keep(b->leader, b->err);
    return b->n++;
}

static int send_batch(const batch *b, ob_error *err)
{
    int r = ob_leader_begin(b->leader, err);
    for (size_t i = 0; i < b->n && r == 0; i++)
        r = ob_db_pipe_add(ob_leader_db(b->leader), b->at[i].stmt, &b->at[i].params, err);
    return r;
}

static void batch_done(batch *b)
{
    for (size_t i = 0; i < b->n; i++)
        ob_params_done(&b->at[i].params);
}

/* Array literals of an array parent's counts; NULL for others. */
#define COUNTS_TEXT 96
typedef struct counts_column {
    char (*texts)[COUNTS_TEXT];
    const char **at;
} counts_column;

static const char *counts_format(char out[COUNTS_TEXT], const int32_t counts[OB_JOB_STATE_COUNT])
{
    char *at = out;
    for (int i = 0; i < OB_JOB_STATE_COUNT; i++) {
        *at++ = i ? ',' : '{';
        at = ob_text_number(at, counts[i]);
    }
    *at++ = '}';
    *at = '\0';
    return out;
}

#define COUNTS(p, name, rows, n)                                                                   \
    do {                                                                                           \
        ob_param_next((p), (name));                                                                \
        char(*texts_)[COUNTS_TEXT] = ob_calloc((n) + 1, COUNTS_TEXT);                              \
        const char **at_ = ob_calloc((n) + 1, sizeof(*at_));                                       \
        for (size_t i_ = 0; i_ < (n); i_++) {                                                      \
            if ((rows)[i_].is_parent)                                                              \
                at_[i_] = counts_format(texts_[i_], (rows)[i_].counts);                            \
        }                                                                                          \
        ob_param_text_array((p), at_, (n));                                                        \
        free(at_);                                                                                 \
        free(texts_);                                                                              \
    } while (0)

static int cmp_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Locks the instances that get a run in this round: ob_lock_instances raises unless all are ACTIVE.
 */
static void add_instances(batch *b, const engine_effects *effects)
{
    size_t n = 0;
    const char **ids = ob_calloc(effects->n_placement_insert, sizeof(*ids));
    for (size_t i = 0; i < effects->n_placement_insert; i++)
        ids[i] = effects->placement_insert[i].instance_id;
    qsort(ids, effects->n_placement_insert, sizeof(*ids), cmp_text);
    for (size_t i = 0; i < effects->n_placement_insert; i++) {
        if (n == 0 || strcmp(ids[n - 1], ids[i]) != 0)
            ids[n++] = ids[i];
    }
    ob_params p = { 0 };
    ob_param_text_array(&p, ids, n);
    add(b, STMT_LOCK_INSTANCES, &p);
    free(ids);
}

static void add_live(batch *b, const char *stmt, int64_t round, const effect_live *rows, size_t n)
{
    if (n == 0)
        return;
    ob_params p = { 0 };
    ob_param_next(&p, LIVE_ROW_ROUND);
    ob_param_int(&p, round);
    UUIDS(&p, LIVE_ROW_JOB_ID, rows, n, row->id);
    INTS(&p, LIVE_ROW_IDX, rows, n, row->index);
    INTS(&p, LIVE_ROW_STATE, rows, n, (int32_t)row->state);
    INTS(&p, LIVE_ROW_RUN, rows, n, row->run);
    INTS(&p, LIVE_ROW_ATTEMPT, rows, n, row->attempt);
    TEXTS(&p, LIVE_ROW_INSTANCE_ID, rows, n, row->instance_id);
    LONGS(&p, LIVE_ROW_CE_ID, rows, n, OR_NULL(row->ce_id));
    LONGS(&p, LIVE_ROW_STARTED_AT_MS, rows, n, OR_NULL(row->started_at_ms));
    LONGS(&p, LIVE_ROW_RUNNABLE_AT_MS, rows, n, OR_NULL(row->runnable_at_ms));
    TEXTS(&p, LIVE_ROW_REASON, rows, n, row->reason);
    INTS(&p, LIVE_ROW_FLAGS, rows, n, row->flags);
    TEXTS(&p, LIVE_ROW_STOP_REASON, rows, n, row->stop_reason);
    INTS(&p, LIVE_ROW_BULK_STATE, rows, n, row->is_parent ? (int32_t)row->bulk_state : NO_INT);
    TEXTS(&p, LIVE_ROW_BULK_REASON, rows, n, row->bulk_reason);
    COUNTS(&p, LIVE_ROW_COUNTS, rows, n);
    LONGS(&p, LIVE_ROW_ORD, rows, n, row->order);
    INTS(&p, LIVE_ROW_WAITS, rows, n, row->waits ? row->waits : NO_INT);
    LONGS(&p, LIVE_ROW_TOLD_AT_MS, rows, n, OR_NULL(row->published_at_ms));
    add(b, stmt, &p);
}

static void add_live_delete(batch *b, const effect_key *rows, size_t n)
{
    if (n == 0)
        return;
    ob_params p = { 0 };
    UUIDS(&p, LIVE_KEY_JOB_ID, rows, n, row->id);
    INTS(&p, LIVE_KEY_IDX, rows, n, row->index);
    add(b, STMT_LIVE_DELETE, &p);
}

/* inserts: else they are deleted. */
static void add_placements(batch *b, bool inserts, const effect_placement *rows, size_t n)
{
    if (n == 0)
        return;
    ob_params p = { 0 };
    TEXTS(&p, PLACEMENT_ROW_INSTANCE_ID, rows, n, row->instance_id);
    UUIDS(&p, PLACEMENT_ROW_JOB_ID, rows, n, row->run.id);
    INTS(&p, PLACEMENT_ROW_IDX, rows, n, row->run.index);
    INTS(&p, PLACEMENT_ROW_RUN, rows, n, row->run.run);
    if (inserts)
        LONGS(&p, PLACEMENT_ROW_PLACED_AT_MS, rows, n, row->placed_at_ms);
    add(b, inserts ? STMT_PLACEMENT_INSERT : STMT_PLACEMENT_DELETE, &p);
}

static void add_done(batch *b, const effect_done *rows, size_t n)
{
    if (n == 0)
        return;
    ob_params p = { 0 };
    UUIDS(&p, DONE_ROW_JOB_ID, rows, n, row->id);
    INTS(&p, DONE_ROW_IDX, rows, n, row->index);
    LONGS(&p, DONE_ROW_QUEUE_ID, rows, n, row->queue_id);
    INTS(&p, DONE_ROW_STATE, rows, n, (int32_t)row->state);
    TEXTS(&p, DONE_ROW_REASON, rows, n, row->reason);
    LONGS(&p, DONE_ROW_STARTED_AT_MS, rows, n, OR_NULL(row->started_at_ms));
    LONGS(&p, DONE_ROW_STOPPED_AT_MS, rows, n, row->stopped_at_ms);
    INTS(&p, DONE_ROW_FLAGS, rows, n, row->flags);
    INTS(&p, DONE_ROW_BULK_STATE, rows, n, row->is_parent ? (int32_t)row->bulk_state : NO_INT);
    TEXTS(&p, DONE_ROW_BULK_REASON, rows, n, row->bulk_reason);
    COUNTS(&p, DONE_ROW_COUNTS, rows, n);
    add(b, STMT_DONE_INSERT, &p);
}

/* Milliseconds from one time to another; NO_INT: one of them is not known, or it is a month. */
static int32_t after(int64_t from_ms, int64_t at_ms)
{
    int64_t ms = at_ms - from_ms;
    return from_ms == 0 || at_ms == 0 || ms < 0 || ms > INT32_MAX ? NO_INT : (int32_t)ms;
}

static void add_attempts(batch *b, const effect_attempt *rows, size_t n)
{
    if (n == 0)
        return;
    ob_params p = { 0 };
    UUIDS(&p, ATTEMPT_ROW_JOB_ID, rows, n, row->id);
    INTS(&p, ATTEMPT_ROW_IDX, rows, n, row->index);
    INTS(&p, ATTEMPT_ROW_ATTEMPT, rows, n, row->attempt);
    INTS(&p, ATTEMPT_ROW_RUN, rows, n, row->run);
    TEXTS(&p, ATTEMPT_ROW_INSTANCE_ID, rows, n, row->instance_id);
    TEXTS(&p, ATTEMPT_ROW_CLUSTER, rows, n, row->cluster ? row->cluster : "");
    INTS(&p, ATTEMPT_ROW_EXIT_CODE, rows, n, row->has_exit_code ? row->exit_code : NO_INT);
    TEXTS(&p, ATTEMPT_ROW_CONTAINER_REASON, rows, n, row->container_reason);
    TEXTS(&p, ATTEMPT_ROW_REASON, rows, n, row->reason ? row->reason : "");
    LONGS(&p, ATTEMPT_ROW_STARTED_AT_MS, rows, n, OR_NULL(row->started_at_ms));
    LONGS(&p, ATTEMPT_ROW_STOPPED_AT_MS, rows, n, row->stopped_at_ms);
    LONGS(&p, ATTEMPT_ROW_RUNNABLE_AT_MS, rows, n, OR_NULL(row->runnable_at_ms));
    LONGS(&p, ATTEMPT_ROW_PLACED_AT_MS, rows, n, OR_NULL(row->placed_at_ms));
    INTS(&p, ATTEMPT_ROW_PULLED_MS, rows, n, after(row->placed_at_ms, row->pulled_at_ms));
    INTS(&p, ATTEMPT_ROW_CREATED_MS, rows, n, after(row->placed_at_ms, row->created_at_ms));
    LONGS(&p, ATTEMPT_ROW_CPU_MS, rows, n, OR_NULL(row->cpu_ms));
    LONGS(&p, ATTEMPT_ROW_PEAK_BYTES, rows, n, OR_NULL(row->peak_bytes));
    add(b, STMT_ATTEMPT_INSERT, &p);
}

static void add_pods(batch *b, const effect_pod *rows, size_t n)
{
    if (n == 0)
        return;
    ob_params p = { 0 };
    UUIDS(&p, POD_ROW_JOB_ID, rows, n, row->run.id);
    INTS(&p, POD_ROW_IDX, rows, n, row->run.index);
    INTS(&p, POD_ROW_ATTEMPT, rows, n, row->attempt);
    INTS(&p, POD_ROW_RUN, rows, n, row->run.run);
    TEXTS(&p, POD_ROW_BODY, rows, n, row->body);
    add(b, STMT_POD_PUT, &p);
}

static void add_events(batch *b, int64_t round, const effect_event *rows, size_t n)
{
    if (n == 0)
        return;
    ob_params p = { 0 };
    ob_param_next(&p, EVENT_ROW_ROUND);
    ob_param_int(&p, round);
    LONGS(&p, EVENT_ROW_AT_MS, rows, n, row->at_ms);
    UUIDS(&p, EVENT_ROW_JOB_ID, rows, n, row->id);
    INTS(&p, EVENT_ROW_IDX_LO, rows, n, row->idx_lo);
    INTS(&p, EVENT_ROW_IDX_HI, rows, n, row->idx_hi);
    INTS(&p, EVENT_ROW_STATE, rows, n, (int32_t)row->state);
    INTS(&p, EVENT_ROW_ATTEMPT, rows, n, row->attempt);
    INTS(&p, EVENT_ROW_RUN, rows, n, row->run);
    TEXTS(&p, EVENT_ROW_INSTANCE_ID, rows, n, row->instance_id);
    TEXTS(&p, EVENT_ROW_CLUSTER, rows, n, row->cluster);
    LONGS(&p, EVENT_ROW_STARTED_AT_MS, rows, n, OR_NULL(row->started_at_ms));
    LONGS(&p, EVENT_ROW_STOPPED_AT_MS, rows, n, OR_NULL(row->stopped_at_ms));
    INTS(&p, EVENT_ROW_EXIT_CODE, rows, n, row->has_exit_code ? row->exit_code : NO_INT);
    TEXTS(&p, EVENT_ROW_CONTAINER_REASON, rows, n, row->container_reason);
    TEXTS(&p, EVENT_ROW_REASON, rows, n, row->reason);
    INTS(&p, EVENT_ROW_FLAGS, rows, n, row->flags);
    COUNTS(&p, EVENT_ROW_COUNTS, rows, n);
    INTS(&p, EVENT_ROW_BLOCKED, rows, n, row->blocked);
    add(b, STMT_EVENT_INSERT, &p);
}

static void add_reasons(batch *b, const engine_effects *effects)
{
    /* A class may appear only once in an upsert; the engine merges its changes. */
    effect_reason *put = ob_calloc(effects->n_reasons + 1, sizeof(*put));
    effect_reason *gone = ob_calloc(effects->n_reasons + 1, sizeof(*gone));
    size_t n_put = 0, n_gone = 0;
    for (size_t i = 0; i < effects->n_reasons; i++) {
        if (effects->reasons[i].reason)
            put[n_put++] = effects->reasons[i];
        else
            gone[n_gone++] = effects->reasons[i];
    }
    for (int deleting = 1; deleting >= 0; deleting--) {
        const effect_reason *rows = deleting ? gone : put;
        size_t n = deleting ? n_gone : n_put;
        if (n == 0)
            continue;
        ob_params p = { 0 };
        LONGS(&p, REASON_ROW_QUEUE_ID, rows, n, row->queue_id);
        INTS(&p, REASON_ROW_MCPU, rows, n, row->need.mcpu);
        INTS(&p, REASON_ROW_MEM_MIB, rows, n, row->need.mem_mib);
        INTS(&p, REASON_ROW_GPUS, rows, n, row->need.gpus);
        TEXTS(&p, REASON_ROW_SHARE, rows, n, row->share);
        INTS(&p, REASON_ROW_PRIORITY, rows, n, row->priority);
        if (!deleting) {
            TEXTS(&p, REASON_ROW_REASON, rows, n, row->reason);
            LONGS(&p, REASON_ROW_SINCE_MS, rows, n, row->since_ms);
        }
        add(b, deleting ? STMT_REASON_DELETE : STMT_REASON_PUT, &p);
    }
    free(put);
    free(gone);
}

static void add_shares(batch *b, const engine_effects *effects)
{
    effect_share *put = ob_calloc(effects->n_shares + 1, sizeof(*put));
    effect_share *gone = ob_calloc(effects->n_shares + 1, sizeof(*gone));
    size_t n_put = 0, n_gone = 0;
    for (size_t i = 0; i < effects->n_shares; i++) {
        if (effects->shares[i].gone)
            gone[n_gone++] = effects->shares[i];
        else
            put[n_put++] = effects->shares[i];
    }
    if (n_gone > 0) {
        ob_params p = { 0 };
        LONGS(&p, SHARE_ROW_QUEUE_ID, gone, n_gone, row->queue_id);
        TEXTS(&p, SHARE_ROW_SHARE, gone, n_gone, row->share);
        add(b, STMT_SHARE_DELETE, &p);
    }
    if (n_put > 0) {
        ob_params p = { 0 };
        LONGS(&p, SHARE_ROW_QUEUE_ID, put, n_put, row->queue_id);
        TEXTS(&p, SHARE_ROW_SHARE, put, n_put, row->share);
        LONGS(&p, SHARE_ROW_USAGE_MS, put, n_put, (int64_t)(row->usage * 1000));
        LONGS(&p, SHARE_ROW_AT_MS, put, n_put, row->at_ms);
        INTS(&p, SHARE_ROW_ACTIVE, put, n_put, row->active);
        add(b, STMT_SHARE_PUT, &p);
    }
    free(put);
    free(gone);
}

static void add_snapshots(batch *b, const engine_effects *effects)
{
    size_t n = effects->n_fronts;
    ob_buf *texts = ob_calloc(n + 1, sizeof(*texts));
    for (size_t i = 0; i < n; i++) {
        snapshot_render(&texts[i], &effects->fronts[i]);
    }
    ob_params p = { 0 };
    LONGS(&p, SNAPSHOT_ROW_QUEUE_ID, effects->fronts, n, row->queue_id);
    TEXTS(&p, SNAPSHOT_ROW_BODY, texts, n, row->at);
    LONGS(&p, SNAPSHOT_ROW_UPDATED_AT_MS, effects->fronts, n, row->at_ms);
    add(b, STMT_SNAPSHOT_PUT, &p);
    for (size_t i = 0; i < n; i++)
        ob_buf_done(&texts[i]);
    free(texts);
}

static void add_counts(batch *b, const effect_counts *rows, size_t n)
{
    if (n == 0)
        return;
    char(*jobs)[SNAPSHOT_COUNTS_TEXT] = ob_calloc(n, sizeof(*jobs));
    char(*children)[SNAPSHOT_COUNTS_TEXT] = ob_calloc(n, sizeof(*children));
    ob_params p = { 0 };
    LONGS(&p, COUNTS_ROW_QUEUE_ID, rows, n, row->queue_id);
    TEXTS(&p, COUNTS_ROW_JOBS, rows, n, snapshot_counts_render(jobs[row - rows], row->jobs));
    TEXTS(&p, COUNTS_ROW_CHILDREN, rows, n,
          snapshot_counts_render(children[row - rows], row->children));
    LONGS(&p, COUNTS_ROW_COUNTED_AT_MS, rows, n, row->at_ms);
    add(b, STMT_COUNTS_PUT, &p);
    free(jobs);
    free(children);
}

static void add_usages(batch *b, const effect_usage *rows, size_t n)
{
    if (n == 0)
        return;
    ob_params p = { 0 };
    LONGS(&p, USAGE_ROW_QUEUE_ID, rows, n, row->queue_id);
    LONGS(&p, USAGE_ROW_AT_MS, rows, n, row->at_ms);
    LONGS(&p, USAGE_ROW_MCPU, rows, n, row->mcpu);
    INTS(&p, USAGE_ROW_PLACED, rows, n, row->placed);
    INTS(&p, USAGE_ROW_WAITING, rows, n, row->waiting);
    INTS(&p, USAGE_ROW_SUCCEEDED, rows, n, row->succeeded);
    INTS(&p, USAGE_ROW_FAILED, rows, n, row->failed);
    add(b, STMT_USAGE_PUT, &p);
}

static void add_answers(batch *b, const effect_dependents *rows, size_t n)
{
    if (n == 0)
        return;
    ob_buf *texts = ob_calloc(n, sizeof(*texts));
    for (size_t i = 0; i < n; i++)
        answer_render(&texts[i], &rows[i]);
    ob_params p = { 0 };
    ob_param_next(&p, ANSWER_ROW_BEFORE_MS);
    ob_param_int(&p, rows[0].at_ms - ANSWERS_KEPT_MS);
    LONGS(&p, ANSWER_ROW_SEQ, rows, n, row->seq);
    LONGS(&p, ANSWER_ROW_AT_MS, rows, n, row->at_ms);
    TEXTS(&p, ANSWER_ROW_BODY, texts, n, row->at);
    add(b, STMT_ANSWER_PUT, &p);
    for (size_t i = 0; i < n; i++)
        ob_buf_done(&texts[i]);
    free(texts);
}

/* Returns the index of the statement's result, or SIZE_MAX if none was sent. */
static size_t add_specs(batch *b, const engine_effects *effects)
{
    size_t n = 0;
    ob_uuid *ids = ob_calloc(effects->n_orders + 1, sizeof(*ids));
    for (size_t i = 0; i < effects->n_orders; i++) {
        const effect_order *order = &effects->orders[i];
        /* Children of an array are mostly adjacent. */
        if (order->kind == ORDER_RUN && (n == 0 || ob_uuid_cmp(&ids[n - 1], &order->run.id) != 0))
            ids[n++] = order->run.id;
    }
    size_t index = SIZE_MAX;
    if (n > 0) {
        ob_params p = { 0 };
        ob_param_uuid_array(&p, ids, n);
        index = add(b, STMT_SPECS, &p);
    }
    free(ids);
    return index;
}

static size_t add_queues(batch *b, const commit_input *in)
{
    if (in->n_queues > 0) {
        ob_params p = { 0 };
        ob_param_int64_array(&p, in->queues, in->n_queues);
        ob_param_int64_array(&p, in->queue_versions, in->n_queues);
        add(b, STMT_QUEUE_STATUS_PUT, &p);
    }
    if (in->n_gone == 0)
        return SIZE_MAX;
    ob_params p = { 0 };
    ob_param_int64_array(&p, in->gone, in->n_gone);
    size_t index = add(b, STMT_QUEUE_STATUS_DELETE, &p);
    p = (ob_params){ 0 };
    ob_param_int64_array(&p, in->gone, in->n_gone);
    add(b, STMT_QUEUE_REST_DELETE, &p);
    return index;
}

static void add_stops(batch *b, const commit_input *in)
{
    const stop_step *step = in->stop_step;
    ob_params p = { 0 };
    if (in->n_stops > 0) {
        ob_param_int64_array(&p, in->stops, in->n_stops);
        ob_param_int(&p, ob_wall_ms());
        add(b, STMT_STOP_BEGIN, &p);
    }
    if (!step)
        return;
    p = (ob_params){ 0 };
    ob_param_int(&p, step->id);
    ob_param_uuid(&p, &step->after);
    ob_param_int(&p, step->looked);
    ob_param_int(&p, step->matched);
    if (step->finished_at_ms)
        ob_param_int(&p, step->finished_at_ms);
    else
        ob_param_text(&p, NULL);
    add(b, STMT_STOP_STEP, &p);
}

void commit_output_done(commit_output *out)
{
    PQclear(out->specs);
    PQclear(out->gone);
    *out = (commit_output){ 0 };
}

static void add_all(batch *b, const commit_input *in, size_t *ret_gone, size_t *ret_specs)
{
    const engine_effects *effects = in->effects;
    int64_t round = ob_leader_round(b->leader) + 1;
    if (effects->n_placement_insert > 0)
        add_instances(b, effects);
    if (in->n_inbox > 0) {
        ob_params p = { 0 };
        ob_param_int64_array(&p, in->inbox, in->n_inbox);
        add(b, STMT_INBOX_DELETE, &p);
    }
    add_live(b, STMT_LIVE_INSERT, round, effects->live_insert, effects->n_live_insert);
    add_live(b, STMT_LIVE_UPDATE, round, effects->live_update, effects->n_live_update);
    add_live_delete(b, effects->live_delete, effects->n_live_delete);
    add_placements(b, false, effects->placement_delete, effects->n_placement_delete);
    add_placements(b, true, effects->placement_insert, effects->n_placement_insert);
    add_done(b, effects->done, effects->n_done);
    add_attempts(b, effects->attempts, effects->n_attempts);
    add_pods(b, effects->pods, effects->n_pods);
    add_events(b, round, effects->events, effects->n_events);
    if (effects->n_reasons > 0)
        add_reasons(b, effects);
    if (effects->n_shares > 0)
        add_shares(b, effects);
    if (effects->n_fronts > 0)
        add_snapshots(b, effects);
    add_counts(b, effects->counts, effects->n_counts);
    add_stops(b, in);
    add_usages(b, effects->usages, effects->n_usages);
    add_answers(b, effects->dependents, effects->n_dependents);
    *ret_gone = add_queues(b, in);
    *ret_specs = add_specs(b, effects);
}

int commit_round(ob_leader *leader, const commit_input *in, commit_output *out, ob_error *err)
{
    batch b; /* only what is set is looked at: clearing it all costs more than many rounds */
    size_t gone, specs;
    b.leader = leader;
    b.err = err;
    b.error = 0;
    b.n = 0;
    add_all(&b, in, &gone, &specs);

    PGresult *results[STATEMENTS_MAX] = { 0 };
    int r = b.error;
    if (r == 0) {
        /* If a statement could not be queued, the commit fails too (ob_db_pipe_commit). */
        (void)send_batch(&b, err);
        r = ob_leader_commit(leader, OB_POINT_SCHEDULER_ROUND, COMMIT_TIMEOUT_MS, results, b.n,
                             err);
    }
    batch_done(&b);
    if (r < 0)
        return r;
    for (size_t i = 0; i < b.n; i++) {
        if (i == gone)
            out->gone = results[i];
        else if (i == specs)
            out->specs = results[i];
        else
            PQclear(results[i]);
    }
    return 0;
}
