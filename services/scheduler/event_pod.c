/* See event_pod.h. Jobs of Kubernetes clusters are few and long compared with others, so their
 * events are built as JSON. Owns nothing. */
#include "event_pod.h"

#include <string.h>

#include "ob/job.h"
#include "ob/json.h"
#include "ob/pod.h"
#include "scheduler_store.h"

static bool is_of(const event_pod *e, const char *job_id, int64_t idx)
{
    return idx == e->index && strcmp(job_id, e->job->key) == 0;
}

/* What is known of the pod of a run. *ret is new; NULL: nothing. */
static json_t *pod_of(const event_pod *e, int64_t attempt, int64_t run)
{
    for (int i = 0; i < (e->pods ? PQntuples(e->pods) : 0); i++)
        if (is_of(e, ob_col(e->pods, i, POD_JOB_ID), ob_col_int(e->pods, i, POD_IDX, -1)) &&
            ob_col_int(e->pods, i, POD_ATTEMPT, 0) == attempt &&
            ob_col_int(e->pods, i, POD_RUN, 0) == run)
            return ob_json_read_text(ob_col(e->pods, i, POD_BODY));
    return NULL;
}

static void set_number(json_t *to, const char *name, const PGresult *rows, int row, int column)
{
    if (ob_col(rows, row, column))
        (void)json_object_set_new(to, name, json_integer(ob_col_int(rows, row, column, 0)));
}

static json_t *attempt_view(const event_pod *e, int i, const json_t *pod)
{
    json_t *out = ob_pod_attempt(pod);
    (void)json_object_set_new(out, "eksClusterArn",
                              ob_json_text(ob_col(e->attempts, i, ATTEMPT_CLUSTER)));
    set_number(out, "startedAt", e->attempts, i, ATTEMPT_STARTED_AT_MS);
    set_number(out, "stoppedAt", e->attempts, i, ATTEMPT_STOPPED_AT_MS);
    (void)json_object_set_new(out, "statusReason",
                              ob_json_text(ob_col(e->attempts, i, ATTEMPT_REASON)));
    return out;
}

static json_t *pod_of_attempt(const event_pod *e, int i, const json_t *properties)
{
    json_auto_t *pod = pod_of(e, ob_col_int(e->attempts, i, ATTEMPT_ATTEMPT, 0),
                              ob_col_int(e->attempts, i, ATTEMPT_RUN, 0));
    return ob_pod_explained(pod, properties, ob_col(e->attempts, i, ATTEMPT_CONTAINER_REASON));
}

/* The attempts that had ended at the event. *ret_last: the pod of the last one, new or NULL. */
static json_t *attempts_view(const event_pod *e, const json_t *properties, json_t **ret_last)
{
    json_t *list = json_array();
    int64_t ended = ob_col_int(e->events, e->row, EVENT_ATTEMPT, 0);
    for (int i = 0; i < (e->attempts ? PQntuples(e->attempts) : 0); i++) {
        int64_t attempt = ob_col_int(e->attempts, i, ATTEMPT_ATTEMPT, 0);
        if (attempt > ended || !is_of(e, ob_col(e->attempts, i, ATTEMPT_JOB_ID),
                                      ob_col_int(e->attempts, i, ATTEMPT_IDX, -1)))
            continue;
        json_t *pod = pod_of_attempt(e, i, properties);
        (void)json_array_append_new(list, attempt_view(e, i, pod));
        json_decref(*ret_last);
        *ret_last = pod;
    }
    return list;
}

/* Of the present run, whose containers may have ended since; else of the last attempt. */
static json_t *present_pod(const event_pod *e, json_t *last)
{
    int64_t state = ob_col_int(e->events, e->row, EVENT_STATE, 0);
    if (state != OB_JOB_STARTING && state != OB_JOB_RUNNING)
        return json_incref(last);
    json_t *pod = pod_of(e, ob_col_int(e->events, e->row, EVENT_ATTEMPT, 0) + 1,
                         ob_col_int(e->events, e->row, EVENT_RUN, 0));
    (void)json_object_del(pod, "containers");
    (void)json_object_del(pod, "initContainers");
    return pod;
}

/* Removes the largest submitted parts. */
static void make_lean(json_t *pod)
{
    static const char *const lists[] = { "containers", "initContainers" };
    static const char *const members[] = { "command", "args", "env", "volumeMounts" };
    for (size_t k = 0; k < ARRAY_SIZE(lists); k++) {
        size_t i;
        json_t *one;
        json_array_foreach(json_object_get(pod, lists[k]), i, one)
        {
            for (size_t m = 0; m < ARRAY_SIZE(members); m++)
                (void)json_object_set_new(one, members[m], json_array());
        }
    }
    (void)json_object_set_new(pod, "volumes", json_array());
    (void)json_object_del(pod, "metadata");
}

static void add_member(ob_buf *t, const char *name, const json_t *value)
{
    ob_buf_str(t, ",\"");
    ob_buf_str(t, name);
    ob_buf_str(t, "\":");
    ob_json_write(t, value);
}

void event_pod_add(ob_buf *t, const event_pod *e)
{
    detail_span stored = { 0 };
    (void)detail_get(e->job->detail, "eksProperties", &stored);
    json_auto_t *eks = ob_json_read(stored.at, stored.len);
    json_t *properties = json_object_get(eks, "podProperties");
    json_auto_t *last = NULL;
    json_auto_t *attempts = attempts_view(e, properties, &last);
    json_auto_t *pod = present_pod(e, last);
    if (e->lean)
        make_lean(properties);
    ob_pod_show(properties, pod);
    add_member(t, "eksProperties", eks);
    ob_buf_str(t, ",\"attempts\":[]");
    add_member(t, "eksAttempts", attempts);
}
