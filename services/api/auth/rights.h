/* What a key may do: by its own policy and, if it is a session's, by the session's policy too. */
#pragma once

#include "key_policy.h"
#include "keys.h"

/* The answer names the policy that decided, for the words of a refusal. */
typedef enum rights_answer {
    RIGHT_GIVEN,
    RIGHT_NOT_GIVEN,        /* no statement of the key's policy allows it */
    RIGHT_DENIED,           /* a statement of the key's policy denies it */
    RIGHT_NOT_IN_SESSION,   /* no statement of the session's policy allows it */
    RIGHT_DENIED_IN_SESSION /* a statement of the session's policy denies it */
} rights_answer;

/* May it do everything? Then nothing need be asked. */
bool rights_are_all(const api_key *key);
rights_answer rights_decide(const api_key *key, const policy_question *question);
/* As policy_outlook, policy_only_adds and policy_asks_resource_tags, for both policies. */
rights_answer rights_outlook(const api_key *key, const char *action);
bool rights_only_add(const api_key *key, const char *action);
bool rights_ask_resource_tags(const api_key *key);

/* Who the key is, as AWS names users: "arn:aws:iam::<account>:user/<name, or id>". A new text. */
char *rights_arn(const api_key *key);
