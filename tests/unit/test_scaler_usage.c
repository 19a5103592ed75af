/* Which points of environments' use are stored, and what they count. */
#include "unit.h"

#include "environment_usage.h"
#include "scaler_store.h"

#define PUT_MAX 8

static ce_usage put[PUT_MAX];
static size_t n_put;
static int result;

int __wrap_store_put_usage(ob_leader *leader, const ce_usage *rows, size_t n, ob_error *err);
int __wrap_store_put_usage(ob_leader *leader, const ce_usage *rows, size_t n, ob_error *err)
{
    assert_true(n > 0 && n <= PUT_MAX);
    n_put = n;
    memcpy(put, rows, n * sizeof(*rows));
    return result;
}

static void add_env(scaler *s, env *e, int64_t id)
{
    *e = (env){ .id = id, .max_vcpus = 16, .written_desired = 4 };
    HASH_ADD(hh, s->envs, id, sizeof(e->id), e);
}

static void add_instance(
    scaler *s, instance *in, const char *id, int64_t ce, ob_instance_state state, int32_t nominal)
{
    *in = (instance){ .ce_id = ce,
                      .state = state,
                      .nominal = { .mcpu = nominal },
                      .size = { .mcpu = 2000 },
                      .used = { .mcpu = 500 } };
    (void)snprintf(in->id, sizeof(in->id), "%s", id);
    HASH_ADD_STR(s->instances, id, in);
}

/* How many points are stored at that time. */
static size_t points(scaler *s, int64_t now_ms)
{
    n_put = 0;
    assert_int_equal(environment_usage_write(s, now_ms, NULL), result);
    return n_put;
}

static void a_point_comes_when_something_differs_or_after_ten_minutes(void **state)
{
    static scaler s;
    static env e[2];
    static instance in[3];
    (void)state;
    add_env(&s, &e[0], 1);
    add_env(&s, &e[1], 2);
    add_instance(&s, &in[0], "i-1", 1, OB_INSTANCE_ACTIVE, 2000);
    add_instance(&s, &in[1], "i-2", 1, OB_INSTANCE_LAUNCHING, 2000);
    add_instance(&s, &in[2], "i-3", 2, OB_INSTANCE_DRAINING, 0); /* it joined */
    assert_int_equal(points(&s, 1000), 2);
    assert_int_equal(put[0].ce_id, 1);
    assert_int_equal(put[0].instances, 2);
    assert_int_equal(put[0].mcpu, 1000);
    assert_int_equal(put[0].provisioned_mcpu, 2000);
    assert_int_equal(put[0].desired_vcpus, 4);
    assert_int_equal(put[0].max_vcpus, 16);
    assert_true(put[0].at_ms > 0);
    assert_int_equal(put[1].provisioned_mcpu, 2000);
    in[1].state = OB_INSTANCE_ACTIVE;
    assert_int_equal(points(&s, 10999), 0);
    assert_int_equal(points(&s, 11000), 1);
    assert_int_equal(put[0].ce_id, 1);
    assert_int_equal(put[0].provisioned_mcpu, 4000);
    assert_int_equal(points(&s, 21000), 0);
    assert_int_equal(points(&s, 601000), 1);
    assert_int_equal(put[0].ce_id, 2);
    assert_int_equal(points(&s, 611000), 1);
    assert_int_equal(put[0].ce_id, 1);
    e[1].max_vcpus = 8;
    result = -EIO; /* not stored: it is due at once */
    assert_int_equal(points(&s, 621000), 1);
    result = 0;
    assert_int_equal(points(&s, 621250), 1);
    assert_int_equal(points(&s, 631250), 0);
    HASH_CLEAR(hh, s.envs);
    HASH_CLEAR(hh, s.instances);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_point_comes_when_something_differs_or_after_ten_minutes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
