/* Policies of access keys: the part of IAM's policy language that applies here. Pure: no I/O, no
 * clock. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "ob/error.h"

#define POLICY_TEXT_MAX 10240

/* A parsed policy: never changed, shared by reference. */
typedef struct policy policy;

/* Reads a policy document (AWS: "IAM JSON policy reference"). *ret is new, drop it with
 * policy_unref. Errors: -EINVAL, the text says what and where. Any thread. */
int policy_parse(const char *text, size_t len, policy **ret, ob_error *err);
/* Another reference to the same document; NULL gives NULL. Any thread. */
policy *policy_ref(policy *p);
void policy_unref(policy *p);
/* The document as it was given. */
const char *policy_text(const policy *p);

/* The facts of a request: the value of a condition key such as "aws:ResourceTag/team". */
typedef struct policy_fact {
    const char *key;
    const char *value;
} policy_fact;

/* Is 'action' allowed on one resource? names: the resource's ARNs (for a job: its own and its
 * queue's); a pattern that matches one of them matches the resource. */
typedef struct policy_question {
    const char *action; /* "batch:SubmitJob" */
    const char *const *names;
    size_t n_names;
    const policy_fact *facts;
    size_t n_facts;
} policy_question;

typedef enum policy_answer {
    POLICY_ALLOWED,
    POLICY_NOT_ALLOWED, /* no statement allows it */
    POLICY_FORBIDDEN,   /* a statement denies it */
} policy_answer;

/* NULL allows nothing. Any thread. */
policy_answer policy_decide(const policy *p, const policy_question *question);

/* Is there any resource on which the action is allowed, according to the policy alone? NOT_ALLOWED:
 * no statement allows it on anything; FORBIDDEN: it is denied on everything. */
policy_answer policy_outlook(const policy *p, const char *action);

/* True if no name of a resource can take away what its other names give: no statement on the action
 * denies, has conditions or has NotResource. */
bool policy_only_adds(const policy *p, const char *action);

/* Does a condition use tags of resources? If not, they need not be looked up. */
bool policy_asks_resource_tags(const policy *p);
