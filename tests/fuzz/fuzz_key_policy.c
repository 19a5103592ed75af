/* Policies of access keys, and what they decide.
 * Covers: services/api/auth/key_policy.c */
#include "fuzz.h"

#include "auth/key_policy.h"
#include "ob/json.h"

/* The same statements the other way round: their order decides nothing. */
static policy *reversed(const policy *p)
{
    json_auto_t *document = ob_json_read_text(policy_text(p));
    const json_t *list = json_object_get(document, "Statement");
    json_t *turned = json_array();
    for (size_t i = json_array_size(list); i-- > 0;)
        (void)json_array_append(turned, json_array_get(list, i));
    if (json_is_array(list))
        (void)json_object_set_new(document, "Statement", turned);
    else
        json_decref(turned);
    ob_cleanup(ob_freep) char *text = json_dumps(document, JSON_COMPACT);
    policy *other = NULL;
    size_t len = strlen(text);
    if (len <= POLICY_TEXT_MAX)
        FUZZ_CHECK(policy_parse(text, len, &other, NULL) == 0);
    return other;
}

static void check_answers(const policy *p, const policy_question *q)
{
    policy_answer answer = policy_decide(p, q), outlook = policy_outlook(p, q->action);
    policy *other = reversed(p);
    FUZZ_CHECK(!other || policy_decide(other, q) == answer);
    FUZZ_CHECK(!other || policy_outlook(other, q->action) == outlook);
    policy_unref(other);
    /* What is said before a resource is known must not contradict what is said of it. */
    FUZZ_CHECK(outlook == POLICY_ALLOWED || answer != POLICY_ALLOWED);
    /* Where names only add, one name less never makes more possible. */
    if (policy_only_adds(p, q->action) && q->n_names > 1) {
        policy_question fewer = *q;
        fewer.n_names--;
        FUZZ_CHECK(policy_decide(p, &fewer) != POLICY_ALLOWED || answer == POLICY_ALLOWED);
    }
    FUZZ_CHECK(policy_decide(NULL, q) == POLICY_NOT_ALLOWED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = fuzz_begin(data, size);
    size_t len;
    ob_cleanup(ob_freep) char *text = fuzz_part(&in, &len), *action = fuzz_part(&in, NULL),
                              *name = fuzz_part(&in, NULL), *other = fuzz_part(&in, NULL),
                              *key = fuzz_part(&in, NULL), *value = fuzz_part(&in, NULL);
    policy *p = NULL;
    ob_error err = { 0 };
    if (policy_parse(text, len, &p, &err) < 0) {
        FUZZ_CHECK(!p && err.text[0]);
        return 0;
    }
    FUZZ_CHECK(strcmp(policy_text(p), text) == 0);
    const char *const names[] = { name, other };
    const policy_fact facts[] = { { key, value }, { "aws:ResourceTag/team", value } };
    const policy_question question = {
        .action = action, .names = names, .n_names = 2, .facts = facts, .n_facts = *key ? 2 : 0
    };
    check_answers(p, &question);
    (void)policy_asks_resource_tags(p);
    policy_unref(p);
    return 0;
}
