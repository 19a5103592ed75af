/* Rules between the members of a job definition (AWS Batch API reference, "RegisterJobDefinition"):
 * the properties for its type and platform, and the consistency of the parts that are stored only:
 * tasks, nodes. Changes nothing. Pure: any thread. */
#include "definition_check.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "container_check.h"
#include "ob/message.h"

/* Patterns of conditions: AWS Batch API reference, "EvaluateOnExit". */
static bool is_end(const char *text)
{
    return strcmp(text, "") == 0 || strcmp(text, "*") == 0;
}

int check_reason_pattern(json_t *pattern, const api_field_where *where)
{
    const char *text = json_string_value(pattern);
    size_t n = 0;
    while (isalnum((unsigned char)text[n]) || isspace((unsigned char)text[n]) || text[n] == '.' ||
           text[n] == ':')
        n++;
    if (is_end(text + n))
        return 0;
    return field_refuse(where,
                        "%s %.100s may contain only letters, numbers, periods, colons and white "
                        "space, and an asterisk at the end.",
                        where->path, text);
}

int check_exit_code_pattern(json_t *pattern, const api_field_where *where)
{
    const char *text = json_string_value(pattern);
    if (is_end(text + strspn(text, "0123456789")))
        return 0;
    return field_refuse(where, "%s %.100s may contain only digits, and an asterisk at the end.",
                        where->path, text);
}

/* ---- ECS tasks ------------------------------------------------------------------------------- */

static bool is_essential(const json_t *container)
{
    const json_t *value = json_object_get(container, "essential");
    return !value || json_is_true(value);
}

static const json_t *container_named(const json_t *containers, const char *name)
{
    size_t i;
    json_t *one;
    json_array_foreach(containers, i, one)
    {
        if (strcmp(ob_json_str(one, "name", ""), name) == 0)
            return one;
    }
    return NULL;
}

static int
check_depends_on(const json_t *containers, const json_t *container, const api_field_where *where)
{
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(container, "dependsOn"), i, entry)
    {
        const char *name = ob_json_str(entry, "containerName", "");
        const json_t *other = container_named(containers, name);
        if (!other || other == container)
            return field_refuse(where, "dependsOn: no other container is named %.255s.", name);
        if (is_essential(other) && strcmp(ob_json_str(entry, "condition", ""), "START") != 0)
            return field_refuse(where,
                                "dependsOn: the condition for the essential container %.255s must "
                                "be START.",
                                name);
    }
    return 0;
}

static int check_task(const json_t *task, const api_field_where *where)
{
    const json_t *containers = json_object_get(task, "containers"),
                 *volumes = json_object_get(task, "volumes");
    size_t i, n_essential = 0;
    json_t *one;
    int r = check_volumes(volumes, where);
    json_array_foreach(containers, i, one)
    {
        const char *name = ob_json_str(one, "name", "");
        if (r < 0)
            return r;
        if (!*name && json_array_size(containers) > 1)
            return field_refuse(where, "%s[0].containers[%zu].name is required.", where->path, i);
        if (*name && container_named(containers, name) != one)
            return field_refuse(where, "Container name %.255s is used more than once.", name);
        n_essential += is_essential(one);
        r = check_mounts(one, volumes, where);
        if (r == 0)
            r = check_depends_on(containers, one, where);
    }
    if (r == 0 && n_essential == 0)
        return field_refuse(where, "%s: at least one container must be essential.", where->path);
    return r;
}

int check_tasks(json_t *list, const api_field_where *where)
{
    return check_task(json_array_get(list, 0), where);
}

/* ---- multi-node parallel jobs ---------------------------------------------------------------- */

/* "a:b", ":b", "a:" or "a". */
static bool read_range(const char *text, long last, long *ret_from, long *ret_to)
{
    size_t n = strspn(text, "0123456789");
    *ret_from = n ? atol(text) : 0;
    *ret_to = last;
    if (n > 4 || (n == 0 && text[0] != ':'))
        return false;
    if (text[n] == '\0') {
        *ret_to = *ret_from;
    } else {
        const char *rest = text + n + 1;
        size_t m = strspn(rest, "0123456789");
        if (text[n] != ':' || rest[m] || m > 4)
            return false;
        if (m)
            *ret_to = atol(rest);
    }
    return *ret_from <= *ret_to && *ret_to <= last;
}

int check_nodes(json_t *nodes, const api_field_where *where)
{
    static const char *const kinds[] = { "container", "ecsProperties", "eksProperties" };
    bool covered[1000] = { false };
    long n = (long)ob_json_int(nodes, "numNodes", 1);
    if (ob_json_int(nodes, "mainNode", 0) >= n)
        return field_refuse(where, "%s.mainNode must be less than numNodes.", where->path);
    size_t i;
    json_t *range;
    json_array_foreach(json_object_get(nodes, "nodeRangeProperties"), i, range)
    {
        const char *text = ob_json_str(range, "targetNodes", "");
        long from, to;
        if (!read_range(text, n - 1, &from, &to))
            return field_refuse(where,
                                "%s.nodeRangeProperties[%zu].targetNodes %.60s is not valid.",
                                where->path, i, text);
        for (long k = from; k <= to; k++)
            covered[k] = true;
        size_t n_kinds = 0;
        for (size_t k = 0; k < 3; k++)
            n_kinds += json_object_get(range, kinds[k]) != NULL;
        if (n_kinds != 1)
            return field_refuse(where,
                                "%s.nodeRangeProperties[%zu] must have one of [container, "
                                "ecsProperties, eksProperties].",
                                where->path, i);
    }
    for (long k = 0; k < n; k++)
        if (!covered[k])
            return field_refuse(where, "%s.nodeRangeProperties: no range has node %ld.",
                                where->path, k);
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

bool definition_is_fargate(const json_t *body)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(body, "platformCapabilities"), i, one)
    {
        if (strcmp(json_string_value(one), "FARGATE") == 0)
            return true;
    }
    return false;
}

static int check_type(const json_t *body, bool multinode, const api_field_where *where)
{
    static const char *const kinds[] = { "containerProperties", "ecsProperties", "eksProperties" };
    size_t n = 0;
    for (size_t i = 0; i < 3; i++)
        n += json_object_get(body, kinds[i]) != NULL;
    bool nodes = json_object_get(body, "nodeProperties");
    if (multinode && !nodes)
        return field_refuse(where, "nodeProperties is required.");
    if (!multinode && nodes)
        return field_refuse(where, "nodeProperties can only be set for the type multinode.");
    if (multinode && n > 0)
        return field_refuse(where, "Only nodeProperties can be set for the type multinode.");
    if (!multinode && n == 0)
        return field_refuse(where, "containerProperties is required.");
    if (n > 1)
        return field_refuse(
            where, "Only one of [containerProperties, ecsProperties, eksProperties] can be set.");
    return 0;
}

static int check_eks(const json_t *body, const api_field_where *where)
{
    static const char *const others[] = { "propagateTags", "platformCapabilities" };
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        if (!json_is_nothing(json_object_get(body, others[i])))
            return field_refuse(where, "%s is not applicable for EKS.", others[i]);
    return 0;
}

int definition_check(const json_t *body, const api_field_where *where)
{
    bool multinode = strcmp(ob_json_str(body, "type", ""), "multinode") == 0,
         fargate = definition_is_fargate(body);
    const json_t *container = json_object_get(body, "containerProperties");
    int r = check_type(body, multinode, where);
    if (r < 0)
        return r;
    if (multinode && fargate)
        return field_refuse(where, "The type multinode is not applicable for Fargate.");
    if (json_object_get(body, "eksProperties"))
        return check_eks(body, where);
    return container ? container_check_platform(container, fargate, where) : 0;
}
