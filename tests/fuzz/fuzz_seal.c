/* Join tokens, tokens of instances, and sealed messages.
 * Covers: shared/src/seal.c shared/src/seal_host.c */
#include "fuzz.h"

#include "ob/seal.h"
#include "ob/topics.h"
#include "seal_internal.h"

#define ME "i-0123456789abcdef0"

static bool is_salt(const char *salt)
{
    size_t len = strlen(salt);
    return (len == 48 || len == 80) && strspn(salt, "0123456789abcdef") == len;
}

/* A host with the same private key has the same key, and the services have it too. */
static void check_join(const ob_seal *copy, const char *join_token)
{
    static const uint8_t own[OB_SEAL_KEY] = { 1 };
    ob_seal_owner owner = { .instance = ME };
    uint8_t key[OB_SEAL_KEY], same[OB_SEAL_KEY];
    char known[OB_SEAL_JOIN_TEXT];
    ob_error err = { 0 };
    if (seal_host_join(join_token, own, &owner, key, &err) < 0) {
        FUZZ_CHECK(*err.text);
        return;
    }
    FUZZ_CHECK(is_salt(owner.salt) && ob_seal_is_under(owner.salt, join_token));
    FUZZ_CHECK(ob_seal_join_of(copy, owner.salt, known));
    FUZZ_CHECK(seal_host_key(copy, &owner, same));
    FUZZ_CHECK((strcmp(known, join_token) == 0) == (memcmp(key, same, sizeof(key)) == 0));
}

static void check_token(const char *token)
{
    ob_seal own = { 0 };
    ob_error err = { 0 };
    if (ob_seal_own(&own, ME, token, 1, &err) < 0)
        FUZZ_CHECK(*err.text);
    else
        FUZZ_CHECK(is_salt(own.self.salt) &&
                   strncmp(own.self.salt, token, strlen(own.self.salt)) == 0);
}

/* What opens has come from somebody with that key, for that topic and no other. */
static void check_message(const ob_seal *copy, const char *data, size_t len)
{
    ob_seal_opened m = { 0 };
    ob_error err = { 0 };
    if (ob_seal_read(copy, OB_TOPIC_EXECUTIONS, data, len, &m, &err) < 0) {
        FUZZ_CHECK(*err.text && !m.text);
        return;
    }
    FUZZ_CHECK(ob_seal_is(data, len) && ob_instance_id_is(m.owner.instance));
    FUZZ_CHECK(is_salt(m.owner.salt) && m.len < len && m.text[m.len] == '\0');
    free(m.text);
    FUZZ_CHECK(ob_seal_read(copy, OB_TOPIC_LOGS, data, len, &m, &err) < 0);
    FUZZ_CHECK(ob_seal_read(copy, OB_TOPIC_EXECUTIONS, data, len - 1, &m, &err) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = fuzz_begin(data, size);
    size_t len;
    ob_cleanup(ob_freep) char *join_token = fuzz_part(&in, NULL);
    ob_cleanup(ob_freep) char *token = fuzz_part(&in, NULL);
    ob_cleanup(ob_freep) char *message = fuzz_rest(&in, &len);
    ob_seal copy = { 0 }; /* its secret is zeros */
    copy.hosts = seal_hosts_new(copy.key);
    check_join(&copy, join_token);
    check_token(token);
    check_message(&copy, message, len);
    ob_seal_done(&copy);
    return 0;
}
