/* Owns the rules for dependencies of a submission (AWS: "Job dependencies", "Array jobs"). Only
 * looks jobs up; the scheduler decides when a dependency is met or has failed. A SEQUENTIAL entry
 * with a job is treated as a plain one: AWS defines the type only without jobId, but clients send
 * both. Thread: an HTTP worker. */
#include "job_deps.h"

#include <string.h>

#include "job_store.h"
#include "ob/clock.h"
#include "ob/message.h"
#include "retention.h"

/* The original text of each entry, for messages: deps[i] of the submission came from texts[i]. */
typedef struct reading {
    api_request *req;
    submission *job;
    const char *texts[SUBMISSION_DEPS_MAX];
    api_reply *rep;
} reading;

static void add(reading *rd, const submission_dep *dep, const char *text)
{
    submission *job = rd->job;
    for (size_t i = 0; i < job->n_deps; i++) {
        const submission_dep *old = &job->deps[i];
        if (ob_uuid_cmp(&old->job.id, &dep->job.id) == 0 && old->job.index == dep->job.index &&
            old->type == dep->type)
            return;
    }
    rd->texts[job->n_deps] = text;
    job->deps[job->n_deps++] = *dep;
}

static int unknown_job(const reading *rd, const char *text)
{
    return api_client_error_long(rd->rep, rd->req->request_id,
                                 "Job %.100s in dependsOn does not exist.", text);
}

static int read_entry(reading *rd, const json_t *entry)
{
    const char *text = ob_json_str(entry, "jobId", "");
    const char *type = ob_json_str(entry, "type", "");
    const char *id = rd->req->request_id;
    bool sequential = strcmp(type, "SEQUENTIAL") == 0;
    submission_dep dep = { .type = strcmp(type, "N_TO_N") == 0 ? OB_DEP_N_TO_N : OB_DEP_PLAIN };
    if (*text == '\0') {
        if (!sequential)
            return api_client_error_long(rd->rep, id,
                                         "dependsOn.jobId is required unless type is SEQUENTIAL.");
        if (rd->job->array_size == 0)
            return api_client_error_long(
                rd->rep, id, "A SEQUENTIAL dependency without jobId is only valid for array jobs.");
        dep = (submission_dep){ .job = { rd->job->id, -1 }, .type = OB_DEP_SEQUENTIAL };
        add(rd, &dep, text);
        return 0;
    }
    if (!ob_job_ref_parse(text, &dep.job))
        return unknown_job(rd, text);
    if (dep.type == OB_DEP_N_TO_N && rd->job->array_size == 0)
        return api_client_error_long(rd->rep, id,
                                     "An N_TO_N dependency is only valid for array jobs.");
    add(rd, &dep, text);
    return 0;
}

/* The array size of one of the caller's jobs, -1 if it does not exist. */
static int64_t size_of(const PGresult *rows, const ob_uuid *id)
{
    for (int row = 0; row < PQntuples(rows); row++) {
        ob_uuid found;
        if (ob_col_uuid(rows, row, JOB_SIZE_COL_ID, &found) && ob_uuid_cmp(&found, id) == 0)
            return ob_col_int(rows, row, JOB_SIZE_COL_ARRAY_SIZE, 0);
    }
    return -1;
}

static int check_entry(const reading *rd, const PGresult *rows, size_t i)
{
    const submission_dep *dep = &rd->job->deps[i];
    if (dep->type == OB_DEP_SEQUENTIAL)
        return 0;
    int64_t size = size_of(rows, &dep->job.id);
    if (size < 0 || (dep->job.index >= 0 && dep->job.index >= size))
        return unknown_job(rd, rd->texts[i]);
    if (dep->type != OB_DEP_N_TO_N)
        return 0;
    if (size == 0 || dep->job.index >= 0)
        return api_client_error_long(
            rd->rep, rd->req->request_id,
            "An N_TO_N dependency needs an array job, and job %.100s is not an array.",
            rd->texts[i]);
    if (size != rd->job->array_size)
        return api_client_error_long(rd->rep, rd->req->request_id,
                                     "An N_TO_N dependency needs array jobs of the same size: job "
                                     "%.100s has %lld children, this job has %d.",
                                     rd->texts[i], (long long)size, (int)rd->job->array_size);
    return 0;
}

int job_deps_read(api_request *req, submission *job, api_reply *rep)
{
    reading rd = { .req = req, .job = job, .rep = rep };
    const json_t *list = json_object_get(req->body, "dependsOn");
    if (json_array_size(list) > SUBMISSION_DEPS_MAX)
        return api_client_error_long(
            rep, req->request_id, "Job cannot have more than %d dependencies", SUBMISSION_DEPS_MAX);
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry)
    {
        int r = read_entry(&rd, entry);
        if (r < 0)
            return r;
    }
    if (job->n_deps == 0)
        return 0;
    ob_uuid ids[SUBMISSION_DEPS_MAX];
    const job_scope scope = { req->account, req->region };
    ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
    for (i = 0; i < job->n_deps; i++)
        ids[i] = job->deps[i].job.id;
    int r = req_db(req, &rep->err);
    if (r == 0)
        r = job_store_sizes(req->db, scope, ids, job->n_deps,
                            retention_jobs_ms(req->ctx->config, ob_wall_ms()), &rows, &rep->err);
    for (i = 0; i < job->n_deps && r == 0; i++)
        r = check_entry(&rd, rows, i);
    return r;
}
