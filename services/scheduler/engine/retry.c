/* Retry strategies: after which ends of an attempt another one follows. Pure functions of the rules
 * and the end. (AWS Batch user guide, "Automated job retries"; API reference, EvaluateOnExit.) */
#include "retry.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "ob/error.h"
#include "ob/json.h"

typedef struct rule { /* NULL: no such condition */
    char *status_reason, *reason, *exit_code;
    bool exits;
} rule;

struct retry_rules {
    size_t n;
    rule at[RETRY_RULES_MAX];
};

static char *pattern(const json_t *entry, const char *name)
{
    const char *text = json_string_value(json_object_get(entry, name));
    return text ? ob_strdup(text) : NULL;
}

retry_rules *retry_parse(const char *on_exit)
{
    json_auto_t *list = NULL;
    size_t i;
    json_t *entry;
    if (!on_exit || ob_json_parse(on_exit, strlen(on_exit), &list, NULL) < 0 ||
        json_array_size(list) == 0)
        return NULL;
    retry_rules *rules = ob_calloc(1, sizeof(*rules));
    json_array_foreach(list, i, entry)
    {
        if (rules->n == RETRY_RULES_MAX)
            break;
        const char *action = json_string_value(json_object_get(entry, "action"));
        rules->at[rules->n++] = (rule){ .status_reason = pattern(entry, "onStatusReason"),
                                        .reason = pattern(entry, "onReason"),
                                        .exit_code = pattern(entry, "onExitCode"),
                                        .exits = action && strcasecmp(action, "EXIT") == 0 };
    }
    return rules;
}

void retry_free(retry_rules *rules)
{
    for (size_t i = 0; rules && i < rules->n; i++) {
        free(rules->at[i].status_reason);
        free(rules->at[i].reason);
        free(rules->at[i].exit_code);
    }
    free(rules);
}

/* A literal, or a prefix if it ends in '*'. '*' alone also matches an absent value: clients end
 * their lists with it. */
static bool matches(const char *pattern, const char *value)
{
    if (!pattern)
        return true;
    size_t n = strlen(pattern);
    bool prefix = n > 0 && pattern[n - 1] == '*';
    if (prefix && n == 1)
        return true;
    if (!value)
        return false;
    return prefix ? strncmp(pattern, value, n - 1) == 0 : strcmp(pattern, value) == 0;
}

bool retry_allows(const retry_rules *rules, const retry_end *end)
{
    char code[16];
    (void)snprintf(code, sizeof(code), "%d", end->exit_code);
    for (size_t i = 0; rules && i < rules->n; i++) {
        const rule *r = &rules->at[i];
        if (matches(r->status_reason, end->status_reason) && matches(r->reason, end->reason) &&
            matches(r->exit_code, end->has_exit_code ? code : NULL))
            return !r->exits;
    }
    return true;
}
