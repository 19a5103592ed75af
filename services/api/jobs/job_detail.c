/* Owns the result of a submission: the members of JobDetail that never change, and the parts that
 * the scheduler needs. Never touches the database. Pure: any thread. */
#include "job_detail.h"

#include <stdio.h>
#include <string.h>

#include "auth/authorize.h"
#include "container_resolve.h"
#include "definitions/definition_check.h"
#include "job_detail_text.h"
#include "ob/message.h"
#include "ob/pod.h"
#include "pod_resolve.h"
#include "submit_check.h"

#define TAGS_MAX 50

/* The body's member, which replaces the definition's as a whole, or else the definition's; an empty
 * object counts as none */
static json_t *either(const json_t *body, const json_t *definition, const char *name)
{
    json_t *value = json_object_get(body, name);
    if (value == NULL || (json_is_object(value) && json_object_size(value) == 0))
        value = json_object_get(definition, name);
    return value;
}

static json_t *copy_or(const json_t *value, json_t *if_missing)
{
    if (value == NULL)
        return if_missing;
    json_decref(if_missing);
    return json_deep_copy(value);
}

static void set_retry(json_t *detail, const json_t *body, const json_t *definition, submission *job)
{
    json_t *strategy =
        copy_or(either(body, definition, "retryStrategy"), json_pack("{s:i}", "attempts", 1));
    const json_t *on_exit = json_object_get(strategy, "evaluateOnExit");
    job->attempts = (int)ob_json_int(strategy, "attempts", 1);
    if (json_array_size(on_exit) > 0)
        job->on_exit = json_dumps(on_exit, JSON_COMPACT);
    json_object_set_new(detail, "retryStrategy", strategy);
}

static void
set_timeout(json_t *detail, const json_t *body, const json_t *definition, submission *job)
{
    json_t *timeout = either(body, definition, "timeout");
    job->timeout_s = (int)ob_json_int(timeout, "attemptDurationSeconds", 0);
    if (job->timeout_s > 0)
        json_object_set(detail, "timeout", timeout);
}

/* A priority in the definition has a meaning only in a fair-share queue. */
static void set_share(json_t *detail,
                      const json_t *body,
                      const json_t *definition,
                      const api_queue *queue,
                      submission *job)
{
    if (!queue->fair_share)
        return;
    job->share = ob_json_str(body, "shareIdentifier", NULL);
    job->priority = (int)ob_json_int(body, "schedulingPriorityOverride",
                                     ob_json_int(definition, "schedulingPriority", 0));
    json_object_set_new(detail, "shareIdentifier", json_string(job->share));
    json_object_set_new(detail, "schedulingPriority", json_integer(job->priority));
}

/* The job's tags override the definition's (AWS: "Tag your AWS Batch resources", propagation). */
static void set_tags(json_t *detail, const json_t *body, const json_t *definition, submission *job)
{
    json_t *tags = json_object_get(body, "tags");
    bool propagate = json_is_true(either(body, definition, "propagateTags"));
    json_object_set_new(detail, "tags", copy_or(tags, json_object()));
    json_object_set_new(detail, "propagateTags", json_boolean(propagate));
    if (!propagate)
        return;
    json_auto_t *all = copy_or(json_object_get(definition, "tags"), json_object());
    json_object_update(all, tags);
    if (json_object_size(all) > TAGS_MAX)
        job->failure = "The tags of the job and its job definition together must be at most 50";
    else if (json_object_size(all) > 0)
        job->task_tags = json_dumps(all, JSON_COMPACT);
}

static json_t *depends_on(const json_t *body)
{
    static const char *const names[] = { "jobId", "type" };
    json_t *out = json_array();
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(body, "dependsOn"), i, entry)
    {
        json_t *one = json_object();
        for (size_t k = 0; k < 2; k++)
            if (json_object_get(entry, names[k]) != NULL)
                json_object_set(one, names[k], json_object_get(entry, names[k]));
        json_array_append_new(out, one);
    }
    return out;
}

/* The member that DescribeJobs shows of what the job runs, and its size. */
typedef struct workload {
    const char *member;
    json_t *value;
    bool too_long; /* its overrides are, for ECS */
} workload;

static int resolve_container(const api_request *req,
                             const api_queue *queue,
                             const api_definition *definition,
                             const json_t *parameters,
                             submission *job,
                             workload *ret,
                             api_reply *rep)
{
    const json_t *base = definition->body;
    json_auto_t *container = NULL;
    int r = container_resolve(json_object_get(base, "containerProperties"),
                              json_object_get(req->body, "containerOverrides"), parameters,
                              &container, &ret->too_long, rep);
    /* Of a definition for both platforms; its registration has set it. */
    if (r == 0 && !queue->fargate && definition_is_fargate(base))
        (void)json_object_del(container, "fargatePlatformConfiguration");
    if (r == 0)
        r = submit_check_container(req, queue, container, rep);
    if (r == 0)
        r = access_check_container(req, definition->name, definition->revision, container,
                                   json_object_get(base, "tags"), rep);
    if (r < 0)
        return r;
    job->need = container_need(container);
    ret->member = "container";
    ret->value = json_incref(container);
    return 0;
}

static int resolve_pod(const api_request *req,
                       const api_definition *definition,
                       const json_t *parameters,
                       submission *job,
                       workload *ret,
                       api_reply *rep)
{
    static const char name[] = "podProperties";
    const json_t *eks = json_object_get(definition->body, "eksProperties");
    const json_t *overrides = json_object_get(req->body, "eksPropertiesOverride");
    json_auto_t *pod = NULL;
    int r = pod_resolve(json_object_get(eks, name), json_object_get(overrides, name), parameters,
                        JOB_DETAIL_MAX, &pod, rep);
    if (r == 0)
        r = pod_need(pod, &job->need, rep);
    json_auto_t *host = r == 0 ? ob_pod_host_container(pod) : NULL;
    if (r == 0)
        r = submit_check_pod(req, pod, host, &job->need, rep);
    if (r == 0)
        r = access_check_container(req, definition->name, definition->revision, host,
                                   json_object_get(definition->body, "tags"), rep);
    if (r < 0)
        return r;
    ret->member = "eksProperties";
    ret->value = json_pack("{s:O}", name, pod);
    return 0;
}

int job_detail_resolve(const api_request *req,
                       const api_queue *queue,
                       const api_definition *definition,
                       submission *job,
                       api_reply *rep)
{
    const json_t *body = req->body;
    const json_t *base = definition->body;
    json_auto_t *parameters = copy_or(json_object_get(base, "parameters"), json_object());
    json_auto_t *detail = json_object();
    workload work = { 0 };
    json_object_update(parameters, json_object_get(body, "parameters"));
    int r = queue->eks ? resolve_pod(req, definition, parameters, job, &work, rep)
                       : resolve_container(req, queue, definition, parameters, job, &work, rep);
    if (r < 0)
        return r;

    json_object_set(detail, "jobName", json_object_get(body, "jobName"));
    json_object_set_new(detail, "jobQueue", json_string(queue->arn));
    json_object_set_new(detail, "jobDefinition", json_string(definition->arn));
    json_object_set_new(detail, "createdAt", json_integer(job->created_at_ms));
    json_object_set_new(detail, "dependsOn", depends_on(body));
    json_object_set(detail, "parameters", parameters);
    set_retry(detail, body, base, job);
    set_timeout(detail, body, base, job);
    set_share(detail, body, base, queue, job);
    set_tags(detail, body, base, job);
    if (work.too_long) /* AWS accepts them, and fails the job when it hands the task to ECS */
        job->failure = "Container Overrides length must be at most 8192";
    json_object_set_new(detail, "platformCapabilities",
                        copy_or(json_object_get(base, "platformCapabilities"), json_array()));
    json_object_set_new(detail, work.member, work.value); /* last: see job_detail_text.h */

    char text_id[OB_UUID_TEXT];
    char prefix[JOB_DETAIL_PREFIX_MAX];
    ob_uuid_format(&job->id, text_id);
    job_detail_prefix(prefix, req->region, req->account, text_id);
    ob_cleanup(ob_freep) char *members = json_dumps(detail, JSON_COMPACT);
    if (members == NULL)
        return ob_fail(&rep->err, ENOMEM, "cannot render the job");
    job->detail = ob_strf("%s%s", prefix, members + 1);
    return 0;
}
