/* Owns the jobs of the events that were published last: most jobs have their next event soon. The
 * detail's members are copied unchanged, except those that an event replaces. */
#include "event_job.h"

#include <stdio.h>
#include <string.h>

#include "scheduler_store.h"

#define KEPT_MAX 4096            /* bytes of a detail that is kept for the next events */
#define DEFINITION_IN_STREAM 200 /* characters of the definition's name in a log stream's name */
/* A member that is longer than this is left out of a lean event, or empty in it. */
#define LEAN_MAX 256

/* ---- What events copy ---- */

static void add_span(ob_buf *t, detail_span span)
{
    ob_buf_add(t, span.at, span.len);
}

/* Members of the stored detail that the event replaces. */
static bool is_ours(const detail_span *key)
{
    static const char *const names[] = {
        "jobArn",    "jobId",           "attempts",    "status",       "statusReason",  "startedAt",
        "stoppedAt", "arrayProperties", "isCancelled", "isTerminated", "eksProperties",
    };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (detail_is(key, names[i]))
            return true;
    }
    return false;
}

static void add_key(ob_buf *t, const detail_span *key)
{
    ob_buf_str(t, ",\"");
    add_span(t, *key);
    ob_buf_str(t, "\":");
}

/* A member as it is stored. */
static void add_member(ob_buf *t, const detail_span *key, const detail_span *value, bool lean)
{
    bool empty = lean && value->len > LEAN_MAX;
    if (empty && value->at[0] != '[' && value->at[0] != '{')
        return;
    add_key(t, key);
    if (empty)
        ob_buf_str(t, value->at[0] == '[' ? "[]" : "{}");
    else
        add_span(t, *value);
}

/* An object with its members, and a gap after them. */
static void add_object(event_members *m,
                       const detail_span *key,
                       const detail_span *object,
                       event_gap_kind kind,
                       bool lean)
{
    const char *pos = object->at;
    detail_span inner, value;
    add_key(&m->text, key);
    size_t begin = m->text.len;
    while (detail_next(&pos, &inner, &value))
        add_member(&m->text, &inner, &value, lean);
    bool is_first = m->text.len == begin;
    if (is_first)
        ob_buf_str(&m->text, "{");
    else
        m->text.at[begin] = '{'; /* over the first one's comma */
    if (m->n_gaps < EVENT_GAPS_MAX)
        m->gaps[m->n_gaps++] = (event_gap){ .kind = kind, .is_first = is_first, .at = m->text.len };
    ob_buf_str(&m->text, "}");
}

static void render(event_members *m, const char *detail, bool lean)
{
    detail_span key, value;
    while (detail_next(&detail, &key, &value)) {
        bool is_object = value.at[0] == '{';
        if (is_ours(&key))
            continue;
        if (is_object && detail_is(&key, "container"))
            add_object(m, &key, &value, EVENT_GAP_RUN, lean);
        else if (is_object && detail_is(&key, "tags"))
            add_object(m, &key, &value, EVENT_GAP_ARN, false);
        else
            add_member(&m->text, &key, &value, lean);
    }
}

const event_members *event_job_members(event_job *job, bool lean)
{
    event_members *m = &job->members[lean];
    if (m->text.len == 0)
        render(m, job->detail, lean);
    return m;
}

/* ---- One job ---- */

/* As it is written in the detail, or the definition's name. */
static void find_stream(event_job *job)
{
    detail_span container, config, options, prefix = { 0 };
    job->has_stream = true;
    job->stream = (detail_span){ job->definition, strnlen(job->definition, DEFINITION_IN_STREAM) };
    if (!detail_get(job->detail, "container", &container) ||
        !detail_get(container.at, "logConfiguration", &config))
        return;
    detail_span driver = detail_string(config.at, "logDriver");
    if (detail_get(config.at, "options", &options))
        prefix = detail_string(options.at, "awslogs-stream-prefix");
    if (prefix.len)
        job->stream = prefix;
    job->has_stream = driver.len == 0 || detail_is(&driver, "awslogs");
}

static void fill(event_job *job, const PGresult *subjects, int row)
{
    job->detail = ob_strdup(ob_col(subjects, row, SUBJECT_DETAIL));
    job->detail_len = strlen(job->detail);
    job->definition = ob_strdup(ob_col(subjects, row, SUBJECT_DEFINITION));
    job->array_size = ob_col_int(subjects, row, SUBJECT_ARRAY_SIZE, 0);
    job->arn = detail_arn_of(job->detail, "jobArn");
    find_stream(job);
    job->is_eks = detail_get(job->detail, "eksProperties", &(detail_span){ 0 });
}

/* ---- All ---- */

static event_job *find(const event_jobs *jobs, const char *id)
{
    event_job *job = NULL;
    HASH_FIND_STR(jobs->all, id, job);
    return job;
}

static event_job *need(event_jobs *jobs, const char *id)
{
    event_job *job = find(jobs, id);
    if (!job) {
        job = ob_calloc(1, sizeof(*job));
        (void)snprintf(job->key, sizeof(job->key), "%s", id);
        (void)ob_uuid_parse(id, strlen(id), &job->id);
        HASH_ADD_STR(jobs->all, key, job);
    }
    job->wanted = true;
    return job;
}

static void forget(event_jobs *jobs, event_job *job)
{
    HASH_DEL(jobs->all, job);
    for (size_t i = 0; i < ARRAY_SIZE(job->members); i++)
        ob_buf_done(&job->members[i].text);
    free(job->detail);
    free(job->definition);
    free(job);
}

/* Forgets the others. Returns how many of the wanted ones are not known yet. */
static size_t want(event_jobs *jobs, const PGresult *events)
{
    event_job *job, *next;
    size_t unknown = 0;
    for (job = jobs->all; job; job = job->hh.next)
        job->wanted = false;
    for (int i = 0; i < PQntuples(events); i++)
        (void)need(jobs, ob_col(events, i, EVENT_JOB_ID));
    HASH_ITER(hh, jobs->all, job, next)
    {
        if (!job->wanted)
            forget(jobs, job);
        else if (!job->detail)
            unknown++;
    }
    return unknown;
}

int event_jobs_read(event_jobs *jobs, ob_db *db, const PGresult *events, ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *subjects = NULL;
    size_t unknown = want(jobs, events), n = 0;
    if (unknown == 0)
        return 0;
    ob_cleanup(ob_freep) ob_uuid *ids = ob_calloc(unknown, sizeof(*ids));
    for (const event_job *job = jobs->all; job; job = job->hh.next) {
        if (!job->detail)
            ids[n++] = job->id;
    }
    int r = store_subjects(db, ids, n, &subjects, err);
    if (r == 0)
        event_jobs_take(jobs, subjects);
    return r;
}

void event_jobs_take(event_jobs *jobs, const PGresult *subjects)
{
    for (int i = 0; i < PQntuples(subjects); i++) {
        event_job *job = need(jobs, ob_col(subjects, i, SUBJECT_ID));
        if (!job->detail)
            fill(job, subjects, i);
    }
}

void event_jobs_shrink(event_jobs *jobs)
{
    event_job *job, *next;
    HASH_ITER(hh, jobs->all, job, next)
    {
        if (job->detail_len > KEPT_MAX)
            forget(jobs, job);
    }
}

void event_jobs_done(event_jobs *jobs)
{
    event_job *job, *next;
    HASH_ITER(hh, jobs->all, job, next)
    {
        forget(jobs, job);
    }
}

event_job *event_jobs_find(const event_jobs *jobs, const char *id)
{
    event_job *job = find(jobs, id);
    return job && job->detail ? job : NULL;
}
