/* What a control group has used, from the files of each kind of hierarchy. */
#include "unit.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "group_use.h"

static char root[64];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static int begin(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof(root), "/tmp/ob-use-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A file below the root, with its folders. */
static void put(const char *path, const char *text)
{
    char whole[256];
    (void)snprintf(whole, sizeof(whole), "%s%s", root, path);
    for (char *at = whole + strlen(root) + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        (void)mkdir(whole, 0700);
        *at = '/';
    }
    FILE *file = fopen(whole, "we");
    assert_non_null(file);
    (void)fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void each_hierarchy_of_v1_has_one_figure(void **state)
{
    put("/cpuacct/docker/a/cpuacct.usage", "1234567891\n");
    put("/cpuacct/docker/a/cgroup.procs", "17\n18\n");
    put("/memory/docker/a/memory.max_usage_in_bytes", "40960000\n");
    group_use use = group_use_read(root, "/docker/a");
    assert_int_equal(use.cpu_ms, 1235);
    assert_int_equal(use.peak_bytes, 40960000);
    assert_int_equal(group_use_process(root, "/docker/a"), 17);
}

/* v2 beside v1 has no controllers, but counts the time of processors too. */
static void a_hybrid_s_controllers_are_those_of_v1(void **state)
{
    put("/cpuacct/o/cpuacct.usage", "5000000\n");
    put("/memory/o/memory.max_usage_in_bytes", "4096\n");
    put("/unified/o/cpu.stat", "usage_usec 99000000\n");
    put("/o/cpu.stat", "usage_usec 99000000\n");
    put("/o/memory.peak", "99000000\n");
    group_use use = group_use_read(root, "/o");
    assert_int_equal(use.cpu_ms, 5);
    assert_int_equal(use.peak_bytes, 4096);
}

static void v2_has_all_in_one_folder(void **state)
{
    put("/o/cpu.stat", "nr_usage_usec 7\nusage_usec 2500001\nuser_usec 5\n");
    put("/o/memory.peak", "1073741824\n");
    put("/o/cgroup.procs", "");
    group_use use = group_use_read(root, "/o");
    assert_int_equal(use.cpu_ms, 2501);
    assert_int_equal(use.peak_bytes, 1073741824);
    assert_int_equal(group_use_process(root, "/o"), 0);
}

/* Kernels before 5.19 have no memory.peak; a controller may be off. */
static void what_is_not_there_is_unknown(void **state)
{
    group_use use = group_use_read(root, "/o");
    assert_int_equal(use.cpu_ms, 0);
    assert_int_equal(use.peak_bytes, 0);
    assert_int_equal(group_use_process(root, "/o"), -1);
    put("/o/cpu.stat", "usage_usec 2000\n");
    use = group_use_read(root, "/o");
    assert_int_equal(use.cpu_ms, 2);
    assert_int_equal(use.peak_bytes, 0);
    put("/o/memory.peak", "max\n");
    put("/o/cpu.stat", "no_usage_usec 2000\nusage_usecs 1\n");
    put("/o/cgroup.procs", "0\n");
    use = group_use_read(root, "/o");
    assert_int_equal(use.cpu_ms, 0);
    assert_int_equal(use.peak_bytes, 0);
    assert_int_equal(group_use_process(root, "/o"), -1);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, begin, end)
    const struct CMUnitTest tests[] = {
        T(each_hierarchy_of_v1_has_one_figure),
        T(a_hybrid_s_controllers_are_those_of_v1),
        T(v2_has_all_in_one_folder),
        T(what_is_not_there_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
