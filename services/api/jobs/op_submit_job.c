/* SubmitJob: resolve, persist, answer. Thread: an HTTP worker. */
#include "job_operations.h"
#include <stdio.h>
#include <string.h>

#include "disks.h"
#include "job_deps.h"
#include "job_detail.h"
#include "jobs.h"
#include "ob/clock.h"
#include "ob/digest.h"
#include "ob/message.h"
#include "ob/trace.h"
#include "queues/queue_store.h"
#include "request/name_cache.h"
#include "submit_check.h"
#include "submit_store.h"

#define SHARES_MAX 500 /* AWS quota: active share identifiers of a job queue */
/* Propagated tags travel beside a job's text: 50 of 128 + 256 characters, of six bytes at most as
 * JSON. */
#define TASK_TAGS_MAX (50 * (128 + 256) * 6)
_Static_assert(JOB_DETAIL_MAX + TASK_TAGS_MAX < OB_MESSAGE_ROOM,
               "each job can be sent to an instance");

/* The cache uses the meaning of a text, whatever its spelling. */
static const char *name_in(const api_request *req, const char *member)
{
    const api_name *named = names_of(req, member);
    return named ? named->name : NULL;
}

static int usable_queue(api_request *req, api_queue *queue, api_reply *rep)
{
    const char *name = name_in(req, "jobQueue");
    if (known_queue(req->ctx->known, req, name, queue))
        return 0;
    int r = resolve_queue(req, queue, rep);
    if (r < 0)
        return r;
    if (queue->deleting)
        return api_client_error(rep, "JobQueue %s not found.", queue->name);
    if (!queue->enabled)
        return api_client_error(rep, "JobQueue %s is disabled and cannot accept jobs.",
                                queue->name);
    known_queue_put(req->ctx->known, req, name, queue);
    return 0;
}

static int usable_definition(api_request *req, api_definition *definition, api_reply *rep)
{
    const char *name = name_in(req, "jobDefinition");
    if (known_definition(req->ctx->known, req, name, definition))
        return 0;
    int r = resolve_active_definition(req, names_of(req, "jobDefinition"), definition, rep);
    if (r == 0)
        known_definition_put(req->ctx->known, req, name, definition);
    return r;
}

static void forget(api_request *req)
{
    known_forget(req->ctx->known, req, name_in(req, "jobQueue"), name_in(req, "jobDefinition"));
}

/* The commit found that the queue or the definition has changed: the handler is called again and
 * asks the database. */
static int resolve_again(api_request *req, api_reply *rep)
{
    forget(req);
    return ob_fail_retry(&rep->err, EAGAIN, "the job queue or the job definition keeps changing");
}

static int persist(api_request *req, const submission *job, ob_uuid *ret_id, api_reply *rep)
{
    req_db_release(req); /* the commit waits for others */
    int r = submit_wait(jobs_submitter(), job, ret_id, &rep->err);
    if (r == -ENOENT)
        return resolve_again(req, rep);
    if (r == -EEXIST)
        return api_client_error(rep, "%s", rep->err.text);
    return r;
}

static int answer(const api_request *req, const ob_uuid *id, api_reply *rep)
{
    char text_id[OB_UUID_TEXT];
    char arn[API_ARN_MAX];
    ob_uuid_format(id, text_id);
    arn_job(arn, req->region, req->account, text_id);
    rep->body = json_pack("{s:s, s:O, s:s}", "jobArn", arn, "jobName",
                          json_object_get(req->body, "jobName"), "jobId", text_id);
    return 0;
}

static void hash_body(const api_request *req, uint8_t out[32])
{
    ob_sha256(req->body_text, req->body_len, out);
}

/* By W3C Trace Context one that is not valid is ignored, and so is what a later version adds.
 * Returns 'out', or NULL. */
static const char *valid_traceparent(const char *sent, char out[OB_TRACEPARENT_TEXT])
{
    ob_traceparent parent;
    if (!sent || !ob_traceparent_parse(sent, &parent))
        return NULL;
    (void)snprintf(out, OB_TRACEPARENT_TEXT, "%s", sent);
    return out;
}

static int check_name(const api_request *req, api_reply *rep)
{
    if (name_is_valid(ob_json_str(req->body, "jobName", "")))
        return 0;
    return api_client_error_long(rep, req->request_id, "Job name should match valid pattern");
}

static int check_shares(api_request *req, const api_queue *queue, api_reply *rep)
{
    bool fits = true;
    if (!queue->fair_share)
        return 0;
    int r = req_db(req, &rep->err);
    if (r == 0)
        r = queue_share_fits(req->db, queue->id, ob_json_str(req->body, "shareIdentifier", ""),
                             SHARES_MAX, &fits, &rep->err);
    if (r < 0 || fits)
        return r;
    return api_client_error(rep,
                            "JobQueue %s has %d active share identifiers, and cannot have more.",
                            queue->name, SHARES_MAX);
}

static int submit(api_request *req, api_reply *rep)
{
    api_queue queue;
    ob_cleanup(api_definition_done) api_definition definition = { 0 };
    int r = check_name(req, rep);
    if (r == 0)
        r = usable_queue(req, &queue, rep);
    if (r == 0)
        r = usable_definition(req, &definition, rep);
    if (r == 0)
        r = submit_check(req, &queue, &definition, rep);
    if (r == 0)
        r = check_shares(req, &queue, rep);
    if (r < 0)
        return r;
    if (req->definition_revision && definition.revision != req->definition_revision)
        return resolve_again(req, rep);

    int64_t now_ms = ob_wall_ms();
    char traceparent[OB_TRACEPARENT_TEXT];
    ob_cleanup(submission_done) submission job = {
        .id = ob_uuid_new_at(now_ms),
        .created_at_ms = now_ms,
        .account = req->account,
        .region = req->region,
        .queue_id = queue.id,
        .queue_version = queue.version,
        .definition_id = definition.id,
        .latest = definition.latest,
        .definition = definition.name,
        .revision = definition.revision,
        .name = ob_json_str(req->body, "jobName", ""),
        .array_size =
            (int32_t)ob_json_int(json_object_get(req->body, "arrayProperties"), "size", 0),
        .key_id = req->key_id,
        .invocation_id = req->invocation_id,
        .traceparent = valid_traceparent(req->traceparent, traceparent),
    };
    hash_body(req, job.body_hash);
    r = job_deps_read(req, &job, rep);
    if (r == 0)
        r = job_detail_resolve(req, &queue, &definition, &job, rep);
    if (r < 0)
        return r;
    if (strlen(job.detail) > JOB_DETAIL_MAX)
        return api_client_error_long(
            rep, req->request_id,
            "Job size must be less than %d KiB with its parameters in place, got %zu KiB",
            JOB_DETAIL_MAX / 1024, (strlen(job.detail) + 1023) / 1024);
    ob_uuid id;
    r = persist(req, &job, &id, rep);
    return r < 0 ? r : answer(req, &id, rep);
}

/* A call that is refused now may be the repeated try of a call that was accepted before its queue
 * was disabled or its definition deregistered, or whose first try is being written at this moment.
 * All tries get one answer: the first job, or, from now on, the refusal in 'r' and the reply. */
static int settle_refused(api_request *req, int r, api_reply *rep)
{
    uint8_t hash[32];
    ob_uuid id;
    bool same_body = false;
    ob_error err = { 0 };
    if (req->invocation_id == NULL || req->first_try)
        return r;
    hash_body(req, hash);
    int found = req_db(req, &err);
    if (found == 0)
        found = submit_store_refuse_once(req->db, req->key_id, req->invocation_id, hash,
                                         ob_wall_ms(), &err);
    if (found == 0)
        found = submit_store_find_once(req->db, req->key_id, req->invocation_id, hash, &id,
                                       &same_body, &err);
    if (found == -ECANCELED || (found == 0 && !same_body))
        return r;
    api_reply_done(rep);
    rep->err = err;
    return found < 0 ? found : answer(req, &id, rep);
}

int op_submit_job(api_request *req, api_reply *rep)
{
    /* Accepted jobs need the remaining disk space. */
    if (disks_are_full(req->ctx->disks))
        return api_error(rep, 503, "ServerException",
                         "No job can be accepted now because a disk of the service is full.");
    int r = submit(req, rep);
    if (r < 0 && rep->code != NULL) { /* possibly with the old meaning of a name */
        forget(req);
        api_reply_done(rep);
        r = submit(req, rep);
    }
    return r < 0 && rep->code != NULL ? settle_refused(req, r, rep) : r;
}
