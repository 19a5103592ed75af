/* What becomes of instances that a new leader finds in PostgreSQL, and not at the provider. */
#include "unit.h"

#include "launches.h"

#define ME "i-00000000000000001"

static int has, launches;
static scaler s;
static instance *in;

/* In place of the connection. */
int __wrap_ob_leader_keep(ob_leader *leader, ob_error *err);
int __wrap_ob_leader_keep(ob_leader *leader, ob_error *err)
{
    return 0;
}

static int fake_has(provider *p, const char *id)
{
    assert_string_equal(id, ME);
    return has;
}

static int fake_launch(provider *p, const provider_launch_spec *spec, ob_error *err)
{
    launches++;
    return 0;
}

static const char *fake_refuses(provider *p, ob_arch arch)
{
    return NULL;
}

static int begin(void **state)
{
    static const provider_ops ops = { .has = fake_has,
                                      .launch = fake_launch,
                                      .refuses = fake_refuses };
    static provider fake = { .ops = &ops };
    static instance one;
    one = (instance){ .id = ME, .type = "m5.large", .state = OB_INSTANCE_ACTIVE };
    (void)snprintf(one.trust.salt, sizeof(one.trust.salt), "%s", OB_SEAL_FIRST_SALT);
    s = (scaler){ .provider = &fake };
    in = &one;
    HASH_ADD_STR(s.instances, id, in);
    launches = 0;
    return 0;
}

static int end(void **state)
{
    HASH_CLEAR(hh, s.instances);
    free(in->fate_text);
    return 0;
}

static void an_instance_that_is_there_is_asked_for_again(void **state)
{
    has = 1;
    assert_int_equal(launches_turn(&s, 1000, NULL), 0);
    assert_int_equal(launches, 1);
    assert_int_equal(in->fate, FATE_OPEN);
}

/* A new one would start the runs of the old one a second time. */
static void an_active_instance_that_is_gone_is_not_made_again(void **state)
{
    has = 0;
    assert_int_equal(launches_turn(&s, 1000, NULL), 0);
    assert_int_equal(launches, 0);
    assert_int_equal(in->fate, FATE_GONE);
}

static void what_the_provider_cannot_say_yet_is_asked_later(void **state)
{
    has = -EAGAIN;
    assert_int_equal(launches_turn(&s, 1000, NULL), 0);
    has = 1;
    assert_int_equal(launches_turn(&s, 1500, NULL), 0);
    assert_int_equal(launches, 0);
    assert_int_equal(launches_turn(&s, 2500, NULL), 0);
    assert_int_equal(launches, 1);
    assert_int_equal(in->fate, FATE_OPEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_instance_that_is_there_is_asked_for_again, begin, end),
        cmocka_unit_test_setup_teardown(an_active_instance_that_is_gone_is_not_made_again, begin,
                                        end),
        cmocka_unit_test_setup_teardown(what_the_provider_cannot_say_yet_is_asked_later, begin,
                                        end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
