/* Joins the policy of a key with the policy of its session (AWS: "Policy evaluation logic", session
 * policies). Owns nothing. Pure: any thread.
 *
 * Invariants: a session may do only what its key may do at that moment; its policy can only take
 * away; a statement that denies wins in either policy. */
#include "rights.h"

bool rights_are_all(const api_key *key)
{
    return key->root && !key->session_policy;
}

static policy_answer of_key(const api_key *key, const policy_question *question)
{
    return key->root ? POLICY_ALLOWED : policy_decide(key->policy, question);
}

static policy_answer of_session(const api_key *key, const policy_question *question)
{
    return key->session_policy ? policy_decide(key->session_policy, question) : POLICY_ALLOWED;
}

static rights_answer joined(policy_answer key, policy_answer session)
{
    if (key == POLICY_FORBIDDEN)
        return RIGHT_DENIED;
    if (session == POLICY_FORBIDDEN)
        return RIGHT_DENIED_IN_SESSION;
    if (key == POLICY_NOT_ALLOWED)
        return RIGHT_NOT_GIVEN;
    return session == POLICY_NOT_ALLOWED ? RIGHT_NOT_IN_SESSION : RIGHT_GIVEN;
}

rights_answer rights_decide(const api_key *key, const policy_question *question)
{
    return joined(of_key(key, question), of_session(key, question));
}

rights_answer rights_outlook(const api_key *key, const char *action)
{
    policy_answer own = key->root ? POLICY_ALLOWED : policy_outlook(key->policy, action);
    const policy *narrower = key->session_policy;
    return joined(own, narrower ? policy_outlook(narrower, action) : POLICY_ALLOWED);
}

bool rights_only_add(const api_key *key, const char *action)
{
    return (key->root || policy_only_adds(key->policy, action)) &&
           policy_only_adds(key->session_policy, action);
}

bool rights_ask_resource_tags(const api_key *key)
{
    return (!key->root && policy_asks_resource_tags(key->policy)) ||
           policy_asks_resource_tags(key->session_policy);
}

char *rights_arn(const api_key *key)
{
    if (key->root)
        return ob_strf("arn:aws:iam::%s:root", key->account);
    return ob_strf("arn:aws:iam::%s:user/%s", key->account, key->name[0] ? key->name : key->key_id);
}
