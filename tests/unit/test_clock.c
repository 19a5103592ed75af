/* The wall clock: a change is detected, normal running is not. */
#include "unit.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "ob/clock.h"

static int64_t ahead_s; /* of the wall clock */

/* In place of libc's. */
int clock_gettime(clockid_t clock, struct timespec *ts)
{
    int r = (int)syscall(SYS_clock_gettime, clock, ts);
    if (clock == CLOCK_REALTIME)
        ts->tv_sec += ahead_s;
    return r;
}

static void a_clock_that_was_set_is_noticed(void **state)
{
    int64_t by_ms = 0, ago_ms = -1;
    int64_t before_ms = ob_wall_ms();
    assert_false(ob_wall_jumped(&by_ms, &ago_ms));
    assert_true(ob_wall_steady(3600 * 1000));

    ahead_s = 3600;
    assert_true(ob_wall_ms() - before_ms >= 3600 * 1000);
    assert_true(ob_wall_jumped(&by_ms, &ago_ms));
    assert_true(by_ms > 3599 * 1000 && by_ms < 3601 * 1000);
    assert_true(ago_ms >= 0 && ago_ms < 60 * 1000);
    assert_false(ob_wall_steady(60 * 1000));
    assert_true(ob_wall_steady(0));

    ahead_s = 0;
    assert_true(ob_wall_jumped(&by_ms, &ago_ms));
    assert_true(by_ms < -3599 * 1000 && by_ms > -3601 * 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_that_was_set_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
