/* Owns the container of a job: the definition's, with the submission's overrides and parameters
 * applied (AWS Batch user guide, "Parameters" and "Container overrides"). Never touches the
 * database. Pure: any thread. */
#include "container_resolve.h"

#include <stdlib.h>
#include <string.h>

#include "ob/message.h"
#include "references.h"

#define OVERRIDES_MAX 8192 /* ECS: all overrides of a task together, as JSON */

static json_t *requirement(const json_t *container, const char *type)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(container, "resourceRequirements"), i, item)
    {
        if (strcmp(ob_json_str(item, "type", ""), type) == 0)
            return item;
    }
    return NULL;
}

ob_resources container_need(const json_t *container)
{
    ob_resources need = { 0 };
    json_t *r = requirement(container, "VCPU");
    need.mcpu = r != NULL ? (int32_t)(atof(ob_json_str(r, "value", "0")) * 1000 + 0.5)
                          : (int32_t)ob_json_int(container, "vcpus", 0) * 1000;
    r = requirement(container, "MEMORY");
    need.mem_mib = r != NULL ? (int32_t)atoll(ob_json_str(r, "value", "0"))
                             : (int32_t)ob_json_int(container, "memory", 0);
    r = requirement(container, "GPU");
    need.gpus = r != NULL ? (int32_t)atoll(ob_json_str(r, "value", "0")) : 0;
    return need;
}

/* Overrides by type; the older member with the same meaning is removed. */
static void merge_requirements(json_t *container, const json_t *overrides)
{
    size_t i;
    json_t *item;
    json_t *list = json_object_get(container, "resourceRequirements");
    json_array_foreach(json_object_get(overrides, "resourceRequirements"), i, item)
    {
        const char *type = ob_json_str(item, "type", "");
        json_t *mine = requirement(container, type);
        if (mine != NULL)
            json_object_set(mine, "value", json_object_get(item, "value"));
        else
            json_array_append_new(list, json_deep_copy(item));
        if (strcmp(type, "VCPU") == 0)
            json_object_del(container, "vcpus");
        if (strcmp(type, "MEMORY") == 0)
            json_object_del(container, "memory");
    }
}

/* The older members count only if the definition itself uses them; otherwise AWS silently ignores
 * them. */
static void merge_older_members(json_t *container, const json_t *overrides)
{
    static const char *const names[] = { "vcpus", "memory" };
    for (size_t i = 0; i < 2; i++) {
        json_t *value = json_object_get(overrides, names[i]);
        if (value != NULL && json_object_get(container, names[i]) != NULL)
            json_object_set(container, names[i], value);
    }
}

/* Of pairs with the same name the last one counts, at the position where it was given. */
static void merge_environment(json_t *container, const json_t *overrides)
{
    const json_t *given = json_object_get(overrides, "environment");
    if (json_array_size(given) == 0)
        return;
    size_t i;
    json_t *pair;
    json_auto_t *last = json_object();
    json_array_foreach(given, i, pair) json_object_set(last, ob_json_str(pair, "name", ""), pair);
    json_t *merged = json_array();
    json_array_foreach(json_object_get(container, "environment"), i, pair)
    {
        if (json_object_get(last, ob_json_str(pair, "name", "")) == NULL)
            json_array_append(merged, pair);
    }
    json_array_foreach(given, i, pair)
    {
        /* AWS drops pairs with an empty value. */
        if (json_object_get(last, ob_json_str(pair, "name", "")) == pair &&
            ob_json_str(pair, "value", "")[0] != '\0')
            json_array_append_new(merged, json_deep_copy(pair));
    }
    json_object_set_new(container, "environment", merged);
}

/* Measured before it is built, because a short reference may stand for a long value many times. */
static int resolve_command(json_t *container,
                           const json_t *overrides,
                           const json_t *values,
                           bool *ret_too_long,
                           api_reply *rep)
{
    json_t *command = json_object_get(container, "command");
    size_t len = overrides != NULL ? json_dumpb(overrides, NULL, 0, JSON_COMPACT) : 0;
    references_extent e = { 0 };
    ob_cleanup(references_done) references p = { 0 };
    references_init(&p, values);
    int r = references_measure(&p, command, &e, rep);
    if (json_array_size(json_object_get(overrides, "command")) > 0)
        len -= e.references;
    *ret_too_long = len + e.values > OVERRIDES_MAX;
    return r < 0 || *ret_too_long ? r : references_replace(&p, command, rep);
}

static void ensure_list(json_t *object, const char *name)
{
    if (!json_is_array(json_object_get(object, name)))
        json_object_set_new(object, name, json_array());
}

int container_resolve(const json_t *definition,
                      const json_t *overrides,
                      const json_t *parameters,
                      json_t **ret,
                      bool *ret_too_long,
                      api_reply *rep)
{
    static const char *const lists[] = {
        "command", "volumes",           "environment",          "mountPoints",
        "ulimits", "networkInterfaces", "resourceRequirements", "secrets"
    };
    json_auto_t *container = json_deep_copy(definition);
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        ensure_list(container, lists[i]);
    json_t *command = json_object_get(overrides, "command");
    if (json_array_size(command) > 0)
        json_object_set_new(container, "command", json_deep_copy(command));
    merge_older_members(container, overrides);
    merge_requirements(container, overrides);
    merge_environment(container, overrides);
    int r = resolve_command(container, overrides, parameters, ret_too_long, rep);
    if (r == 0)
        *ret = json_incref(container);
    return r;
}
