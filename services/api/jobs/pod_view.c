/* Owns the conversion of an EKS job's row to JobDetail (AWS Batch API reference,
 * "EksAttemptDetail", "EksPodPropertiesDetail"). Decides nothing about the job. Pure: any thread.
 */
#include "pod_view.h"

#include <string.h>

#include "job_store.h"
#include "ob/json.h"
#include "ob/message.h"
#include "ob/pod.h"
#include "request/arn.h"

/* A text that has this within a string has its quotes escaped. */
bool pod_view_is(const char *detail)
{
    return strstr(detail, ",\"eksProperties\":{") != NULL;
}

/* What is known of the pod of a run; NULL: nothing. */
static const json_t *pod_of(const json_t *pods, int64_t attempt, int64_t run)
{
    size_t i;
    json_t *one;
    json_array_foreach(pods, i, one)
    {
        if (ob_json_int(one, "attempt", 0) == attempt && ob_json_int(one, "run", 0) == run)
            return json_object_get(one, "pod");
    }
    return NULL;
}

/* New; NULL: nothing is known. properties: the podProperties of the job. */
static json_t *pod_of_attempt(const json_t *pods, const json_t *properties, const json_t *a)
{
    const json_t *pod = pod_of(pods, ob_json_int(a, "attempt", 0), ob_json_int(a, "run", 0));
    return ob_pod_explained(pod, properties, ob_json_str(a, "container_reason", ""));
}

static void copy(json_t *to, const char *name, const json_t *from, const char *column)
{
    json_t *value = json_object_get(from, column);
    if (value && !json_is_null(value))
        (void)json_object_set(to, name, value);
}

static json_t *attempts_view(const json_t *attempts, const json_t *pods, const json_t *properties)
{
    json_t *list = json_array();
    size_t i;
    json_t *a;
    json_array_foreach(attempts, i, a)
    {
        json_auto_t *pod = pod_of_attempt(pods, properties, a);
        json_t *one = ob_pod_attempt(pod);
        copy(one, "eksClusterArn", a, "cluster");
        copy(one, "startedAt", a, "started_at_ms");
        copy(one, "stoppedAt", a, "stopped_at_ms");
        copy(one, "statusReason", a, "reason");
        (void)json_array_append_new(list, one);
    }
    return list;
}

/* Of the current run. New; NULL: nothing is known. */
static json_t *pod_of_run(const json_t *pods, const PGresult *rows, int row)
{
    const json_t *pod = pod_of(pods, ob_col_int(rows, row, DESCRIBE_COL_ATTEMPT, 0),
                               ob_col_int(rows, row, JOB_COL_RUN, 0));
    return json_incref((json_t *)pod);
}

static json_t *pod_of_last_attempt(const pod_view *v, const json_t *pods, const json_t *properties)
{
    size_t n = json_array_size(v->attempts);
    return n > 0 ? pod_of_attempt(pods, properties, json_array_get(v->attempts, n - 1)) : NULL;
}

void pod_view_write(FILE *out,
                    const char *separator,
                    const pod_view *v,
                    json_t *members,
                    const PGresult *rows,
                    int row)
{
    char ref[OB_RUN_TEXT], arn[API_ARN_MAX];
    const char *stored = ob_col(rows, row, DESCRIBE_COL_PODS);
    json_auto_t *pods = stored ? ob_json_read_text(stored) : NULL;
    json_auto_t *job = ob_json_read_text(v->detail);
    ob_job_ref_format(v->ref, ref);
    arn_job(arn, v->req->region, v->req->account, ref);
    (void)json_object_set_new(job, "jobArn", json_string(arn));
    (void)json_object_set_new(job, "jobId", json_string(ref));
    json_t *properties = json_object_get(json_object_get(job, "eksProperties"), "podProperties");
    json_auto_t *pod =
        v->placed ? pod_of_run(pods, rows, row) : pod_of_last_attempt(v, pods, properties);
    (void)json_object_set_new(job, "attempts", json_array());
    (void)json_object_set_new(job, "eksAttempts", attempts_view(v->attempts, pods, properties));
    ob_pod_show(properties, pod);
    (void)json_object_update(job, members);
    ob_cleanup(ob_freep) char *text = json_dumps(job, JSON_COMPACT);
    fputs(separator, out);
    fputs(text ? text : "{}", out);
}
