/* RegisterJobDefinition: stores an immutable revision, in the shape that Describe shows. Thread: an
 * HTTP worker. */
#include <string.h>

#include "api_store.h"
#include "ob/message.h"

#define REQUEST_MAX (24 * 1024) /* AWS quota */

typedef struct registration {
    const char *name;
    const char *body;
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

/* The empty collections that a real answer shows. */
static void add_defaults(json_t *body)
{
    static const char *const lists[] = {
        "command", "volumes", "environment", "mountPoints", "resourceRequirements",
        "ulimits", "secrets"
    };
    json_t *container = json_object_get(body, "containerProperties");
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        default_to(container, lists[i], json_array());
    drop_empty_values(json_object_get(container, "environment"));
    json_t *log = json_object_get(container, "logConfiguration");
    if (log) {
        default_to(log, "options", json_object());
        default_to(log, "secretOptions", json_array());
    }
    json_t *linux_parameters = json_object_get(container, "linuxParameters");
    if (linux_parameters) {
        default_to(linux_parameters, "devices", json_array());
        default_to(linux_parameters, "tmpfs", json_array());
    }
    if (json_object_size(json_object_get(body, "timeout")) == 0)
        (void)json_object_del(body, "timeout");
    default_to(body, "parameters", json_object());
    default_to(body, "tags", json_object());
    default_to(body, "platformCapabilities", json_array());
    default_to(body, "propagateTags", json_false());
    default_to(body, "schedulingPriority", json_integer(0));
    default_to(body, "containerOrchestrationType", json_string("ECS"));
}

static int insert(api_request *req, api_reply *rep, void *arg)
{
    registration *one = arg;
    return definition_insert(req, one->name, one->body, &one->revision, &rep->err);
}

int op_register_job_definition(api_request *req, api_reply *rep)
{
    registration one = { .name = ob_json_str(req->body, "jobDefinitionName", "") };
    if (!name_is_valid(one.name))
        return api_client_error_long(
            rep, req->request_id, "jobDefinitionName %.200s should match valid pattern", one.name);
    if (req->body_len > REQUEST_MAX)
        return api_client_error_long(rep, req->request_id,
                                     "Job definition size must be less than 24 KiB, got %zu KiB",
                                     (req->body_len + 1023) / 1024);
    json_auto_t *body = fields_copy(req->op->fields, req->body);
    (void)json_object_del(body, "jobDefinitionName");
    add_defaults(body);
    ob_cleanup(ob_freep) char *text = json_dumps(body, JSON_COMPACT);
    one.body = text;
    int r = store_tx(req, rep, insert, &one);
    if (r < 0)
        return r;
    char arn[API_ARN_MAX];
    arn_job_definition(arn, req->region, req->account, one.name, one.revision);
    rep->body = json_pack("{s:s, s:s, s:i}", "jobDefinitionName", one.name, "jobDefinitionArn", arn,
                          "revision", one.revision);
    return 0;
}
