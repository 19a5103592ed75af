/* The topics' table and the partition of an instance. */
#include "unit.h"

#include "ob/topics.h"

static const ob_topic *find(const char *name)
{
    for (const ob_topic *t = ob_topics; t->name; t++)
        if (strcmp(t->name, name) == 0)
            return t;
    return NULL;
}

static void every_topic_is_in_the_table_once_and_bounded(void **state)
{
    const char *const names[] = { OB_TOPIC_SUBMISSIONS, OB_TOPIC_COMMANDS,  OB_TOPIC_PLACEMENTS,
                                  OB_TOPIC_EXECUTIONS,  OB_TOPIC_INSTANCES, OB_TOPIC_DEMAND,
                                  OB_TOPIC_LOGS,        OB_TOPIC_JOB_STATE };
    size_t n = 0;
    for (const ob_topic *t = ob_topics; t->name; t++, n++) {
        bool bounded = false, unpacked = false;
        size_t i = 0;
        for (; t->configs[i]; i += 2) {
            assert_non_null(t->configs[i + 1]);
            bounded |= strcmp(t->configs[i], "retention.bytes") == 0;
            unpacked |= strcmp(t->configs[i], "compression.type") == 0 &&
                        strcmp(t->configs[i + 1], "uncompressed") == 0;
        }
        assert_true(i < ARRAY_SIZE(t->configs));
        assert_true(bounded);
        assert_true(unpacked != t->is_public);
    }
    assert_int_equal(n, ARRAY_SIZE(names));
    for (size_t i = 0; i < n; i++)
        assert_non_null(find(names[i]));
}

static void a_topic_has_as_many_partitions_as_asked_for_or_as_it_needs(void **state)
{
    for (int32_t configured = 1; configured <= 16; configured *= 2) {
        for (const ob_topic *t = ob_topics; t->name; t++) {
            int32_t least = strcmp(t->name, OB_TOPIC_PLACEMENTS) == 0 ? 8 : 1;
            int32_t want = configured > least ? configured : least;
            assert_int_equal(ob_topic_partitions(t, configured), t->is_public ? 1 : want);
        }
    }
}

static void an_instance_has_one_partition_for_all_processes(void **state)
{
    /* Known values of FNV-1a: any change here would put messages where nobody reads. */
    assert_int_equal(ob_instance_partition("", 8), 2166136261u % 8);
    assert_int_equal(ob_instance_partition("a", 1000), 0xe40c292cu % 1000);
    assert_int_equal(ob_instance_partition("foobar", 1000), 0xbf9cf968u % 1000);
    assert_int_equal(ob_instance_partition("i-0123456789abcdef0", 1), 0);
    assert_int_equal(ob_instance_partition("i-0123456789abcdef0", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_topic_is_in_the_table_once_and_bounded),
        cmocka_unit_test(a_topic_has_as_many_partitions_as_asked_for_or_as_it_needs),
        cmocka_unit_test(an_instance_has_one_partition_for_all_processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
