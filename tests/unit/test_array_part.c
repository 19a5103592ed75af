/* Parts of arrays: what is read is what was written, and nothing else is read. */
#include "unit.h"

#include "ob/array_part.h"

static void the_index_in_a_position_is_found(void **state)
{
    (void)state;
    static const int indexes[] = { 3, 7, 11, 12, 13, 39 };
    int n = 0, index = 0, size = 0;
    for (int i = 0; i < (int)ARRAY_SIZE(indexes); i++) {
        assert_true(ob_array_part_read("3,7,11-13,39/40", i, &n, &index, &size));
        assert_int_equal(n, ARRAY_SIZE(indexes));
        assert_int_equal(index, indexes[i]);
        assert_int_equal(size, 40);
    }
    assert_true(ob_array_part_read("3,7,11-13,39/40", 6, &n, &index, &size));
    assert_int_equal(index, -1);
    assert_true(ob_array_part_read("0/1", 0, &n, &index, &size));
    assert_int_equal(index, 0);
    assert_true(ob_array_part_read("0-9999/10000", 9998, &n, &index, &size));
    assert_int_equal(n, 10000);
    assert_int_equal(index, 9998);
}

static void what_is_malformed_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",      "/",       "3",      "3/",      "/40",     "3,/40",   ",3/40",
        "3-/40", "-3/40",   "3--4/5", "7,3/40",  "3,3/40",  "9-7/40",  "1-3,2/40",
        "40/40", "3-40/40", "3/40 ",  " 3/40",   "3, 7/40", "3/40/40", "12345678/9",
        "3/4x",  "3;7/40",  "+3/40",  "1-2-3/4", "0/0",
    };
    int n = -5, index = -5, size = -5;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (ob_array_part_read(texts[i], 0, &n, &index, &size))
            fail_msg("\"%s\" was read", texts[i]);
    assert_int_equal(n, -5);
    assert_int_equal(index, -5);
    assert_int_equal(size, -5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_index_in_a_position_is_found),
        cmocka_unit_test(what_is_malformed_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
