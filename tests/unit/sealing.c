/* See sealing.h. */
#include "sealing.h"

#include <unistd.h>

ob_seal copy;

void load(ob_seal *seal, const char *secret)
{
    char file[] = "/tmp/test_seal.XXXXXX";
    int fd = mkstemp(file);
    assert_int_equal(write(fd, secret, 64), 64);
    assert_int_equal(close(fd), 0);
    assert_int_equal(ob_seal_load(seal, file, NULL), 0);
    assert_int_equal(unlink(file), 0);
}

int set_up(void **state)
{
    char secret[65];
    (void)state;
    ob_token_new(secret, 32);
    load(&copy, secret);
    return 0;
}

int tear_down(void **state)
{
    (void)state;
    ob_seal_done(&copy);
    return 0;
}

ob_seal executor_of(const char *instance, const char *salt, uint32_t generation)
{
    ob_seal seal = { 0 };
    ob_error err = { 0 };
    ob_seal_owner owner = { 0 };
    char token[OB_SEAL_TOKEN_TEXT];
    (void)snprintf(owner.instance, sizeof(owner.instance), "%s", instance);
    (void)snprintf(owner.salt, sizeof(owner.salt), "%s", salt);
    ob_seal_token(&copy, &owner, token);
    if (ob_seal_own(&seal, instance, token, generation, &err) < 0)
        fail_msg("%s", err.text);
    return seal;
}

ob_seal some_executor(const char *instance)
{
    char salt[OB_SEAL_SALT_TEXT];
    ob_seal_salt_new(salt);
    return executor_of(instance, salt, 1);
}

ob_seal joined_by(const char *join, const char *instance)
{
    ob_seal own = { 0 };
    char token[OB_SEAL_TOKEN_TEXT];
    assert_int_equal(ob_seal_join_token(join, instance, NULL, token, NULL), 0);
    assert_int_equal(ob_seal_own(&own, instance, token, 1, NULL), 0);
    return own;
}

sealed by(ob_seal *seal, const char *topic, const char *text)
{
    sealed s = { 0 };
    assert_int_equal(ob_seal_write(seal, NULL, topic, text, strlen(text), &s.data, &s.len, NULL),
                     0);
    return s;
}

sealed order_for(ob_seal *seal, const ob_seal_owner *owner)
{
    sealed s = { 0 };
    assert_int_equal(
        ob_seal_write(seal, owner, OB_TOPIC_PLACEMENTS, TEXT, strlen(TEXT), &s.data, &s.len, NULL),
        0);
    return s;
}

int read_at(const ob_seal *seal, const char *topic, sealed s)
{
    ob_seal_opened m = { 0 };
    int r = ob_seal_read(seal, topic, s.data, s.len, &m, NULL);
    free(m.text);
    return r;
}

int parse(sealed s, const char *topic, json_t **ret)
{
    const char *type;
    int64_t epoch;
    *ret = NULL;
    return ob_seal_parse(&copy, &(ob_bus_msg){ .topic = topic, .data = s.data, .len = s.len }, ret,
                         &type, &epoch, NULL);
}

json_t *parsed(ob_seal *seal, const char *text)
{
    json_t *json;
    sealed s = by(seal, OB_TOPIC_EXECUTIONS, text);
    assert_int_equal(parse(s, OB_TOPIC_EXECUTIONS, &json), 0);
    free(s.data);
    return json;
}

void opens_for_both(ob_seal *own, size_t more)
{
    ob_seal_opened m;
    sealed report = by(own, OB_TOPIC_EXECUTIONS, TEXT);
    assert_int_equal(report.len, strlen(TEXT) + more);
    assert_true(ob_seal_is(report.data, report.len));
    assert_int_equal(ob_seal_read(&copy, OB_TOPIC_EXECUTIONS, report.data, report.len, &m, NULL),
                     0);
    assert_string_equal(m.text, TEXT);
    assert_string_equal(m.owner.instance, ME);
    assert_string_equal(m.owner.salt, own->self.salt);
    free(m.text);
    sealed order = order_for(&copy, &own->self);
    assert_int_equal(ob_seal_read(own, OB_TOPIC_PLACEMENTS, order.data, order.len, &m, NULL), 0);
    assert_string_equal(m.text, TEXT);
    free(m.text);
    free(order.data);
    free(report.data);
}
