/* The states of an instance: every move that there is, and that no other one is made. */
#include "unit.h"

#include "instance_state.h"
#include "ob/log.h"
#include "ob/mem.h"
#include "providers/provider.h"

#define BIT(state) (1u << (state))

static instance in;

static int begin(void **state)
{
    in = (instance){ .id = "i-1" };
    return 0;
}

static int end(void **state)
{
    free(in.type);
    free(in.fate_text);
    return 0;
}

static bool set_prospect(unsigned from, unsigned to)
{
    in.prospect = (instance_prospect)from;
    bool is = instance_set_prospect(&in, (instance_prospect)to);
    assert_int_equal(in.prospect, is ? to : from);
    return is;
}

static bool set_fate(unsigned from, unsigned to)
{
    in.fate = (instance_fate)from;
    bool is = instance_set_fate(&in, (instance_fate)to, -ENOSPC, "none");
    assert_int_equal(in.fate, is ? to : from);
    return is;
}

static bool set_executor(unsigned from, unsigned to)
{
    in.executor = (instance_executor)from;
    bool is = instance_set_executor(&in, (instance_executor)to);
    assert_int_equal(in.executor, is ? to : from);
    return is;
}

static bool set_notice(unsigned from, unsigned to)
{
    in.notice = (instance_notice)from;
    bool is = instance_set_notice(&in, (instance_notice)to);
    assert_int_equal(in.notice, is ? to : from);
    return is;
}

static bool set_placements(unsigned from, unsigned to)
{
    in.placements = (instance_placements)from;
    bool is = instance_set_placements(&in, (instance_placements)to);
    assert_int_equal(in.placements, is ? to : from);
    return is;
}

/* by 'from': the states that may follow */
static void walk(bool (*set)(unsigned from, unsigned to), const unsigned *next, unsigned n)
{
    for (unsigned from = 0; from < n; from++)
        for (unsigned to = 0; to < n; to++)
            assert_int_equal(set(from, to), from == to || (next[from] & BIT(to)) != 0);
}

static void a_launch_in_doubt_is_found_or_sure_and_never_in_doubt_again(void **state)
{
    const unsigned next[] = { BIT(PROSPECT_MAY_FAIL), BIT(PROSPECT_SURE) | BIT(PROSPECT_FOUND),
                              BIT(PROSPECT_SURE) };
    walk(set_prospect, next, 3);
}

static void what_failed_did_not_end_by_itself(void **state)
{
    const unsigned next[] = { BIT(FATE_FAILED) | BIT(FATE_GONE), BIT(FATE_OPEN),
                              BIT(FATE_OPEN) | BIT(FATE_FAILED) };
    walk(set_fate, next, 3);
    assert_string_equal(in.fate_text, "none");
    assert_int_equal(in.fate_error, -ENOSPC);
}

static void an_executor_that_has_left_does_not_come_back(void **state)
{
    const unsigned next[] = { BIT(EXECUTOR_REGISTERED) | BIT(EXECUTOR_LEFT),
                              BIT(EXECUTOR_AWAITED) | BIT(EXECUTOR_LEFT), 0 };
    walk(set_executor, next, 3);
}

static void a_notice_is_taken_only_when_the_executor_tells_of_it(void **state)
{
    const unsigned next[] = { BIT(NOTICE_WANTED) | BIT(NOTICE_TOLD),
                              BIT(NOTICE_REFUSED) | BIT(NOTICE_TOLD), BIT(NOTICE_TOLD),
                              BIT(NOTICE_TAKEN), BIT(NOTICE_TOLD) };
    walk(set_notice, next, 5);
}

static void placements_that_are_looked_up_count_for_one_state_of_the_instance(void **state)
{
    const unsigned next[] = { BIT(PLACEMENTS_SAID_NONE) | BIT(PLACEMENTS_NONE),
                              BIT(PLACEMENTS_POSSIBLE) | BIT(PLACEMENTS_NONE),
                              BIT(PLACEMENTS_POSSIBLE) };
    walk(set_placements, next, 3);

    in.placements = PLACEMENTS_NONE;
    instance_set_state(&in, OB_INSTANCE_LOST, 5);
    assert_int_equal(in.placements, PLACEMENTS_POSSIBLE);
    in.placements = PLACEMENTS_SAID_NONE; /* not looked up yet: it is still to be */
    instance_set_state(&in, OB_INSTANCE_TERMINATED, 6);
    assert_int_equal(in.placements, PLACEMENTS_SAID_NONE);
}

/* A row is committed: memory has no say. */
static void the_state_of_the_row_is_taken_whatever_it_is(void **state)
{
    for (int from = 0; from <= OB_INSTANCE_TERMINATED; from++)
        for (int to = 0; to <= OB_INSTANCE_TERMINATED; to++) {
            in.state = (ob_instance_state)from;
            in.flush_ms = in.asked_at_ms = 9;
            instance_set_state(&in, (ob_instance_state)to, 100 * from + to);
            assert_int_equal(in.state, to);
            assert_int_equal(in.since_ms, 100 * from + to);
            assert_int_equal(in.flush_ms + in.asked_at_ms, 0);
        }
}

static void the_type_says_where_an_instance_comes_from(void **state)
{
    static const struct {
        const char *type;
        instance_origin origin;
    } cases[] = { { "m5.large", ORIGIN_CATALOGUE },
                  { PROVIDER_FARGATE, ORIGIN_FARGATE },
                  { PROVIDER_UNMANAGED_LOCAL, ORIGIN_UNMANAGED_LOCAL },
                  { PROVIDER_KUBERNETES, ORIGIN_NODE },
                  { PROVIDER_JOINED, ORIGIN_JOINED } };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        instance_set_type(&in, cases[i].type);
        assert_string_equal(in.type, cases[i].type);
        assert_int_equal(in.origin, cases[i].origin);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    ob_log_init("test", OB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        TEST(a_launch_in_doubt_is_found_or_sure_and_never_in_doubt_again),
        TEST(what_failed_did_not_end_by_itself),
        TEST(an_executor_that_has_left_does_not_come_back),
        TEST(a_notice_is_taken_only_when_the_executor_tells_of_it),
        TEST(placements_that_are_looked_up_count_for_one_state_of_the_instance),
        TEST(the_state_of_the_row_is_taken_whatever_it_is),
        TEST(the_type_says_where_an_instance_comes_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
