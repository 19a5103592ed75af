/* IAM's policy language: statements that allow or deny actions on resources under conditions (AWS:
 * "IAM JSON policy reference"; "Policy evaluation logic"). Defines the meaning of a document; never
 * looks anything up: the caller supplies the facts. A document with anything that it cannot
 * evaluate is refused when it is read, so no condition is ever ignored. Pure except for the
 * reference count: any thread.
 *
 * Invariants: a statement that denies wins; what no statement allows is not allowed. */
#include "key_policy.h"

#include <jansson.h>
#include <stdatomic.h>
#include <string.h>
#include <strings.h>

#include "ob/json.h"

typedef struct texts {
    const char **list; /* into the policy's JSON */
    size_t n;
} texts;

typedef enum compare { EQUALS, EQUALS_ANY_CASE, LIKE, IS_NULL } compare;

typedef struct comparison {
    const char *name;
    compare compare;
    bool negated;
} comparison;

static const comparison comparisons[] = {
    { "StringEquals", EQUALS, false },
    { "StringNotEquals", EQUALS, true },
    { "StringEqualsIgnoreCase", EQUALS_ANY_CASE, false },
    { "StringNotEqualsIgnoreCase", EQUALS_ANY_CASE, true },
    { "StringLike", LIKE, false },
    { "StringNotLike", LIKE, true },
    { "Bool", EQUALS_ANY_CASE, false },
    { "Null", IS_NULL, false },
};

/* Condition keys of requests; one that ends with '/' is followed by the name of a tag. */
static const char resource_tag[] = "aws:ResourceTag/";
static const char *const condition_keys[] = {
    resource_tag,      "aws:RequestTag/",    "batch:ShareIdentifier",
    "batch:Image",     "batch:User",         "batch:Privileged",
    "batch:LogDriver", "batch:AWSLogsGroup", "batch:AWSLogsStreamPrefix",
};

typedef struct condition {
    const comparison *op;
    bool if_exists;
    const char *key;
    texts values;
} condition;

typedef struct statement {
    bool allow;
    texts actions;
    bool not_actions;
    texts resources;
    bool not_resources;
    condition *conditions;
    size_t n_conditions;
} statement;

struct policy {
    atomic_int refs;
    char *text;
    json_t *document; /* owns the strings that the other members point to */
    statement *statements;
    size_t n;
    bool asks_resource_tags;
};

/* ---- reading --------------------------------------------------------------------------------- */

/* A string or a list of strings; 'value' is borrowed. */
static int read_texts(const json_t *value, const char *where, texts *ret, ob_error *err)
{
    size_t n = json_is_array(value) ? json_array_size(value) : 1;
    if (n == 0)
        return ob_fail(err, EINVAL, "%s must not be empty", where);
    ret->list = ob_calloc(n, sizeof *ret->list);
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_is_array(value) ? json_array_get(value, i) : value;
        const char *text = json_is_true(one)    ? "true"
                           : json_is_false(one) ? "false"
                                                : json_string_value(one);
        if (!text)
            return ob_fail(err, EINVAL, "%s must be a string or a list of strings", where);
        if (strstr(text, "${"))
            return ob_fail(err, EINVAL, "%s: policy variables are not supported by OpenBatch",
                           where);
        ret->list[ret->n++] = text;
    }
    return 0;
}

/* One of two members, 'name' or "Not" and it. */
static int read_pair(const json_t *from,
                     const char *name,
                     const char *not_name,
                     texts *ret,
                     bool *ret_not,
                     ob_error *err)
{
    const json_t *is = json_object_get(from, name), *is_not = json_object_get(from, not_name);
    if (!is == !is_not)
        return ob_fail(err, EINVAL, "a statement must have either %s or %s", name, not_name);
    *ret_not = is_not;
    return read_texts(is ? is : is_not, is ? name : not_name, ret, err);
}

static int check_actions(const texts *actions, ob_error *err)
{
    for (size_t i = 0; i < actions->n; i++) {
        const char *colon = strchr(actions->list[i], ':');
        if (strcmp(actions->list[i], "*") != 0 &&
            (!colon || colon == actions->list[i] || !colon[1]))
            return ob_fail(err, EINVAL,
                           "action '%.100s' must be * or have the form service:action, as "
                           "batch:SubmitJob",
                           actions->list[i]);
    }
    return 0;
}

static int check_resources(const texts *resources, ob_error *err)
{
    for (size_t i = 0; i < resources->n; i++)
        if (strcmp(resources->list[i], "*") != 0 && strncmp(resources->list[i], "arn:", 4) != 0)
            return ob_fail(err, EINVAL, "resource '%.100s' must be * or an ARN",
                           resources->list[i]);
    return 0;
}

static bool known_key(const char *key)
{
    for (size_t i = 0; i < ARRAY_SIZE(condition_keys); i++) {
        const char *known = condition_keys[i];
        size_t len = strlen(known);
        bool prefix = known[len - 1] == '/';
        if (prefix ? strncasecmp(key, known, len) == 0 && key[len] : strcasecmp(key, known) == 0)
            return true;
    }
    return false;
}

static int read_operator(const char *name, condition *ret, ob_error *err)
{
    static const char if_exists[] = "IfExists";
    size_t len = strlen(name), tail = sizeof if_exists - 1;
    ret->if_exists = len > tail && strcmp(name + len - tail, if_exists) == 0;
    if (ret->if_exists)
        len -= tail;
    for (size_t i = 0; i < ARRAY_SIZE(comparisons); i++)
        if (strlen(comparisons[i].name) == len && strncmp(name, comparisons[i].name, len) == 0 &&
            !(ret->if_exists && comparisons[i].compare == IS_NULL)) {
            ret->op = &comparisons[i];
            return 0;
        }
    return ob_fail(err, EINVAL, "condition operator '%.60s' is not supported by OpenBatch", name);
}

static int add_condition(policy *p,
                         statement *s,
                         const condition *like,
                         const char *key,
                         const json_t *values,
                         ob_error *err)
{
    if (!known_key(key))
        return ob_fail(err, EINVAL, "condition key '%.100s' is not supported by OpenBatch", key);
    if (strncasecmp(key, resource_tag, sizeof resource_tag - 1) == 0)
        p->asks_resource_tags = true;
    s->conditions = ob_realloc(s->conditions, (s->n_conditions + 1) * sizeof *s->conditions);
    condition *c = &s->conditions[s->n_conditions++];
    *c = *like;
    c->key = key;
    int r = read_texts(values, key, &c->values, err);
    if (r == 0 && c->op->compare == IS_NULL &&
        (c->values.n != 1 ||
         (strcmp(c->values.list[0], "true") != 0 && strcmp(c->values.list[0], "false") != 0)))
        return ob_fail(err, EINVAL, "Null of %.100s must be true or false", key);
    return r;
}

static int read_conditions(policy *p, statement *s, json_t *block, ob_error *err)
{
    if (!block)
        return 0;
    if (!json_is_object(block))
        return ob_fail(err, EINVAL, "Condition must be an object");
    const char *name, *key;
    json_t *keys, *values;
    json_object_foreach(block, name, keys)
    {
        condition like = { 0 };
        int r = read_operator(name, &like, err);
        if (r < 0)
            return r;
        if (!json_is_object(keys))
            return ob_fail(err, EINVAL, "Condition.%.60s must be an object", name);
        json_object_foreach(keys, key, values)
        {
            r = add_condition(p, s, &like, key, values, err);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

static int check_members(json_t *object, const char *const *known, const char *what, ob_error *err)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        size_t i = 0;
        while (known[i] && strcmp(known[i], name) != 0)
            i++;
        if (!known[i])
            return ob_fail(err, EINVAL, "%s must not have a member '%.60s'", what, name);
    }
    return 0;
}

static int read_statement(policy *p, json_t *from, statement *ret, ob_error *err)
{
    static const char *const members[] = { "Sid",      "Effect",      "Action",    "NotAction",
                                           "Resource", "NotResource", "Condition", NULL };
    if (!json_is_object(from))
        return ob_fail(err, EINVAL, "a statement must be an object");
    int r = check_members(from, members, "a statement", err);
    if (r < 0)
        return r;
    const char *effect = json_string_value(json_object_get(from, "Effect"));
    ret->allow = effect && strcmp(effect, "Allow") == 0;
    if (!effect || (!ret->allow && strcmp(effect, "Deny") != 0))
        return ob_fail(err, EINVAL, "Effect must be Allow or Deny");
    const json_t *sid = json_object_get(from, "Sid");
    if (sid && !json_is_string(sid))
        return ob_fail(err, EINVAL, "Sid must be a string");
    r = read_pair(from, "Action", "NotAction", &ret->actions, &ret->not_actions, err);
    if (r == 0)
        r = check_actions(&ret->actions, err);
    if (r == 0)
        r = read_pair(from, "Resource", "NotResource", &ret->resources, &ret->not_resources, err);
    if (r == 0)
        r = check_resources(&ret->resources, err);
    return r == 0 ? read_conditions(p, ret, json_object_get(from, "Condition"), err) : r;
}

static int read_document(policy *p, ob_error *err)
{
    static const char *const members[] = { "Version", "Id", "Statement", NULL };
    if (!json_is_object(p->document))
        return ob_fail(err, EINVAL, "the policy must be a JSON object");
    int r = check_members(p->document, members, "the policy", err);
    if (r < 0)
        return r;
    const char *version = json_string_value(json_object_get(p->document, "Version"));
    if (!version || (strcmp(version, "2012-10-17") != 0 && strcmp(version, "2008-10-17") != 0))
        return ob_fail(err, EINVAL, "Version must be 2012-10-17");
    json_t *list = json_object_get(p->document, "Statement");
    size_t n = json_is_array(list) ? json_array_size(list) : list ? 1 : 0;
    if (n == 0)
        return ob_fail(err, EINVAL, "Statement must have at least one statement");
    p->statements = ob_calloc(n, sizeof *p->statements);
    for (size_t i = 0; i < n; i++) {
        p->n++;
        ob_error why = { 0 };
        r = read_statement(p, json_is_array(list) ? json_array_get(list, i) : list,
                           &p->statements[i], &why);
        if (r < 0)
            return ob_fail(err, EINVAL, "Statement %zu: %s", i + 1, why.text);
    }
    return 0;
}

static void policy_free(policy *p)
{
    for (size_t i = 0; i < p->n; i++) {
        statement *s = &p->statements[i];
        for (size_t k = 0; k < s->n_conditions; k++)
            free(s->conditions[k].values.list);
        free(s->conditions);
        free(s->actions.list);
        free(s->resources.list);
    }
    free(p->statements);
    json_decref(p->document);
    free(p->text);
    free(p);
}

int policy_parse(const char *text, size_t len, policy **ret, ob_error *err)
{
    if (len > POLICY_TEXT_MAX)
        return ob_fail(err, EINVAL, "the policy is longer than %d bytes", POLICY_TEXT_MAX);
    /* With two members of the same name, one could hide the other. */
    json_t *document = NULL;
    ob_error why = { 0 };
    if (ob_json_parse_as(text, len, OB_JSON_UNIQUE, &document, &why) < 0)
        return ob_fail(err, EINVAL, "the policy cannot be read: %s", why.text);
    policy *p = ob_calloc(1, sizeof *p);
    atomic_init(&p->refs, 1);
    p->document = document;
    p->text = ob_calloc(1, len + 1);
    memcpy(p->text, text, len);
    int r = read_document(p, err);
    if (r < 0) {
        policy_free(p);
        return r;
    }
    *ret = p;
    return 0;
}

policy *policy_ref(policy *p)
{
    if (p)
        (void)atomic_fetch_add(&p->refs, 1);
    return p;
}

void policy_unref(policy *p)
{
    if (p && atomic_fetch_sub(&p->refs, 1) == 1)
        policy_free(p);
}

const char *policy_text(const policy *p)
{
    return p->text;
}

bool policy_asks_resource_tags(const policy *p)
{
    return p && p->asks_resource_tags;
}

/* ---- deciding -------------------------------------------------------------------------------- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* '*' matches any text, '?' one character; takes at most |pattern| * |text| steps. */
static bool
matches(const char *pattern, size_t n_pattern, const char *text, size_t n_text, bool any_case)
{
    size_t p = 0, t = 0, star = n_pattern, resume = 0;
    while (t < n_text) {
        bool literal = p < n_pattern && pattern[p] != '*';
        if (literal && (pattern[p] == '?' || pattern[p] == text[t] ||
                        (any_case && lower(pattern[p]) == lower(text[t])))) {
            p++;
            t++;
        } else if (p < n_pattern && pattern[p] == '*') {
            star = p++;
            resume = t;
        } else if (star < n_pattern) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < n_pattern && pattern[p] == '*')
        p++;
    return p == n_pattern;
}

/* Part by part: a wildcard does not match the colons between the first six parts of an ARN. Parts
 * that are missing at the end of the pattern may be anything. */
static bool arn_matches(const char *pattern, const char *arn)
{
    if (strcmp(pattern, "*") == 0)
        return true;
    for (int part = 0;; part++) {
        size_t n_pattern = part < 5 ? strcspn(pattern, ":") : strlen(pattern);
        size_t n_arn = part < 5 ? strcspn(arn, ":") : strlen(arn);
        if (!matches(pattern, n_pattern, arn, n_arn, false))
            return false;
        if (!pattern[n_pattern])
            return true;
        if (!arn[n_arn])
            return false;
        pattern += n_pattern + 1;
        arn += n_arn + 1;
    }
}

static bool about_action(const statement *s, const char *action)
{
    bool found = false;
    for (size_t i = 0; i < s->actions.n && !found; i++)
        found =
            matches(s->actions.list[i], strlen(s->actions.list[i]), action, strlen(action), true);
    return found != s->not_actions;
}

static bool about_resource(const statement *s, const policy_question *q)
{
    bool found = false;
    for (size_t i = 0; i < s->resources.n && !found; i++)
        for (size_t k = 0; k < q->n_names && !found; k++)
            found = arn_matches(s->resources.list[i], q->names[k]);
    return found != s->not_resources;
}

static bool value_matches(const condition *c, const char *value)
{
    for (size_t i = 0; i < c->values.n; i++) {
        const char *wanted = c->values.list[i];
        bool same = c->op->compare == EQUALS ? strcmp(wanted, value) == 0
                    : c->op->compare == EQUALS_ANY_CASE
                        ? strcasecmp(wanted, value) == 0
                        : matches(wanted, strlen(wanted), value, strlen(value), false);
        if (same)
            return true;
    }
    return false;
}

/* Names of condition keys are compared without case, and so are the names of tags in them. */
static bool holds(const condition *c, const policy_question *q)
{
    bool present = false, matched = false;
    for (size_t i = 0; i < q->n_facts; i++)
        if (strcasecmp(q->facts[i].key, c->key) == 0) {
            present = true;
            matched = matched || value_matches(c, q->facts[i].value);
        }
    if (c->op->compare == IS_NULL)
        return strcmp(c->values.list[0], present ? "false" : "true") == 0;
    if (!present)
        return c->op->negated || c->if_exists;
    return matched != c->op->negated;
}

static bool applies(const statement *s, const policy_question *q)
{
    if (!about_action(s, q->action) || !about_resource(s, q))
        return false;
    for (size_t i = 0; i < s->n_conditions; i++)
        if (!holds(&s->conditions[i], q))
            return false;
    return true;
}

policy_answer policy_decide(const policy *p, const policy_question *question)
{
    bool allowed = false;
    for (size_t i = 0; p && i < p->n; i++)
        if (applies(&p->statements[i], question)) {
            if (!p->statements[i].allow)
                return POLICY_FORBIDDEN;
            allowed = true;
        }
    return allowed ? POLICY_ALLOWED : POLICY_NOT_ALLOWED;
}

static bool about_everything(const statement *s)
{
    for (size_t i = 0; i < s->resources.n; i++)
        if (strcmp(s->resources.list[i], "*") == 0)
            return !s->not_resources && s->n_conditions == 0;
    return false;
}

policy_answer policy_outlook(const policy *p, const char *action)
{
    bool allowed = false;
    for (size_t i = 0; p && i < p->n; i++)
        if (about_action(&p->statements[i], action)) {
            if (!p->statements[i].allow && about_everything(&p->statements[i]))
                return POLICY_FORBIDDEN;
            allowed = allowed || p->statements[i].allow;
        }
    return allowed ? POLICY_ALLOWED : POLICY_NOT_ALLOWED;
}

bool policy_only_adds(const policy *p, const char *action)
{
    for (size_t i = 0; p && i < p->n; i++) {
        const statement *s = &p->statements[i];
        if (about_action(s, action) && (!s->allow || s->not_resources || s->n_conditions > 0))
            return false;
    }
    return true;
}
