/* The common part of the operations on job queues: look-up, the derived status, the rules of
 * computeEnvironmentOrder and the form of Describe. Thread: an HTTP worker. */
#include "queue_rules.h"

#include <stdio.h>
#include <string.h>

#include "environments/eks_check.h"
#include "environments/environment.h"
#include "environments/environment_check.h"
#include "ob/message.h"
#include "request/names.h"
#include "sched_policy_store.h"

#define ORDER_MAX 3

int queue_named(api_request *req, api_wanted_queue *ret, api_reply *rep)
{
    const api_name *named = names_of(req, "jobQueue");
    const char *name = named ? named->name : "";
    char arn[API_ARN_MAX];
    int r = -ENOENT;
    if (name && name_is_valid(name))
        r = queue_find(req, name, true, ret, &rep->err);
    if (r != -ENOENT)
        return r;
    if (name)
        (void)snprintf(arn, sizeof arn, "arn:aws:batch:%s:%s:job-queue/%.128s", req->region,
                       req->account, name);
    (void)api_client_error(rep, "%.383s does not exist", name ? arn : named->text);
    return -ENOENT;
}

const char *queue_status_text(const api_wanted_queue *q)
{
    if (q->deleting)
        return "DELETING";
    if (!q->has_status)
        return "CREATING";
    if (!q->current)
        return "UPDATING";
    return q->valid ? "VALID" : "INVALID";
}

typedef struct entry {
    int64_t order;
    int64_t ce_id;
    const char *name;
    char arn[API_ARN_MAX];
} entry;

static int by_order(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    return (x->order > y->order) - (x->order < y->order);
}

static int
read_entries(api_request *req, const json_t *order, entry *out, size_t *ret_n, api_reply *rep)
{
    size_t n = json_array_size(order);
    if (n < 1 || n > ORDER_MAX)
        return api_client_error_long(
            rep, req->request_id, "computeEnvironmentOrder must have 1 to %d entries.", ORDER_MAX);
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(order, i);
        const api_name *named = names_at(req, "computeEnvironmentOrder[].computeEnvironment", i);
        out[i].order = ob_json_int(one, "order", 0);
        out[i].name = named ? named->name : NULL;
        if (!out[i].name || !name_is_valid(out[i].name))
            return api_client_error(rep, "%.300s does not exist", named ? named->text : "");
        arn_compute_environment(out[i].arn, req->region, req->account, out[i].name);
        for (size_t k = 0; k < i; k++) {
            if (out[k].order == out[i].order)
                return api_client_error_long(
                    rep, req->request_id,
                    "computeEnvironmentOrder has the order %lld more than once.",
                    (long long)out[i].order);
            if (strcmp(out[k].name, out[i].name) == 0)
                return api_client_error_long(rep, req->request_id,
                                             "computeEnvironmentOrder has %s more than once.",
                                             out[i].arn);
        }
    }
    *ret_n = n;
    return 0;
}

static int check_environment(const api_environment *e, entry *to, api_reply *rep)
{
    if (e->deleting)
        return api_client_error(rep, "%s does not exist", to->arn);
    if (!e->has_status)
        return api_client_error(rep, "%s must be created and valid before attaching", to->arn);
    if (!e->valid)
        return api_client_error(rep, "%s must be valid before attaching", to->arn);
    to->ce_id = e->id;
    return 0;
}

/* The properties that all environments of a queue must share. */
typedef struct likeness {
    int eks, fargate, arm; /* -1: not known yet */
} likeness;

static int check_alike(api_request *req, const api_environment *e, likeness *all, api_reply *rep)
{
    const json_t *resources = json_object_get(e->body, "computeResources");
    int fargate = environment_is_fargate(resources), arm = environment_is_arm(resources);
    int eks = environment_is_eks(e->body);
    if (all->eks >= 0 && all->eks != eks)
        return api_client_error_long(rep, req->request_id,
                                     "Compute environments of ECS and of EKS cannot be mixed in a "
                                     "job queue.");
    all->eks = eks;
    if (all->fargate >= 0 && all->fargate != fargate)
        return api_client_error_long(rep, req->request_id,
                                     "Compute environments of EC2 and of Fargate cannot be mixed "
                                     "in a job queue.");
    all->fargate = fargate;
    if (json_array_size(json_object_get(resources, "instanceTypes")) == 0)
        return 0;
    if (all->arm >= 0 && all->arm != arm)
        return api_client_error_long(
            rep, req->request_id,
            "All compute environments of a job queue must have the same architecture.");
    all->arm = arm;
    return 0;
}

/* Finds and locks the environments of all entries. */
static int bind_entries(api_request *req, entry *entries, size_t n, likeness *ret, api_reply *rep)
{
    const char *names[ORDER_MAX];
    for (size_t i = 0; i < n; i++)
        names[i] = entries[i].name;
    ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
    int r = environment_share(req, names, n, &rows, &rep->err);
    likeness all = { -1, -1, -1 };
    for (int row = 0; r == 0 && row < PQntuples(rows); row++) {
        ob_cleanup(api_environment_done) api_environment e = { 0 };
        r = environment_from_row(rows, row, &e, &rep->err);
        for (size_t i = 0; r == 0 && i < n; i++)
            if (strcmp(entries[i].name, e.name) == 0)
                r = check_environment(&e, &entries[i], rep);
        if (r == 0)
            r = check_alike(req, &e, &all, rep);
    }
    for (size_t i = 0; r == 0 && i < n; i++)
        if (entries[i].ce_id == 0)
            r = api_client_error(rep, "%s does not exist", entries[i].arn);
    *ret = all;
    return r;
}

/* jobQueueType follows from the environments; a given or earlier value must match. */
static int take_type(api_request *req, const likeness *all, api_wanted_queue *q, api_reply *rep)
{
    const char *type = all->eks > 0 ? "EKS" : all->fargate > 0 ? "ECS_FARGATE" : "ECS";
    const char *given = ob_json_str(q->body, "jobQueueType", type);
    if (strcmp(given, type) != 0)
        return api_client_error_long(
            rep, req->request_id,
            "Compute environments of %s cannot be attached to a job queue of type %s.",
            all->eks > 0       ? "EKS"
            : all->fargate > 0 ? "Fargate"
                               : "EC2",
            given);
    (void)json_object_set_new(q->body, "jobQueueType", json_string(type));
    return 0;
}

int queue_take_policy(api_request *req, api_wanted_queue *q, api_reply *rep)
{
    ob_cleanup(sched_policy_done) sched_policy policy = { 0 };
    char arn[API_ARN_MAX];
    int r = sched_policy_named(req, "schedulingPolicyArn", SCHED_POLICY_SHARE, &policy, rep);
    if (r < 0)
        return r;
    if (!json_object_get(policy.body, "fairsharePolicy"))
        return api_client_error_long(
            rep, req->request_id,
            "Scheduling policies with a quotaSharePolicy are not supported by OpenBatch yet.");
    q->policy_id = policy.id;
    arn_scheduling_policy(arn, req->region, req->account, policy.name);
    (void)json_object_set_new(q->body, "schedulingPolicyArn", json_string(arn));
    return 0;
}

int queue_take_order(api_request *req, const json_t *order, api_wanted_queue *q, api_reply *rep)
{
    entry entries[ORDER_MAX] = { 0 };
    size_t n = 0;
    likeness all = { 0 };
    int r = read_entries(req, order, entries, &n, rep);
    if (r == 0)
        r = bind_entries(req, entries, n, &all, rep);
    if (r == 0)
        r = take_type(req, &all, q, rep);
    if (r < 0)
        return r;
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(list,
                                    json_pack("{s:I, s:s}", "order", (json_int_t)entries[i].order,
                                              "computeEnvironment", entries[i].arn));
    (void)json_object_set_new(q->body, "computeEnvironmentOrder", list);
    qsort(entries, n, sizeof entries[0], by_order);
    q->n_ces = n;
    for (size_t i = 0; i < n; i++)
        q->ce_ids[i] = entries[i].ce_id;
    return 0;
}

json_t *queue_json(const api_request *req, const api_wanted_queue *q)
{
    char arn[API_ARN_MAX];
    arn_job_queue(arn, req->region, req->account, q->name);
    json_t *out = json_deep_copy(q->body);
    json_auto_t *more = json_pack("{s:s, s:s, s:s, s:s, s:i}", "jobQueueName", q->name,
                                  "jobQueueArn", arn, "state", q->enabled ? "ENABLED" : "DISABLED",
                                  "status", queue_status_text(q), "priority", q->priority);
    (void)json_object_update(out, more);
    if (q->has_status)
        (void)json_object_set_new(out, "statusReason", json_string(q->reason));
    return out;
}
