/* RegisterJobDefinition: stores an immutable revision in the form that Describe shows. Thread: an
 * HTTP worker. */
#include "definition_operations.h"
#include <string.h>

#include "auth/authorize.h"
#include "definition_check.h"
#include "definition_store.h"
#include "logs/log_store.h"
#include "ob/message.h"
#include "ob/pod.h"
#include "request/store.h"

typedef struct registration {
    const char *name;
    const json_t *body;
    const char *text; /* of body */
    int revision;
} registration;

static void default_to(json_t *object, const char *name, json_t *value)
{
    if (json_object_get(object, name))
        json_decref(value);
    else
        (void)json_object_set_new(object, name, value);
}

/* AWS leaves pairs with an empty value out. */
static void drop_empty_values(json_t *environment)
{
    for (size_t i = json_array_size(environment); i > 0; i--)
        if (!*ob_json_str(json_array_get(environment, i - 1), "value", ""))
            (void)json_array_remove(environment, i - 1);
}

static void default_lists(json_t *object, const char *const *names)
{
    for (; *names; names++)
        default_to(object, *names, json_array());
}

static void add_to_container(json_t *container)
{
    default_lists(container,
                  (const char *const[]){ "command", "environment", "mountPoints",
                                         "resourceRequirements", "ulimits", "secrets", NULL });
    drop_empty_values(json_object_get(container, "environment"));
    json_t *log = json_object_get(container, "logConfiguration");
    if (log) {
        default_to(log, "options", json_object());
        default_to(log, "secretOptions", json_array());
    }
    json_t *linux_parameters = json_object_get(container, "linuxParameters");
    if (linux_parameters)
        default_lists(linux_parameters, (const char *const[]){ "devices", "tmpfs", NULL });
    size_t i;
    json_t *device;
    json_array_foreach(json_object_get(linux_parameters, "devices"), i, device)
    {
        default_to(device, "permissions", json_array());
    }
}

static void add_to_tasks(json_t *ecs)
{
    size_t i, k;
    json_t *task, *container;
    json_array_foreach(json_object_get(ecs, "taskProperties"), i, task)
    {
        default_to(task, "volumes", json_array());
        json_array_foreach(json_object_get(task, "containers"), k, container)
        {
            add_to_container(container);
            default_to(container, "dependsOn", json_array());
            default_to(container, "essential", json_true());
        }
    }
}

static void add_to_pod(json_t *pod)
{
    static const char *const kinds[] = { "containers", "initContainers" };
    if (!pod)
        return;
    default_lists(pod, (const char *const[]){ "imagePullSecrets", "volumes", NULL });
    default_to(pod, "hostNetwork", json_true());
    for (size_t kind = 0; kind < 2; kind++) {
        size_t i;
        json_t *container;
        json_array_foreach(json_object_get(pod, kinds[kind]), i, container)
        {
            default_lists(container,
                          (const char *const[]){ "args", "command", "env", "volumeMounts", NULL });
        }
    }
}

/* The properties of a whole definition, or of a range of nodes. */
static void add_to_properties(json_t *object, const char *container_name)
{
    json_t *container = json_object_get(object, container_name);
    if (container) {
        add_to_container(container);
        default_to(container, "volumes", json_array());
    }
    add_to_tasks(json_object_get(object, "ecsProperties"));
    add_to_pod(json_object_get(json_object_get(object, "eksProperties"), "podProperties"));
}

/* The empty collections and defaults that a real answer shows. */
static void add_defaults(json_t *body)
{
    json_t *container = json_object_get(body, "containerProperties");
    add_to_properties(body, "containerProperties");
    if (container && definition_is_fargate(body))
        default_to(container, "fargatePlatformConfiguration",
                   json_pack("{s:s}", "platformVersion", "LATEST"));
    size_t i;
    json_t *range;
    json_array_foreach(
        json_object_get(json_object_get(body, "nodeProperties"), "nodeRangeProperties"), i, range)
    {
        add_to_properties(range, "container");
    }
    if (json_object_size(json_object_get(body, "timeout")) == 0)
        (void)json_object_del(body, "timeout");
    default_to(body, "parameters", json_object());
    default_to(body, "platformCapabilities", json_array());
    default_to(body, "tags", json_object());
    default_to(body, "propagateTags", json_false());
    default_to(body, "schedulingPriority", json_integer(0));
    default_to(body, "containerOrchestrationType",
               json_string(json_object_get(body, "eksProperties") ? "EKS" : "ECS"));
}

/* Creates the log group that its jobs will write to. */
static int make_log_group(api_request *req, const json_t *container, ob_error *err)
{
    const json_t *config = json_object_get(container, "logConfiguration");
    const json_t *options = json_object_get(config, "options");
    const char *group = ob_json_str(options, "awslogs-group", NULL);
    if (!group || strcmp(ob_json_str(config, "logDriver", ""), "awslogs") != 0)
        return 0;
    return log_store_group_make(req->db, req->account,
                                ob_json_str(options, "awslogs-region", req->region), group, err);
}

static int insert(api_request *req, api_reply *rep, void *arg)
{
    registration *one = arg;
    int r = definition_insert(req, one->name, one->text, &one->revision, &rep->err);
    if (r == 0)
        r = make_log_group(req, json_object_get(one->body, "containerProperties"), &rep->err);
    return r;
}

/* What its container, or its pod, requests from the host. */
static int check_host(const api_request *req, const char *name, api_reply *rep)
{
    ob_error why = { 0 };
    const json_t *eks = json_object_get(req->body, "eksProperties");
    json_auto_t *pod = eks ? ob_pod_host_container(json_object_get(eks, "podProperties")) : NULL;
    const json_t *container = pod ? pod : json_object_get(req->body, "containerProperties");
    int r =
        access_check_container(req, name, 0, container, json_object_get(req->body, "tags"), rep);
    if (r == 0 && ob_host_guard_check(req->ctx->guard, container, false, &why) < 0)
        r = api_client_error_long(rep, req->request_id, "%s", why.text);
    return r;
}

int op_register_job_definition(api_request *req, api_reply *rep)
{
    registration one = { .name = ob_json_str(req->body, "jobDefinitionName", "") };
    if (!name_is_valid(one.name))
        return api_client_error_long(
            rep, req->request_id, "jobDefinitionName %.200s should match valid pattern", one.name);
    int r = check_host(req, one.name, rep);
    if (r < 0)
        return r;
    json_auto_t *body = fields_copy(req->op->fields, req->body);
    (void)json_object_del(body, "jobDefinitionName");
    add_defaults(body);
    ob_cleanup(ob_freep) char *text = json_dumps(body, JSON_COMPACT);
    one.body = body;
    one.text = text;
    r = store_tx(req, OB_POINT_API_DEFINITION_REGISTER, rep, insert, &one);
    if (r < 0)
        return r;
    char arn[API_ARN_MAX];
    arn_job_definition(arn, req->region, req->account, one.name, one.revision);
    rep->body = json_pack("{s:s, s:s, s:i}", "jobDefinitionName", one.name, "jobDefinitionArn", arn,
                          "revision", one.revision);
    return 0;
}
