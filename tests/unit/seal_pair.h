/* The two sides of sealed messages, without files: a service with a secret of zeros, and an
 * executor of an instance that it has launched. */
#pragma once

#include "ob/seal.h"

static inline void
seal_pair(const char *instance, uint32_t generation, ob_seal *copy, ob_seal *executor)
{
    char salt[OB_SEAL_SALT_TEXT], token[OB_SEAL_TOKEN_TEXT];
    ob_seal_owner owner = { 0 };
    if (*executor->self.salt)
        memcpy(salt, executor->self.salt, sizeof(salt)); /* its next process */
    else
        ob_seal_salt_new(salt);
    (void)snprintf(owner.instance, sizeof(owner.instance), "%s", instance);
    memcpy(owner.salt, salt, sizeof(salt));
    ob_seal_token(copy, &owner, token);
    assert_int_equal(ob_seal_own(executor, instance, token, generation, NULL), 0);
}
