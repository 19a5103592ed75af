/* Loading for a new leader, or after a failed round. Owns nothing. Never writes.
 *
 * Invariants: parents come before their children (index -1 sorts first); lost instances are put
 * last, so that their runs are there to be ended; each step is short, and the session is kept alive
 * in between. Thread: the loop's. */
#include "recover.h"

#include "job_row.h"
#include "mass_stops.h"
#include "ob/clock.h"
#include "ob/log.h"
#include "ob/service.h"
#include "report_messages.h"
#include "scheduler_store.h"
#include "snapshot.h"
#include "sweep.h"
#include "topology.h"

/* So few are read within a second also on a starved host: a standby ends a leader that stands still
 * for longer. */
#define PAGE_ROWS 1000
#define CHILDREN_A_STEP 20000
#define COUNTED_A_STEP 5000

typedef struct parents {
    ob_uuid *ids;
    int32_t *sizes;
    size_t n, cap;
} parents;

static void note_parent(parents *list, const ob_uuid *id, int32_t size)
{
    if (list->n == list->cap) {
        list->cap = list->cap ? list->cap * 2 : 64;
        list->ids = ob_realloc(list->ids, list->cap * sizeof(*list->ids));
        list->sizes = ob_realloc(list->sizes, list->cap * sizeof(*list->sizes));
    }
    list->ids[list->n] = *id;
    list->sizes[list->n++] = size;
}

static void load_row(scheduler *s, const PGresult *res, int i, int64_t order, parents *list)
{
    ob_uuid id = { 0 };
    (void)ob_col_uuid(res, i, LIVE_JOB_ID, &id);
    engine_job_row row = {
        .job = job_row_read(res, i, &id),
        .index = (int32_t)ob_col_int(res, i, LIVE_IDX, -1),
        .state = (ob_job_state)ob_col_int(res, i, LIVE_STATE, 0),
        .run = (int32_t)ob_col_int(res, i, LIVE_RUN, 0),
        .attempt = (int32_t)ob_col_int(res, i, LIVE_ATTEMPT, 0),
        .instance_id = ob_col(res, i, LIVE_INSTANCE_ID),
        .started_at_ms = ob_col_int(res, i, LIVE_STARTED_AT_MS, 0),
        .running_for_ms = ob_col_int(res, i, LIVE_RUNNING_FOR_MS, 0),
        .runnable_at_ms = ob_col_int(res, i, LIVE_RUNNABLE_AT_MS, 0),
        .placed_at_ms = ob_col_int(res, i, LIVE_PLACED_AT_MS, 0),
        .published_at_ms = ob_col_int(res, i, LIVE_TOLD_AT_MS, 0),
        .flags = (int)ob_col_int(res, i, LIVE_FLAGS, 0),
        .stop_reason = ob_col(res, i, LIVE_STOP_REASON),
        .bulk_state = (ob_job_state)ob_col_int(res, i, LIVE_BULK_STATE, 0),
        .bulk_reason = ob_col(res, i, LIVE_BULK_REASON),
        .order = ob_col_int(res, i, LIVE_ORD, order),
        .waits = (int32_t)ob_col_int(res, i, LIVE_WAITS, 0),
    };
    engine_dependency deps[ENGINE_MAX_DEPENDENCIES];
    row.job.deps = deps;
    row.job.n_deps = row.waits ? job_row_deps(res, i, deps) : 0;
    engine_load(s->engine, &row);
    if (row.job.array_size > 0 && row.index < 0)
        note_parent(list, &id, row.job.array_size);
}

static int load_jobs(scheduler *s, parents *list, size_t *ret_rows, ob_error *err)
{
    ob_uuid after = { 0 };
    int32_t after_idx = INT32_MIN;
    int64_t order = 0;
    for (;;) {
        ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
        int r = store_live_page(s->db, &after, after_idx, PAGE_ROWS, &res, err);
        if (r < 0)
            return r;
        int n = PQntuples(res);
        for (int i = 0; i < n; i++)
            load_row(s, res, i, ++order, list);
        *ret_rows += (size_t)n;
        if (n < PAGE_ROWS)
            return 0;
        (void)ob_col_uuid(res, n - 1, LIVE_JOB_ID, &after);
        after_idx = (int32_t)ob_col_int(res, n - 1, LIVE_IDX, -1);
        ob_health_beat();
        r = ob_leader_keep(s->leader, err);
        if (r < 0)
            return r;
    }
}

static int load_ended_children(scheduler *s, const parents *list, ob_error *err)
{
    for (size_t from = 0, to; from < list->n; from = to) {
        int64_t children = 0;
        for (to = from; to < list->n && (to == from || children < CHILDREN_A_STEP); to++)
            children += list->sizes[to];
        ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
        int r = store_done_children(s->db, list->ids + from, to - from, &res, err);
        for (int i = 0; r == 0 && i < PQntuples(res); i++) {
            ob_uuid id;
            if (ob_col_uuid(res, i, CHILD_JOB_ID, &id))
                engine_load_done_child(s->engine, &id, (int32_t)ob_col_int(res, i, CHILD_IDX, 0),
                                       (ob_job_state)ob_col_int(res, i, CHILD_STATE, 0));
        }
        if (r == 0)
            r = ob_leader_keep(s->leader, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int load_reasons(scheduler *s, ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = store_class_reasons(s->db, &res, err);
    for (int i = 0; r == 0 && i < PQntuples(res); i++) {
        effect_reason row = {
            .queue_id = ob_col_int(res, i, REASON_QUEUE_ID, 0),
            .need = { .mcpu = (int32_t)ob_col_int(res, i, REASON_MCPU, 0),
                      .mem_mib = (int32_t)ob_col_int(res, i, REASON_MEM_MIB, 0),
                      .gpus = (int32_t)ob_col_int(res, i, REASON_GPUS, 0) },
            .share = ob_col(res, i, REASON_SHARE),
            .priority = (int32_t)ob_col_int(res, i, REASON_PRIORITY, 0),
            .reason = ob_col(res, i, REASON_REASON),
            .since_ms = ob_col_int(res, i, REASON_SINCE_MS, 0),
        };
        engine_load_class_reason(s->engine, &row);
    }
    return r;
}

static int load_shares(scheduler *s, ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = store_share_usages(s->db, &res, err);
    for (int i = 0; r == 0 && i < PQntuples(res); i++) {
        effect_share row = {
            .queue_id = ob_col_int(res, i, SHARE_QUEUE_ID, 0),
            .share = ob_col(res, i, SHARE_SHARE),
            .usage = (double)ob_col_int(res, i, SHARE_USAGE_MS, 0) / 1000,
            .at_ms = ob_col_int(res, i, SHARE_AT_MS, 0),
            .active = ob_col_bool(res, i, SHARE_ACTIVE),
        };
        engine_load_share(s->engine, &row);
    }
    return r;
}

/* Fronts, and how many jobs have ended. */
static int load_snapshots(scheduler *s, ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = store_snapshots(s->db, &res, err);
    for (int i = 0; r == 0 && i < PQntuples(res); i++) {
        engine_front front[ENGINE_FRONT_MAX];
        effect_counts counts = { .queue_id = ob_col_int(res, i, SNAPSHOT_QUEUE_ID, 0) };
        size_t n = snapshot_parse(ob_col(res, i, SNAPSHOT_BODY), front, ENGINE_FRONT_MAX);
        engine_load_front(s->engine, counts.queue_id, front, n);
        if (ob_leader_counted(s->leader) &&
            snapshot_counts_parse(ob_col(res, i, SNAPSHOT_JOBS), counts.jobs) &&
            snapshot_counts_parse(ob_col(res, i, SNAPSHOT_CHILDREN), counts.children))
            engine_load_counts(s->engine, &counts);
    }
    return r;
}

static int count_ended(scheduler *s, int64_t queue_id, ob_job_state state, ob_error *err)
{
    ob_uuid after = { 0 };
    for (;;) {
        ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
        int r = store_ended_page(s->db, queue_id, state, &after, COUNTED_A_STEP, &res, err);
        for (int i = 0; r == 0 && i < PQntuples(res); i++) {
            int64_t children[OB_JOB_STATE_COUNT];
            bool is_array = snapshot_counts_parse(ob_col(res, i, PAST_COUNTS), children);
            engine_load_ended(s->engine, queue_id, state, is_array ? children : NULL);
        }
        if (r == 0)
            r = ob_leader_keep(s->leader, err);
        if (r < 0 || PQntuples(res) < COUNTED_A_STEP)
            return r;
        (void)ob_col_uuid(res, PQntuples(res) - 1, PAST_JOB_ID, &after);
        ob_health_beat();
    }
}

/* Once for each queue: of a new one nothing has ended, and one of an earlier version was not
 * counted. All of them if an earlier version has led since they were. */
static int count_uncounted(scheduler *s, ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = store_uncounted(s->db, !ob_leader_counted(s->leader), &res, err);
    for (int i = 0; r == 0 && i < PQntuples(res); i++) {
        int64_t queue_id = ob_col_int(res, i, UNCOUNTED_QUEUE_ID, 0);
        engine_load_uncounted(s->engine, queue_id);
        r = count_ended(s, queue_id, OB_JOB_SUCCEEDED, err);
        if (r == 0)
            r = count_ended(s, queue_id, OB_JOB_FAILED, err);
    }
    return r;
}

int64_t recover_engine_ms(const scheduler *s)
{
    return ob_mono_ms() + s->engine_ahead_ms;
}

int recover_load(scheduler *s, ob_error *err)
{
    int64_t begun_ms = ob_mono_ms();
    size_t rows = 0;
    parents list = { 0 };
    engine_free(s->engine);
    s->engine = engine_new();
    engine_clock(s->engine, ob_mono_ms());
    s->engine_ahead_ms = ob_wall_ms() - ob_mono_ms();
    engine_effects_clear(&s->effects);
    topology_clear(s->topology);
    sweep_inbox_forget(s);
    stops_forget(s);
    reports_again(s);

    int r = topology_read_all(s, true, err);
    if (r == 0)
        r = load_jobs(s, &list, &rows, err);
    if (r == 0)
        r = load_ended_children(s, &list, err);
    if (r == 0)
        r = load_reasons(s, err);
    if (r == 0)
        r = load_shares(s, err);
    if (r == 0)
        r = load_snapshots(s, err);
    if (r == 0)
        r = count_uncounted(s, err);
    if (r == 0)
        r = topology_loaded(s, err);
    free(list.ids);
    free(list.sizes);
    if (r < 0)
        return r;
    s->inbox.rung = true;
    s->reconciled_at_ms = ob_mono_ms();
    ob_info("state.loaded", "{s:I, s:I, s:I}", "epoch", (json_int_t)s->epoch, "rows",
            (json_int_t)rows, "ms", (json_int_t)(ob_mono_ms() - begun_ms));
    return 0;
}
