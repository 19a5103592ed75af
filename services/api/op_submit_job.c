/* SubmitJob: resolve, persist, answer. Thread: an HTTP worker. */
#include <openssl/sha.h>
#include <string.h>

#include "job_detail.h"
#include "jobs.h"
#include "known.h"
#include "ob/clock.h"
#include "ops.h"
#include "resolve.h"
#include "submit.h"

#define SUBMIT_BODY_MAX (30 * 1024) /* AWS quota: SubmitJob request */
/* Ref:: may stand for a long parameter many times; a resolved job must fit into one message to an
 * executor, and into one event. */
#define DETAIL_MAX (60 * 1024)

static int check_environment(const json_t *body, api_reply *rep)
{
    size_t i;
    json_t *pair;
    const json_t *overrides = json_object_get(body, "containerOverrides");
    json_array_foreach(json_object_get(overrides, "environment"), i, pair)
    {
        const char *name = json_string_value(json_object_get(pair, "name"));
        if (name != NULL && strncmp(name, "AWS_BATCH", strlen("AWS_BATCH")) == 0)
            return api_client_error(
                rep, "Environment variable names may not start with AWS_BATCH: %s", name);
    }
    return 0;
}

static int usable_queue(api_request *req, const char *text, api_queue *queue, api_reply *rep)
{
    if (known_queue(req->ctx->known, req, text, queue))
        return 0;
    int r = resolve_queue(req, text, queue, rep);
    if (r < 0)
        return r;
    if (queue->deleting)
        return api_client_error(rep, "JobQueue %s not found.", queue->name);
    if (!queue->enabled)
        return api_client_error(rep, "JobQueue %s is disabled and cannot accept jobs.",
                                queue->name);
    known_queue_put(req->ctx->known, req, text, queue);
    return 0;
}

static int
usable_definition(api_request *req, const char *text, api_definition *definition, api_reply *rep)
{
    if (known_definition(req->ctx->known, req, text, definition))
        return 0;
    int r = resolve_active_definition(req, text, definition, rep);
    if (r == 0)
        known_definition_put(req->ctx->known, req, text, definition);
    return r;
}

/* The commit found the queue or the definition changed: the handler is called again, and asks the
 * database. */
static int resolve_again(api_request *req, api_reply *rep)
{
    known_forget(req->ctx->known, req, json_string_value(json_object_get(req->body, "jobQueue")),
                 json_string_value(json_object_get(req->body, "jobDefinition")));
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

int op_submit_job(api_request *req, api_reply *rep)
{
    const char *name = json_string_value(json_object_get(req->body, "jobName"));
    if (!name_is_valid(name))
        return api_client_error_long(rep, req->request_id, "Job name should match valid pattern");
    if (req->body_len > SUBMIT_BODY_MAX)
        return api_client_error_long(rep, req->request_id,
                                     "Job size must be less than 30 KiB, got %zu KiB",
                                     (req->body_len + 1023) / 1024);
    api_queue queue;
    int r =
        usable_queue(req, json_string_value(json_object_get(req->body, "jobQueue")), &queue, rep);
    if (r < 0)
        return r;
    r = check_environment(req->body, rep);
    if (r < 0)
        return r;
    ob_cleanup(api_definition_done) api_definition definition = { 0 };
    r = usable_definition(req, json_string_value(json_object_get(req->body, "jobDefinition")),
                          &definition, rep);
    if (r < 0)
        return r;

    ob_cleanup(ob_freep) char *detail = NULL;
    const json_t *array = json_object_get(req->body, "arrayProperties");
    submission job = {
        .id = ob_uuid_new(),
        .queue_id = queue.id,
        .definition_id = definition.id,
        .latest = definition.latest,
        .definition = definition.name,
        .name = name,
        .array_size = (int32_t)json_integer_value(json_object_get(array, "size")),
        .created_at_ms = ob_wall_ms(),
        .key_id = req->key_id,
        .invocation_id = req->invocation_id,
    };
    r = job_detail_new(req->body, &definition, &queue, req->region, req->account, &job.id,
                       job.created_at_ms, &detail, &job.need, rep);
    if (r < 0)
        return r;
    if (strlen(detail) > DETAIL_MAX)
        return api_client_error_long(
            rep, req->request_id,
            "Job size must be less than %d KiB with its parameters in place, got %zu KiB",
            DETAIL_MAX / 1024, (strlen(detail) + 1023) / 1024);
    job.detail = detail;
    SHA256((const unsigned char *)req->body_text, req->body_len, job.body_hash);
    ob_uuid id;
    r = persist(req, &job, &id, rep);
    if (r < 0)
        return r;

    char text_id[OB_UUID_TEXT];
    char arn[API_ARN_MAX];
    ob_uuid_format(&id, text_id);
    arn_job(arn, req->region, req->account, text_id);
    rep->body = json_pack("{s:s, s:s, s:s}", "jobArn", arn, "jobName", name, "jobId", text_id);
    return 0;
}
