/* Finds OOM kills in the kernel log. */
#include "unit.h"

#include <unistd.h>

#include "host/kernel_oom.h"

#define ID "a12877286cd6aee713e6e6c58ab98b1b9bd0f6edcd9fa829f566a3a2349a6210"
#define OTHER "b12877286cd6aee713e6e6c58ab98b1b9bd0f6edcd9fa829f566a3a2349a6210"
#define HEAD "6,7,8,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset="

static bool said(const char *log, const char *id)
{
    char path[] = "/tmp/ob-oom.XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, log, strlen(log)), strlen(log));
    (void)close(fd);
    bool killed = kernel_oom_killed(path, id);
    (void)unlink(path);
    return killed;
}

static void the_group_of_the_task_counts(void **state)
{
    /* As Docker's own groups (v1), and systemd's scopes (v2), are called. */
    assert_true(said(HEAD OTHER ",oom_memcg=/docker/" ID ",task_memcg=/docker/" ID ",task=sh", ID));
    assert_true(said(HEAD ID ",task_memcg=/system.slice/docker-" ID ".scope,task=sh", ID));
    assert_false(
        said(HEAD ID ",oom_memcg=/docker/" ID ",task_memcg=/docker/" OTHER ",task=" ID, ID));
    assert_false(said("6,7,8,-;task_memcg=/docker/" ID ",task=sh", ID));
    assert_false(said(HEAD ID, ID));
    assert_false(said("", ID));
}

static void a_log_that_cannot_be_read_says_nothing(void **state)
{
    assert_false(kernel_oom_killed("/nowhere", ID));
}

static void the_real_log_comes_to_an_end(void **state)
{
    assert_false(kernel_oom_killed(KERNEL_LOG, "no container's id"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_group_of_the_task_counts),
        cmocka_unit_test(a_log_that_cannot_be_read_says_nothing),
        cmocka_unit_test(the_real_log_comes_to_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
