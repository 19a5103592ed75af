/* The arguments of an executor that is started by hand. */
#include "unit.h"

#include "join.h"

#define ENVIRONMENT "OPENBATCH_CE_NAME"
#define VCPUS "OPENBATCH_JOIN_VCPUS"
#define MEMORY "OPENBATCH_JOIN_MEMORY_MIB"
#define ARGUMENTS_MAX 8

static int unset_all(void **state)
{
    (void)unsetenv(ENVIRONMENT);
    (void)unsetenv(VCPUS);
    (void)unsetenv(MEMORY);
    (void)unsetenv("OPENBATCH_JOIN_TOKEN");
    return 0;
}

/* words: NULL ends them. ret: what is left of them, with a space before each. */
static int prepare(const char *const *words, char ret[128], ob_error *err)
{
    char *argv[ARGUMENTS_MAX + 1] = { (char *)"openbatch-executor" };
    int argc = 1;
    for (; words[argc - 1]; argc++)
        argv[argc] = (char *)words[argc - 1];
    int left = join_prepare(argc, argv, err);
    size_t len = 0;
    ret[0] = '\0';
    for (int i = 1; i < left; i++)
        len += (size_t)snprintf(ret + len, 128 - len, " %s", argv[i]);
    if (left > 0)
        assert_null(argv[left]);
    return left;
}

static void assert_variable(const char *name, const char *value)
{
    const char *its = getenv(name);
    assert_non_null(its);
    assert_string_equal(its, value);
}

static void arguments_become_settings(void **state)
{
    char left[128];
    const char *const words[] = {
        "--compute-environment", "own", "--vcpus=4", "--memory", "512", NULL
    };
    assert_int_equal(prepare(words, left, NULL), 1);
    assert_variable(ENVIRONMENT, "own");
    assert_variable(VCPUS, "4");
    assert_variable(MEMORY, "512");
}

static void other_arguments_are_left_in_their_order(void **state)
{
    char left[128];
    const char *const words[] = { "--purge", "--vcpus", "4", "word", "-xyz", "--unknown", NULL };
    assert_int_equal(prepare(words, left, NULL), 5);
    assert_string_equal(left, " --purge word -xyz --unknown");
    assert_variable(VCPUS, "4");
}

static void an_argument_without_its_value_is_refused(void **state)
{
    char left[128];
    ob_error err = { 0 };
    const char *const words[] = { "--vcpus", "4", "--memory", NULL };
    assert_int_equal(prepare(words, left, &err), -EINVAL);
    assert_string_equal(err.text, "--memory needs a value");
}

#define WITH_NONE_SET(f) cmocka_unit_test_setup(f, unset_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_NONE_SET(arguments_become_settings),
        WITH_NONE_SET(other_arguments_are_left_in_their_order),
        WITH_NONE_SET(an_argument_without_its_value_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
