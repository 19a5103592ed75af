/* Owns the container of a job: the definition's, with the submission's overrides and parameters
 * applied (AWS Batch user guide, "Parameters" and "Container overrides"). Never touches the
 * database. Pure: any thread. */
#include "container_resolve.h"

#include <stdlib.h>
#include <string.h>

#include "ob/message.h"

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

/* ---- references ------------------------------------------------------------------------------ */

#define REF "Ref::"

/* Parameters, prepared for fast look-up. */
typedef struct param_set {
    const json_t *values;
    bool *has_length; /* is there a name of this length? */
    size_t longest;
} param_set;

static void param_set_done(param_set *p)
{
    free(p->has_length);
}

static void param_set_init(param_set *p, const json_t *values)
{
    const char *name;
    json_t *value;
    *p = (param_set){ .values = values };
    json_object_foreach((json_t *)values, name, value)
    {
        size_t len = strlen(name);
        p->longest = len > p->longest ? len : p->longest;
    }
    p->has_length = ob_calloc(p->longest + 1, sizeof *p->has_length);
    json_object_foreach((json_t *)values, name, value) p->has_length[strlen(name)] = true;
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

/* The value for the start of "name...": the longest parameter name, cut only at '.' and '-'
 * ("Ref::sample.bam" is parameter "sample.bam" or, without one, "sample" followed by ".bam").
 * *ret_len: the length of 'name' that it used; the whole reference if there is none. */
static const char *find_parameter(const param_set *p, const char *name, size_t *ret_len)
{
    size_t whole = 0;
    while (is_name_char(name[whole]))
        whole++;
    *ret_len = whole;
    for (size_t n = whole < p->longest ? whole : p->longest; n > 0; n--) {
        if (!p->has_length[n] || (n < whole && name[n] != '.' && name[n] != '-'))
            continue;
        const char *value = json_string_value(json_object_getn(p->values, name, n));
        if (value != NULL) {
            *ret_len = n;
            return value;
        }
    }
    return NULL;
}

/* The size of a text after substitution, in bytes. */
typedef struct extent {
    size_t all;        /* as it comes out */
    size_t values;     /* of it: values */
    size_t references; /* what they stand in place of */
} extent;

/* Replaces each Ref::name in 'text'; a value is not searched again, and Ref:: without a name is not
 * a reference. out: gets the text with its NUL; NULL: only the size is computed. */
static int substitute(const char *text, const param_set *p, char *out, extent *ret, api_reply *rep)
{
    extent e = { 0 };
    for (const char *at = text; at != NULL;) {
        const char *ref = strstr(at, REF), *name = ref != NULL ? ref + strlen(REF) : NULL;
        const char *value = NULL;
        size_t n = 0, before = ref != NULL ? (size_t)(ref - at) : strlen(at);
        if (ref != NULL) {
            value = find_parameter(p, name, &n);
            if (n == 0)
                before += strlen(REF);
            else if (value == NULL)
                return api_client_error(
                    rep, "Unable to substitute value. No parameter found for reference %.*s",
                    n > 255 ? 255 : (int)n, name);
        }
        size_t value_len = value != NULL ? strlen(value) : 0;
        if (out != NULL) {
            memcpy(out + e.all, at, before);
            memcpy(out + e.all + before, value != NULL ? value : "", value_len);
        }
        e.all += before + value_len;
        e.values += value_len;
        e.references += value != NULL ? strlen(REF) + n : 0;
        at = ref != NULL ? name + n : NULL;
    }
    if (out != NULL)
        out[e.all] = '\0';
    *ret = e;
    return 0;
}

static const char *word_text(const json_t *word)
{
    const char *text = json_string_value(word);
    return text != NULL ? text : "";
}

static int measure(const json_t *command, const param_set *p, extent *ret, api_reply *rep)
{
    size_t i;
    json_t *word;
    json_array_foreach((json_t *)command, i, word)
    {
        extent e = { 0 };
        int r = substitute(word_text(word), p, NULL, &e, rep);
        if (r < 0)
            return r;
        ret->values += e.values;
        ret->references += e.references;
    }
    return 0;
}

static int substitute_all(json_t *command, const param_set *p, api_reply *rep)
{
    size_t i;
    json_t *word;
    json_array_foreach(command, i, word)
    {
        extent e = { 0 };
        int r = substitute(word_text(word), p, NULL, &e, rep);
        if (r < 0)
            return r;
        if (e.references == 0)
            continue;
        ob_cleanup(ob_freep) char *resolved = ob_calloc(1, e.all + 1);
        (void)substitute(word_text(word), p, resolved, &e, rep);
        json_array_set_new(command, i, json_string(resolved));
    }
    return 0;
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
    extent e = { 0 };
    ob_cleanup(param_set_done) param_set p = { 0 };
    param_set_init(&p, values);
    int r = measure(command, &p, &e, rep);
    if (json_array_size(json_object_get(overrides, "command")) > 0)
        len -= e.references;
    *ret_too_long = len + e.values > OVERRIDES_MAX;
    return r < 0 || *ret_too_long ? r : substitute_all(command, &p, rep);
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
