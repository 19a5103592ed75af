/* Owns the container of a job: the definition's, with the submission's overrides and parameters in
 * place (AWS Batch user guide, "Parameters" and "Container overrides"). Never touches the database.
 * Pure: any thread. */
#include "container_resolve.h"

#include <stdio.h>
#include <string.h>

#include "ob/message.h"

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

/* Override by type; the older member of the same meaning goes. */
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

/* The older members count only where the definition itself uses them; AWS leaves them out without a
 * word otherwise. */
static void merge_older_members(json_t *container, const json_t *overrides)
{
    static const char *const names[] = { "vcpus", "memory" };
    for (size_t i = 0; i < 2; i++) {
        json_t *value = json_object_get(overrides, names[i]);
        if (value != NULL && json_object_get(container, names[i]) != NULL)
            json_object_set(container, names[i], value);
    }
}

static void merge_environment(json_t *container, const json_t *overrides)
{
    size_t i, k;
    json_t *pair, *old;
    json_t *list = json_object_get(container, "environment");
    json_array_foreach(json_object_get(overrides, "environment"), i, pair)
    {
        const char *name = ob_json_str(pair, "name", "");
        json_array_foreach(list, k, old)
        {
            if (strcmp(ob_json_str(old, "name", ""), name) == 0)
                break;
        }
        if (k < json_array_size(list))
            json_array_remove(list, k);
        /* AWS drops pairs with an empty value. */
        if (ob_json_str(pair, "value", "")[0] != '\0')
            json_array_append_new(list, json_deep_copy(pair));
    }
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

/* The value that "name..." begins with: the longest parameter name, cut only at '.' and '-'
 * ("Ref::sample.bam" is parameter "sample.bam" or, without one, "sample" with ".bam" behind).
 * *ret_len: how much of 'name' it took; the whole reference when there is none. */
static const char *find_parameter(const char *name, const json_t *parameters, size_t *ret_len)
{
    size_t whole = 0;
    while (is_name_char(name[whole]))
        whole++;
    for (size_t n = whole; n > 0;) {
        const char *value = json_string_value(json_object_getn(parameters, name, n));
        if (value != NULL) {
            *ret_len = n;
            return value;
        }
        do
            n--;
        while (n > 0 && name[n] != '.' && name[n] != '-');
    }
    *ret_len = whole;
    return NULL;
}

/* Replaces each Ref::name of 'text'; a value is not scanned again. *ret is new. */
static int substitute(const char *text, const json_t *parameters, char **ret, api_reply *rep)
{
    ob_cleanup(ob_freep) char *out = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&out, &len);
    if (f == NULL)
        return ob_fail(&rep->err, ENOMEM, "out of memory");
    const char *at = text;
    for (const char *ref; (ref = strstr(at, "Ref::")) != NULL;) {
        fwrite(at, 1, (size_t)(ref - at), f);
        const char *name = ref + strlen("Ref::");
        size_t n;
        const char *value = find_parameter(name, parameters, &n);
        if (value == NULL) {
            fclose(f);
            return api_client_error(
                rep, "Unable to substitute value. No parameter found for reference %.*s",
                n > 255 ? 255 : (int)n, name);
        }
        fputs(value, f);
        at = name + n;
    }
    fputs(at, f);
    fclose(f);
    *ret = ob_take(out);
    return 0;
}

static int substitute_command(json_t *container, const json_t *parameters, api_reply *rep)
{
    size_t i;
    json_t *word;
    json_t *command = json_object_get(container, "command");
    json_array_foreach(command, i, word)
    {
        const char *text = json_string_value(word);
        if (text == NULL || strstr(text, "Ref::") == NULL)
            continue;
        ob_cleanup(ob_freep) char *resolved = NULL;
        int r = substitute(text, parameters, &resolved, rep);
        if (r < 0)
            return r;
        json_array_set_new(command, i, json_string(resolved));
    }
    return 0;
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
                      api_reply *rep)
{
    static const char *const lists[] = {
        "command", "volumes",           "environment",          "mountPoints",
        "ulimits", "networkInterfaces", "resourceRequirements", "secrets"
    };
    json_auto_t *container = json_deep_copy(definition);
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        ensure_list(container, lists[i]);
    json_t *command = json_object_get(overrides, "command");
    if (json_array_size(command) > 0)
        json_object_set_new(container, "command", json_deep_copy(command));
    merge_older_members(container, overrides);
    merge_requirements(container, overrides);
    merge_environment(container, overrides);
    int r = substitute_command(container, parameters, rep);
    if (r == 0)
        *ret = json_incref(container);
    return r;
}
