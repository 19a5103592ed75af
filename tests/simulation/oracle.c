/* Owns its own view of jobs, runs and instances. Each check cites the promise
 * (docs/architecture.md) by its words in the message. One thread. */
#include "oracle.h"

#include <stdio.h>
#include <string.h>
#include <uthash.h>

#include "ob/error.h"
#include "sim_engine.h"

#define HEARD_US                                                                                   \
    (6 * SECOND_US) /* what an executor says is known by then, if nothing is in the way */

typedef struct run {
    char name[OB_RUN_TEXT];
    char instance[OB_INSTANCE_TEXT]; /* where it was placed */
    bool started, ended, removed;
    int code;            /* of its container; -1: nobody knows */
    bool closed;         /* its placement is gone */
    bool given_back;     /* without an attempt: it is recorded as never started */
    bool recorded;       /* as an attempt */
    int written, stored; /* lines of output */
    int64_t stream;      /* where they are; 0: none is */
    UT_hash_handle hh;
} run;

typedef struct leaf_key {
    ob_uuid id;
    int64_t index;
} leaf_key;

/* A job that has runs: a single one, or a child of an array. */
typedef struct leaf {
    leaf_key key;
    run *placed; /* its current run */
    int64_t last_run;
    int attempts, successes;
    UT_hash_handle hh;
} leaf;

typedef struct dependency {
    ob_uuid id;
    int64_t index;
    ob_dep_type type;
} dependency;

typedef struct job {
    ob_uuid id;
    pg_job row;
    job_plan plan;
    bool stop_asked;
    dependency deps[20];
    size_t n_deps;
    UT_hash_handle hh;
} job;

typedef struct box {
    char id[OB_INSTANCE_TEXT];
    int64_t mcpu, mem_mib, used_mcpu, used_mem_mib;
    int64_t state;
    size_t placements;
    bool changed;
    int64_t
        unwell_us; /* since when its executor says that its engine starts nothing; 0: it does not */
    UT_hash_handle hh;
} box;

/* A stream of output. */
typedef struct output {
    int64_t id; /* the key */
    run *of;
    int64_t lines, at_ms; /* stored; the last one's time */
    int next;             /* the next line of the run */
    bool gap, gaps;       /* the last line that is stored says that some were lost; one of them */
    UT_hash_handle hh;
} output;

static struct {
    job *jobs, **list;
    size_t n_jobs, cap_jobs;
    leaf *leaves;
    run *runs;
    box *boxes;
    output *outputs;
    bool excused, output_lost, output_late;
    int64_t trouble_us; /* until then */
} o;

void oracle_open(void)
{
    memset(&o, 0, sizeof(o));
}

/* ---- What is known ---- */

static job *job_of(const ob_uuid *id)
{
    job *j;
    HASH_FIND(hh, o.jobs, id, sizeof(*id), j);
    return j;
}

static leaf *leaf_of(const ob_uuid *id, int64_t index)
{
    leaf_key key = { .id = *id, .index = index };
    leaf *l;
    HASH_FIND(hh, o.leaves, &key, sizeof(key), l);
    if (!l) {
        l = ob_calloc(1, sizeof(*l));
        l->key = key;
        HASH_ADD(hh, o.leaves, key, sizeof(key), l);
    }
    return l;
}

static run *run_of(const char *name)
{
    run *r;
    HASH_FIND_STR(o.runs, name, r);
    return r;
}

static box *box_of(const char *id)
{
    box *b;
    HASH_FIND_STR(o.boxes, id, b);
    if (!b) {
        b = ob_calloc(1, sizeof(*b));
        (void)snprintf(b->id, sizeof(b->id), "%s", id);
        b->state = -1;
        HASH_ADD_STR(o.boxes, id, b);
    }
    return b;
}

static void name_of(const ob_uuid *id, int64_t index, int64_t number, char out[OB_RUN_TEXT])
{
    ob_run_ref_format(&(ob_run_ref){ .id = *id, .index = (int32_t)index, .run = (int32_t)number },
                      out);
}

static void ref_of(const ob_uuid *id, int64_t index, char out[OB_RUN_TEXT])
{
    ob_job_ref_format(&(ob_job_ref){ .id = *id, .index = (int32_t)index }, out);
}

static int64_t element(const char **at)
{
    char *end;
    int64_t n = strtoll(*at + 1, &end, 10);
    *at = end;
    return n;
}

static void read_deps(job *j)
{
    const char *ids = j->row.dep_ids, *idxs = j->row.dep_idxs, *types = j->row.dep_types;
    while (ids && *ids && *ids != '}' && ids[1] != '}' && j->n_deps < ARRAY_SIZE(j->deps)) {
        dependency *d = &j->deps[j->n_deps++];
        size_t len = strcspn(++ids, ",}");
        (void)ob_uuid_parse(ids, len, &d->id);
        ids += len;
        d->index = element(&idxs);
        d->type = (ob_dep_type)element(&types);
    }
}

void oracle_accepted(const pg_job *row, const job_plan *plan)
{
    job *j = ob_calloc(1, sizeof(*j));
    j->id = row->id;
    j->row = *row;
    j->plan = *plan;
    read_deps(j);
    HASH_ADD(hh, o.jobs, id, sizeof(j->id), j);
    if (o.n_jobs == o.cap_jobs) {
        o.cap_jobs = o.cap_jobs ? o.cap_jobs * 2 : 128;
        o.list = ob_realloc(o.list, o.cap_jobs * sizeof(*o.list));
    }
    o.list[o.n_jobs++] = j;
}

void oracle_stop_asked(const ob_uuid *id)
{
    job *j = job_of(id);
    if (j)
        j->stop_asked = true;
}

void oracle_excuses(void)
{
    o.excused = true;
}

const pg_job *oracle_pick(uint64_t n)
{
    return o.n_jobs ? &o.list[n % o.n_jobs]->row : NULL;
}

size_t oracle_jobs(void)
{
    return HASH_COUNT(o.leaves);
}

size_t oracle_runs(void)
{
    return HASH_COUNT(o.runs);
}

static bool is_lost(const char *instance)
{
    int64_t state = box_of(instance)->state;
    return state == OB_INSTANCE_LOST || state == OB_INSTANCE_TERMINATED;
}

/* ---- The containers' own word ---- */

void oracle_started(const char *name, const char *instance)
{
    run *r = run_of(name);
    trace_step("starts", r ? 1 : 0, 0, "container %s starts on %s", name, instance);
    if (!r)
        broken(name, "a container of run %s starts, which was never committed", name);
    if (r->started)
        broken(name, "run %s is started twice", name);
    if (strcmp(r->instance, instance) != 0)
        broken(name, "run %s was placed on %s and starts on %s", name, r->instance, instance);
    if (r->closed && !is_lost(instance))
        broken(name, "run %s starts after its end was recorded", name);
    if (r->given_back && !is_lost(instance))
        broken(name, "run %s starts after it was given back", name);
    r->started = true;
}

void oracle_ended(const char *name, int code, int lines)
{
    run *r = run_of(name);
    trace_step("ends", (uint64_t)code, 0, "container %s ends with %d", name, code);
    r->ended = true;
    r->code = code;
    r->written = lines;
}

void oracle_output_lost(bool told)
{
    o.output_late = true;
    o.output_lost |= !told;
}

void oracle_removed(const char *name, const char *instance)
{
    run *r = run_of(name);
    trace_step("removed", 0, 0, "container %s is removed from %s", name, instance);
    if (!r->closed)
        broken(name, "the container of run %s is removed before its end was committed", name);
    r->removed = true;
}

void oracle_terminated(const char *instance)
{
    const box *b = box_of(instance);
    if (b->state == OB_INSTANCE_ACTIVE)
        broken(instance, "the scaler ends instance %s, which is ACTIVE", instance);
    if (b->state == OB_INSTANCE_DRAINING && b->placements > 0)
        broken(instance, "the scaler ends instance %s with %zu runs on it", instance,
               b->placements);
}

void oracle_host_gone(const char *instance, bool order)
{
    (void)instance, (void)order;
}

void oracle_unwell(const char *instance, bool unwell)
{
    trace_step("unwell", unwell, 0, "the engine of %s %s", instance,
               unwell ? "starts nothing" : "works");
    box_of(instance)->unwell_us = unwell ? world_now_us() : 0;
}

void oracle_trouble(int64_t for_us)
{
    if (world_now_us() + for_us > o.trouble_us)
        o.trouble_us = world_now_us() + for_us;
}

/* ---- The state of a job, by what is committed ---- */

/* OB_JOB_SUCCEEDED, OB_JOB_FAILED; -1: it has not ended. */
static int64_t end_of(const ob_uuid *id, int64_t index)
{
    const pg_done *d = sim_pg_find(PG_DONE, &(pg_done){ .job_id = *id, .idx = index });
    if (d || index < 0)
        return d ? d->state : -1;
    d = sim_pg_find(PG_DONE, &(pg_done){ .job_id = *id, .idx = -1 });
    if (d)
        return d->bulk_state;
    /* Of the children without a row of their own; it may end before the others have. */
    const pg_live *parent = sim_pg_find(PG_LIVE, &(pg_live){ .job_id = *id, .idx = -1 });
    bool in_bulk = parent && !sim_pg_find(PG_LIVE, &(pg_live){ .job_id = *id, .idx = index });
    return in_bulk && parent->bulk_state != PG_NULL &&
                   ob_job_is_final((ob_job_state)parent->bulk_state)
               ? parent->bulk_state
               : -1;
}

static void check_dependencies(const job *j, int64_t index, const char *name)
{
    char dep[OB_RUN_TEXT];
    for (size_t i = 0; i < j->n_deps; i++) {
        const dependency *d = &j->deps[i];
        int64_t of = d->type == OB_DEP_PLAIN    ? d->index
                     : d->type == OB_DEP_N_TO_N ? index
                     : index > 0                ? index - 1
                                                : -2;
        if (of == -2 || end_of(&d->id, of) == OB_JOB_SUCCEEDED)
            continue;
        ref_of(&d->id, of, dep);
        broken(name, "run %s is placed before job %s has succeeded", name, dep);
    }
}

/* ---- Output ---- */

/* A bytea as PostgreSQL writes it. */
static void text_of(const char *bytes, char *out, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 0;
    for (bytes += 2; n + 1 < size && *bytes; bytes += 2)
        out[n++] =
            (char)((strchr(digits, bytes[0]) - digits) * 16 + (strchr(digits, bytes[1]) - digits));
    out[n] = '\0';
}

static output *output_of(int64_t id)
{
    output *v;
    HASH_FIND(hh, o.outputs, &id, sizeof(id), v);
    if (v)
        return v;
    v = ob_calloc(1, sizeof(*v));
    v->id = id;
    HASH_ADD(hh, o.outputs, id, sizeof(v->id), v);
    return v;
}

/* Each line once, in order; and a mark where some are lost, if Kafka has lost any. */
static void store_line(const pg_log_event *row)
{
    char line[256], name[OB_RUN_TEXT];
    output *v = output_of(row->stream_id);
    text_of(row->message, line, sizeof(line));
    trace_step("line", (uint64_t)row->stream_id, (uint64_t)row->n, "line %lld of stream %lld: %s",
               (long long)row->n, (long long)row->stream_id, line);
    const char *subject = v->of ? v->of->name : "-";
    if (row->n != v->lines++ || row->at_ms < v->at_ms)
        broken(subject, "line %lld of stream %lld is not its next one", (long long)row->n,
               (long long)row->stream_id);
    v->at_ms = row->at_ms;
    if (strncmp(line, "[OpenBatch: ", strlen("[OpenBatch: ")) == 0) {
        if (!o.output_late)
            broken(subject, "output of stream %lld is said to be lost, but nothing was",
                   (long long)row->stream_id);
        v->gap = v->gaps = true;
        return;
    }
    int number = engine_line_number(line, name);
    run *r = number < 0 ? NULL : run_of(name);
    if (!r || !r->started)
        broken(subject, "a line is stored that no run has written: %s", line);
    if ((v->of && v->of != r) || (r->stream && r->stream != v->id))
        broken(name, "output of run %s is in streams of different runs", name);
    if (number < v->next)
        broken(name, "line %d of run %s is stored twice", number, name);
    if (number > v->next && !v->gap)
        broken(name, "line %d of run %s is stored, but not line %d", number, name, v->next);
    v->of = r;
    v->next = number + 1;
    v->gap = false;
    r->stream = v->id;
    r->stored++;
}

/* A container is removed only when its output is with Kafka. What is sent again too late (its
 * executor stood still) is lost as well. */
static void judge_output(void)
{
    for (const run *r = o.runs; r && !o.output_lost; r = r->hh.next) {
        bool late = o.output_late && (!r->stream || output_of(r->stream)->gaps);
        if (r->removed && r->stored != r->written && !late)
            broken(r->name, "%d of %d lines of run %s are stored", r->stored, r->written, r->name);
    }
}

/* ---- Commits ---- */

static void unplace(const pg_placement *row)
{
    char name[OB_RUN_TEXT];
    const job *j = job_of(&row->job_id);
    leaf *l = leaf_of(&row->job_id, row->idx);
    box *b = box_of(row->instance_id);
    name_of(&row->job_id, row->idx, row->run, name);
    run *r = run_of(name);
    if (!j || !r || l->placed != r)
        broken(name, "the placement of run %s is deleted, which there was not", name);
    l->placed = NULL;
    r->closed = true;
    b->placements--;
    b->used_mcpu -= j->row.mcpu;
    b->used_mem_mib -= j->row.mem_mib;
    b->changed = true;
}

static void place(const pg_placement *row)
{
    char name[OB_RUN_TEXT];
    const job *j = job_of(&row->job_id);
    leaf *l = leaf_of(&row->job_id, row->idx);
    box *b = box_of(row->instance_id);
    name_of(&row->job_id, row->idx, row->run, name);
    if (!j)
        broken(name, "run %s is of a job that nobody submitted", name);
    if (l->placed)
        broken(name, "run %s is placed while run %s is", name, l->placed->name);
    if (row->run <= l->last_run || run_of(name))
        broken(name, "run %s is placed a second time", name);
    if (end_of(&row->job_id, row->idx) >= 0)
        broken(name, "run %s is placed after its job has ended", name);
    if (b->state != OB_INSTANCE_ACTIVE)
        broken(name, "run %s is placed on %s, which is not ACTIVE", name, row->instance_id);
    int64_t heard_us = world_now_us() - HEARD_US;
    if (b->unwell_us && b->unwell_us < heard_us && o.trouble_us < heard_us)
        broken(name, "run %s is placed on %s, whose engine has started nothing for %.1f s", name,
               row->instance_id, (double)(world_now_us() - b->unwell_us) / 1e6);
    check_dependencies(j, row->idx, name);
    run *r = ob_calloc(1, sizeof(*r));
    (void)snprintf(r->name, sizeof(r->name), "%s", name);
    (void)snprintf(r->instance, sizeof(r->instance), "%s", row->instance_id);
    HASH_ADD_STR(o.runs, name, r);
    l->placed = r;
    l->last_run = row->run;
    b->placements++;
    b->used_mcpu += j->row.mcpu;
    b->used_mem_mib += j->row.mem_mib;
    b->changed = true;
}

static void record(const pg_attempt *row)
{
    char name[OB_RUN_TEXT];
    leaf *l = leaf_of(&row->job_id, row->idx);
    name_of(&row->job_id, row->idx, row->run, name);
    run *r = run_of(name);
    if (!r || r->recorded)
        broken(name, "attempt %d of run %s is recorded %s", (int)row->attempt, name,
               r ? "twice" : "without a placement");
    r->recorded = true;
    l->attempts++;
    if (r->started && !r->ended && !is_lost(r->instance))
        broken(name, "run %s is recorded ended while it runs", name);
    if (!r->started && !row->container_reason && !is_lost(r->instance) &&
        !job_of(&row->job_id)->stop_asked)
        broken(name, "run %s is recorded as an attempt, but it was never started", name);
    if (row->exit_code == PG_NULL)
        return;
    if (!r->ended || r->code != row->exit_code)
        broken(name, "run %s is recorded with exit code %d, but its container %s %d", name,
               (int)row->exit_code, r->ended ? "ended with" : "has not ended", r->code);
    if (row->exit_code == 0 && ++l->successes > 1)
        broken(name, "a second run of its job is recorded as a success: %s", name);
}

static bool dependency_failed(const job *j, int64_t index)
{
    for (size_t i = 0; i < j->n_deps; i++) {
        const dependency *d = &j->deps[i];
        int64_t of = d->type == OB_DEP_PLAIN    ? d->index
                     : d->type == OB_DEP_N_TO_N ? (index < 0 ? -1 : index)
                     : index > 0                ? index - 1
                                                : -2;
        if (of != -2 && end_of(&d->id, of) == OB_JOB_FAILED)
            return true;
        if (d->type == OB_DEP_N_TO_N && end_of(&d->id, -1) == OB_JOB_FAILED)
            return true;
    }
    return false;
}

static void end(const pg_done *row)
{
    char name[OB_RUN_TEXT];
    const job *j = job_of(&row->job_id);
    ref_of(&row->job_id, row->idx, name);
    if (!j)
        broken(name, "job %s ends, which nobody submitted", name);
    if (row->idx < 0 && j->row.array_size > 0)
        return; /* a parent: see oracle_judge */
    const leaf *l = leaf_of(&row->job_id, row->idx);
    if (row->state == OB_JOB_SUCCEEDED) {
        if (l->successes != 1)
            broken(name, "job %s is recorded SUCCEEDED without a run that succeeded", name);
        return;
    }
    int64_t may = j->row.attempts > 0 ? j->row.attempts : 1;
    if (!j->stop_asked && !dependency_failed(j, row->idx) && l->attempts < may)
        broken(name, "job %s is recorded FAILED after %d of %d attempts", name, l->attempts,
               (int)may);
    if (l->attempts > may)
        broken(name, "job %s had %d attempts of %d", name, l->attempts, (int)may);
    if (l->successes > 0 && !j->stop_asked) /* a terminated job fails, whatever it ends with */
        broken(name, "job %s is recorded FAILED, but a run of it has succeeded", name);
}

static void change_instance(const pg_instance *before, const pg_instance *after)
{
    box *b = box_of(after ? after->id : before->id);
    if (!after)
        return;
    if (before && before->state == OB_INSTANCE_ACTIVE && after->state == OB_INSTANCE_TERMINATED)
        broken(b->id, "instance %s ends without having drained", b->id);
    if (before && after->state < before->state)
        broken(b->id, "instance %s goes from %s back to %s", b->id,
               ob_instance_state_name((ob_instance_state)before->state),
               ob_instance_state_name((ob_instance_state)after->state));
    b->mcpu = after->mcpu;
    b->mem_mib = after->mem_mib;
    b->state = after->state;
    b->changed = true;
}

static void check_boxes(const sim_pg_commit *commit)
{
    (void)commit;
    for (box *b = o.boxes; b; b = b->hh.next) {
        if (!b->changed)
            continue;
        b->changed = false;
        if (b->used_mcpu > b->mcpu || b->used_mem_mib > b->mem_mib)
            broken(b->id, "instance %s holds %lld of %lld mCPU and %lld of %lld MiB", b->id,
                   (long long)b->used_mcpu, (long long)b->mcpu, (long long)b->used_mem_mib,
                   (long long)b->mem_mib);
        if (b->state == OB_INSTANCE_TERMINATED && b->placements > 0 &&
            strcmp(commit->role ? commit->role : "", "scaler") == 0)
            broken(b->id, "instance %s is TERMINATED with %zu runs on it", b->id, b->placements);
    }
}

/* A placement that is gone without an attempt says that its run never started. */
static void check_closed(const pg_placement *row)
{
    char name[OB_RUN_TEXT];
    name_of(&row->job_id, row->idx, row->run, name);
    run *r = run_of(name);
    if (r->recorded)
        return;
    r->given_back = true;
    if (r->started)
        broken(name, "run %s is given back as never started, but it was started", name);
}

/* A live job is STARTING or RUNNING if and only if its current run is placed. */
static void check_live(const sim_pg_change *c)
{
    const pg_live *live = c->table == PG_LIVE ? c->after : NULL;
    const pg_placement *placement = c->table == PG_PLACEMENT ? c->after : NULL;
    char name[OB_RUN_TEXT];
    if (placement)
        live =
            sim_pg_find(PG_LIVE, &(pg_live){ .job_id = placement->job_id, .idx = placement->idx });
    else if (!live)
        return;
    if (!live) {
        name_of(&placement->job_id, placement->idx, placement->run, name);
        broken(name, "run %s is placed, but its job does not live", name);
    }
    const job *j = job_of(&live->job_id);
    if (j->row.array_size > 0 && live->idx < 0)
        return;
    const leaf *l = leaf_of(&live->job_id, live->idx);
    bool is_placed = live->state == OB_JOB_STARTING || live->state == OB_JOB_RUNNING;
    name_of(&live->job_id, live->idx, live->run, name);
    if (is_placed != (l->placed != NULL) || (is_placed && strcmp(l->placed->name, name) != 0))
        broken(name, "run %s is %s, but %s is placed", name,
               ob_job_state_name((ob_job_state)live->state), l->placed ? l->placed->name : "none");
}

/* What a leader commits is fenced, but for its epoch. */
static void check_fence(const sim_pg_commit *commit)
{
    bool leads = strcmp(commit->application, "openbatch-scheduler") == 0 ||
                 strcmp(commit->application, "openbatch-scaler") == 0;
    for (size_t i = 0; leads && !commit->role && i < commit->n; i++)
        if (commit->changes[i].table != PG_LEADER)
            broken("-", "%s commits without the fence", commit->application);
}

/* A job may be placed on the same instance again: one row, another run. */
static bool is_same_run(const sim_pg_change *c)
{
    const pg_placement *before = c->before, *after = c->after;
    return before && after && before->run == after->run;
}

/* In an order in which each row can be judged: what frees comes before what takes. */
void oracle_committed(const sim_pg_commit *commit, void *arg)
{
    (void)arg;
    trace_step(commit->application, commit->n, (uint64_t)commit->round,
               "%s commits %zu rows (epoch %lld, round %lld)", commit->application, commit->n,
               (long long)commit->epoch, (long long)commit->round);
    for (size_t i = 0; i < commit->n; i++) {
        const sim_pg_change *c = &commit->changes[i];
        if (c->table == PG_INSTANCE)
            change_instance(c->before, c->after);
        else if (c->table == PG_PLACEMENT && c->before && !is_same_run(c))
            unplace(c->before);
    }
    for (size_t i = 0; i < commit->n; i++)
        if (commit->changes[i].table == PG_ATTEMPT && !commit->changes[i].before)
            record(commit->changes[i].after);
    for (size_t i = 0; i < commit->n; i++)
        if (commit->changes[i].table == PG_DONE && !commit->changes[i].before)
            end(commit->changes[i].after);
    for (size_t i = 0; i < commit->n; i++) {
        const sim_pg_change *c = &commit->changes[i];
        if (c->table == PG_PLACEMENT && c->after && !is_same_run(c))
            place(c->after);
    }
    for (size_t i = 0; i < commit->n; i++) {
        const sim_pg_change *c = &commit->changes[i];
        if (c->table == PG_PLACEMENT && c->before && !is_same_run(c))
            check_closed(c->before);
        if (c->table == PG_LIVE || c->table == PG_PLACEMENT)
            check_live(c);
        if (c->table == PG_LOG_EVENT && c->after)
            store_line(c->after);
    }
    check_fence(commit);
    check_boxes(commit);
}

/* ---- The end ---- */

static const char *busy_text(const char *what, size_t n)
{
    static char text[128];
    (void)snprintf(text, sizeof(text), "%zu %s", n, what);
    return text;
}

static size_t instances_alive(void)
{
    size_t n = 0;
    for (const box *b = o.boxes; b; b = b->hh.next)
        n += b->state >= 0 && b->state != OB_INSTANCE_TERMINATED;
    return n;
}

/* Entries of Redis that say something else than PostgreSQL at rest: no environment uses anything,
 * and there is no instance. */
static size_t wrong_counters(void)
{
    static const char *const zero[] = { "provisionedMcpu", "allocatedMcpu", "attempts",
                                        "instances" };
    size_t at = 0, wrong = 0, n = 0;
    const pg_compute_environment *row;
    while ((row = sim_pg_next(PG_COMPUTE_ENVIRONMENT, &at))) {
        char key[32];
        (void)snprintf(key, sizeof(key), "ce:%lld", (long long)row->id);
        const json_t *has = sim_cache_get(key);
        bool equal = has != NULL;
        for (size_t i = 0; i < ARRAY_SIZE(zero); i++)
            equal = equal && json_integer_value(json_object_get(has, zero[i])) == 0;
        wrong += !equal;
        n++;
    }
    return wrong + sim_cache_count() - (sim_cache_count() < n ? sim_cache_count() : n);
}

bool oracle_rests(const char **ret_why)
{
    const struct {
        const char *what;
        size_t n;
    } left[] = {
        { "jobs are not ended", sim_pg_count(PG_LIVE) },
        { "requests are in the inbox", sim_pg_count(PG_INBOX) },
        { "placements are left", sim_pg_count(PG_PLACEMENT) },
        { "instances are left", instances_alive() },
        { "hosts are left", sim_cloud_hosts() },
        { "containers are left", sim_cloud_containers() },
        { "messages of output are not read", (size_t)sim_bus_unread() },
        { "entries of Redis differ from PostgreSQL", wrong_counters() },
    };
    for (size_t i = 0; i < ARRAY_SIZE(left); i++)
        if (left[i].n > 0) {
            *ret_why = busy_text(left[i].what, left[i].n);
            return false;
        }
    return true;
}

void oracle_restless(const char *why)
{
    size_t at = 0;
    char name[OB_RUN_TEXT] = "-";
    const pg_live *row = sim_pg_next(PG_LIVE, &at);
    /* A child says more than its parent. */
    for (const pg_live *next = row; next; next = sim_pg_next(PG_LIVE, &at))
        if (next->state >= OB_JOB_RUNNABLE)
            row = next;
    if (!row)
        broken(name, "it does not come to rest: %s", why);
    ref_of(&row->job_id, row->idx, name);
    broken(name, "it does not come to rest: %s; job %s is %s%s%s", why, name,
           ob_job_state_name((ob_job_state)row->state), row->reason ? ": " : "",
           row->reason ? row->reason : "");
}

static void judge_leaf(const job *j, int64_t index)
{
    char name[OB_RUN_TEXT];
    int64_t state = end_of(&j->id, index);
    ref_of(&j->id, index, name);
    if (state != OB_JOB_SUCCEEDED && state != OB_JOB_FAILED)
        broken(name, "job %s has no end", name);
    const leaf *l = leaf_of(&j->id, index);
    if ((state == OB_JOB_SUCCEEDED) != (l->successes == 1) && !j->stop_asked)
        broken(name, "job %s ended as %s, and %d runs of it succeeded", name,
               ob_job_state_name((ob_job_state)state), l->successes);
    if (o.excused || j->stop_asked)
        return;
    int64_t may = j->row.attempts > 0 ? j->row.attempts : 1;
    bool can = j->plan.kind == KIND_OK || j->plan.kind == KIND_STUBBORN ||
               (j->plan.kind == KIND_FLAKY && j->plan.number < may);
    if (can && state != OB_JOB_SUCCEEDED && !dependency_failed(j, index))
        broken(name, "job %s should have succeeded, and nothing was in its way", name);
}

void oracle_judge(void)
{
    judge_output();
    for (size_t i = 0; i < o.n_jobs; i++) {
        const job *j = o.list[i];
        for (int64_t k = 0; k < j->row.array_size; k++)
            judge_leaf(j, k);
        if (j->row.array_size == 0)
            judge_leaf(j, -1);
        char name[OB_RUN_TEXT];
        ref_of(&j->id, -1, name);
        int64_t state = end_of(&j->id, -1), failed = 0;
        for (int64_t k = 0; k < j->row.array_size; k++)
            failed += end_of(&j->id, k) == OB_JOB_FAILED;
        if (j->row.array_size > 0 && (state == OB_JOB_SUCCEEDED) != (failed == 0))
            broken(name, "array %s ended as %s with %lld failed children", name,
                   ob_job_state_name((ob_job_state)state), (long long)failed);
    }
}
