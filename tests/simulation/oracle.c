/* Owns its own view of jobs, runs and instances. Each check cites the promise
 * (docs/architecture.md) by its words in the message. One thread. */
#include "oracle_seen.h"

#include <stdio.h>
#include <string.h>

#define HEARD_US                                                                                   \
    (6 * SECOND_US) /* what an executor says is known by then, if nothing is in the way */

struct seen seen;

void oracle_open(void)
{
    memset(&seen, 0, sizeof(seen));
}

/* ---- What is known ---- */

job *seen_job(const ob_uuid *id)
{
    job *j;
    HASH_FIND(hh, seen.jobs, id, sizeof(*id), j);
    return j;
}

leaf *seen_leaf(const ob_uuid *id, int64_t index)
{
    leaf_key key = { .id = *id, .index = index };
    leaf *l;
    HASH_FIND(hh, seen.leaves, &key, sizeof(key), l);
    if (!l) {
        l = ob_calloc(1, sizeof(*l));
        l->key = key;
        HASH_ADD(hh, seen.leaves, key, sizeof(key), l);
    }
    return l;
}

run *seen_run(const char *name)
{
    run *r;
    HASH_FIND_STR(seen.runs, name, r);
    return r;
}

static box *box_of(const char *id)
{
    box *b;
    HASH_FIND_STR(seen.boxes, id, b);
    if (!b) {
        b = ob_calloc(1, sizeof(*b));
        (void)snprintf(b->id, sizeof(b->id), "%s", id);
        b->state = -1;
        HASH_ADD_STR(seen.boxes, id, b);
    }
    return b;
}

static void name_of(const ob_uuid *id, int64_t index, int64_t number, char out[OB_RUN_TEXT])
{
    ob_run_ref_format(&(ob_run_ref){ .id = *id, .index = (int32_t)index, .run = (int32_t)number },
                      out);
}

void seen_ref(const ob_uuid *id, int64_t index, char out[OB_RUN_TEXT])
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
    HASH_ADD(hh, seen.jobs, id, sizeof(j->id), j);
    if (seen.n_jobs == seen.cap_jobs) {
        seen.cap_jobs = seen.cap_jobs ? seen.cap_jobs * 2 : 128;
        seen.list = ob_realloc(seen.list, seen.cap_jobs * sizeof(*seen.list));
    }
    seen.list[seen.n_jobs++] = j;
    for (size_t i = 0; i < ARRAY_SIZE(seen.stops); i++)
        if (seen.stops[i].queue_id == row->queue_id &&
            row->created_at_ms <= seen.stops[i].created_at_ms)
            j->stop_asked = true;
}

void oracle_stop_asked(const ob_uuid *id)
{
    job *j = seen_job(id);
    if (j)
        j->stop_asked = true;
}

void oracle_stops_asked(int64_t queue_id, int64_t created_at_ms)
{
    for (size_t i = 0; i < seen.n_jobs; i++)
        if (seen.list[i]->row.queue_id == queue_id)
            seen.list[i]->stop_asked = true;
    /* Some are on their way to the client. */
    seen.stops[seen.n_stops % ARRAY_SIZE(seen.stops)].queue_id = queue_id;
    seen.stops[seen.n_stops++ % ARRAY_SIZE(seen.stops)].created_at_ms = created_at_ms;
}

void oracle_excuses(void)
{
    seen.excused = true;
}

const pg_job *oracle_pick(uint64_t n)
{
    return seen.n_jobs ? &seen.list[n % seen.n_jobs]->row : NULL;
}

size_t oracle_jobs(void)
{
    return HASH_COUNT(seen.leaves);
}

size_t oracle_runs(void)
{
    return HASH_COUNT(seen.runs);
}

static bool is_lost(const char *instance)
{
    int64_t state = box_of(instance)->state;
    return state == OB_INSTANCE_LOST || state == OB_INSTANCE_TERMINATED;
}

/* ---- The containers' own word ---- */

void oracle_started(const char *name, const char *instance)
{
    run *r = seen_run(name);
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
    run *r = seen_run(name);
    trace_step("ends", (uint64_t)code, 0, "container %s ends with %d", name, code);
    r->ended = true;
    r->code = code;
    r->written = lines;
}

void oracle_output_lost(bool told)
{
    seen.output_late = true;
    seen.output_lost |= !told;
}

void oracle_removed(const char *name, const char *instance)
{
    run *r = seen_run(name);
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
    if (world_now_us() + for_us > seen.trouble_us)
        seen.trouble_us = world_now_us() + for_us;
}

/* ---- The state of a job, by what is committed ---- */

int64_t seen_end(const ob_uuid *id, int64_t index)
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
        if (of == -2 || seen_end(&d->id, of) == OB_JOB_SUCCEEDED)
            continue;
        seen_ref(&d->id, of, dep);
        broken(name, "run %s is placed before job %s has succeeded", name, dep);
    }
}

/* ---- Commits ---- */

static void unplace(const pg_placement *row)
{
    char name[OB_RUN_TEXT];
    const job *j = seen_job(&row->job_id);
    leaf *l = seen_leaf(&row->job_id, row->idx);
    box *b = box_of(row->instance_id);
    name_of(&row->job_id, row->idx, row->run, name);
    run *r = seen_run(name);
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
    const job *j = seen_job(&row->job_id);
    leaf *l = seen_leaf(&row->job_id, row->idx);
    box *b = box_of(row->instance_id);
    name_of(&row->job_id, row->idx, row->run, name);
    if (!j)
        broken(name, "run %s is of a job that nobody submitted", name);
    if (l->placed)
        broken(name, "run %s is placed while run %s is", name, l->placed->name);
    if (row->run <= l->last_run || seen_run(name))
        broken(name, "run %s is placed a second time", name);
    if (seen_end(&row->job_id, row->idx) >= 0)
        broken(name, "run %s is placed after its job has ended", name);
    if (b->state != OB_INSTANCE_ACTIVE)
        broken(name, "run %s is placed on %s, which is not ACTIVE", name, row->instance_id);
    int64_t heard_us = world_now_us() - HEARD_US;
    if (b->unwell_us && b->unwell_us < heard_us && seen.trouble_us < heard_us)
        broken(name, "run %s is placed on %s, whose engine has started nothing for %.1f s", name,
               row->instance_id, (double)(world_now_us() - b->unwell_us) / 1e6);
    check_dependencies(j, row->idx, name);
    run *r = ob_calloc(1, sizeof(*r));
    (void)snprintf(r->name, sizeof(r->name), "%s", name);
    (void)snprintf(r->instance, sizeof(r->instance), "%s", row->instance_id);
    HASH_ADD_STR(seen.runs, name, r);
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
    leaf *l = seen_leaf(&row->job_id, row->idx);
    name_of(&row->job_id, row->idx, row->run, name);
    run *r = seen_run(name);
    if (!r || r->recorded)
        broken(name, "attempt %d of run %s is recorded %s", (int)row->attempt, name,
               r ? "twice" : "without a placement");
    r->recorded = true;
    l->attempts++;
    if (r->started && !r->ended && !is_lost(r->instance))
        broken(name, "run %s is recorded ended while it runs", name);
    if (!r->started && !row->container_reason && !is_lost(r->instance) &&
        !seen_job(&row->job_id)->stop_asked)
        broken(name, "run %s is recorded as an attempt, but it was never started", name);
    if (row->exit_code == PG_NULL)
        return;
    if (!r->ended || r->code != row->exit_code)
        broken(name, "run %s is recorded with exit code %d, but its container %s %d", name,
               (int)row->exit_code, r->ended ? "ended with" : "has not ended", r->code);
    if (row->exit_code == 0 && ++l->successes > 1)
        broken(name, "a second run of its job is recorded as a success: %s", name);
}

bool seen_dependency_failed(const job *j, int64_t index)
{
    for (size_t i = 0; i < j->n_deps; i++) {
        const dependency *d = &j->deps[i];
        int64_t of = d->type == OB_DEP_PLAIN    ? d->index
                     : d->type == OB_DEP_N_TO_N ? (index < 0 ? -1 : index)
                     : index > 0                ? index - 1
                                                : -2;
        if (of != -2 && seen_end(&d->id, of) == OB_JOB_FAILED)
            return true;
        if (d->type == OB_DEP_N_TO_N && seen_end(&d->id, -1) == OB_JOB_FAILED)
            return true;
    }
    return false;
}

static void end(const pg_done *row)
{
    char name[OB_RUN_TEXT];
    const job *j = seen_job(&row->job_id);
    seen_ref(&row->job_id, row->idx, name);
    if (!j)
        broken(name, "job %s ends, which nobody submitted", name);
    if (row->idx < 0 && j->row.array_size > 0)
        return; /* a parent: see oracle_judge */
    const leaf *l = seen_leaf(&row->job_id, row->idx);
    if (row->state == OB_JOB_SUCCEEDED) {
        if (l->successes != 1)
            broken(name, "job %s is recorded SUCCEEDED without a run that succeeded", name);
        return;
    }
    int64_t may = j->row.attempts > 0 ? j->row.attempts : 1;
    if (!j->stop_asked && !seen_dependency_failed(j, row->idx) && l->attempts < may)
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
    for (box *b = seen.boxes; b; b = b->hh.next) {
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
    run *r = seen_run(name);
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
    const job *j = seen_job(&live->job_id);
    if (j->row.array_size > 0 && live->idx < 0)
        return;
    const leaf *l = seen_leaf(&live->job_id, live->idx);
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
            seen_line(c->after);
        if (c->table == PG_ANSWER && !c->before)
            judge_answer(commit, c->after);
    }
    check_fence(commit);
    check_boxes(commit);
}
