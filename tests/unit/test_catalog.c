/* The catalogue of instance types: names, families, bundles, usable sizes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../shared/src/catalog_text.h"
#include "ob/catalog.h"
#include "ob/mem.h"

static void types_are_found_by_their_exact_name(void **state)
{
    (void)state;
    const ob_instance_type *t = ob_catalog_find("m5.large");
    assert_non_null(t);
    assert_int_equal(t->vcpus, 2);
    assert_int_equal(t->mem_mib, 8192);
    assert_int_equal(t->gpus, 0);
    assert_int_equal(t->arch, OB_ARCH_X86_64);
    assert_int_equal(t->on_demand, 96000);
    assert_int_equal(ob_catalog_find("g5.48xlarge")->gpus, 8);
    assert_int_equal(ob_catalog_find("c5.2xlarge")->on_demand, 340000);
    assert_null(ob_catalog_find("m5"));
    assert_null(ob_catalog_find("M5.large"));
    assert_null(ob_catalog_find(""));
}

static void usable_memory_is_less_than_nominal(void **state)
{
    (void)state;
    ob_resources r = ob_catalog_usable(ob_catalog_find("m4.large"));
    assert_int_equal(r.mcpu, 2000);
    assert_int_equal(r.mem_mib, 7955); /* 8192 * 0.975 - 32 */
    assert_int_equal(ob_catalog_usable(ob_catalog_find("p3.8xlarge")).gpus, 4);
}

static void entries_are_types_families_or_bundles(void **state)
{
    (void)state;
    const ob_instance_type *m5 = ob_catalog_find("m5.large");
    const ob_instance_type *m6i = ob_catalog_find("m6i.4xlarge");
    const ob_instance_type *p3dn = ob_catalog_find("p3dn.24xlarge");
    assert_true(ob_catalog_entry_has("m5", m5));
    assert_true(ob_catalog_entry_has("m5.large", m5));
    assert_false(ob_catalog_entry_has("m5.xlarge", m5));
    assert_false(ob_catalog_entry_has("m", m5));
    assert_false(ob_catalog_entry_has("optimal", m5));
    assert_true(ob_catalog_entry_has("optimal", m6i));
    assert_true(ob_catalog_entry_has("default_x86_64", m6i));
    assert_false(ob_catalog_entry_has("default_arm64", m6i));
    assert_true(ob_catalog_entry_has("p3dn", p3dn));
    assert_false(ob_catalog_entry_has("p3", p3dn));

    assert_int_equal(ob_catalog_entry_arch("optimal"), OB_ARCH_X86_64);
    assert_int_equal(ob_catalog_entry_arch("default_arm64"), OB_ARCH_ARM64);
    assert_int_equal(ob_catalog_entry_arch("m6g.medium"), OB_ARCH_ARM64);
    assert_int_equal(ob_catalog_entry_arch("t3"), OB_ARCH_X86_64);
    assert_int_equal(ob_catalog_entry_arch("t3.huge"), OB_ARCH_NONE);
    assert_int_equal(ob_catalog_entry_arch("m5."), OB_ARCH_NONE);
    assert_int_equal(ob_catalog_entry_arch(""), OB_ARCH_NONE);
}

static void every_entry_is_listed_once_in_order_and_means_something(void **state)
{
    (void)state;
    size_t n, n_types;
    const char *const *entries = ob_catalog_entries(&n);
    const ob_instance_type *types = ob_catalog_types(&n_types);
    assert_true(n > n_types);
    for (size_t i = 0; i < n; i++) {
        assert_int_not_equal(ob_catalog_entry_arch(entries[i]), OB_ARCH_NONE);
        if (i > 0)
            assert_true(strcmp(entries[i - 1], entries[i]) < 0);
    }
    for (size_t i = 0; i < n_types; i++) {
        assert_ptr_equal(ob_catalog_find(types[i].name), &types[i]);
        assert_true(types[i].spot < types[i].on_demand);
    }
}

/* A catalogue is loaded once in a process: each case in one of its own. */
static int in_child(const char *text, int (*check)(const ob_error *err, int r))
{
    char path[] = "/tmp/ob-types-XXXXXX";
    int fd = mkstemp(path), status = 0;
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    (void)close(fd);
    pid_t child = fork();
    if (child == 0) {
        ob_error err = { 0 };
        int r = ob_catalog_load(path, &err);
        _exit(check(&err, r));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    (void)unlink(path);
    return status;
}

static int extended(const ob_error *err, int r)
{
    size_t n;
    (void)ob_catalog_types(&n);
    const ob_instance_type *mine = ob_catalog_find("lab1.big");
    return !(r == 0 && !err->text[0] && n > 400 && mine && mine->vcpus == 12 && mine->gpus == 2 &&
             mine->on_demand == 1500000 && mine->interruptions == 7 &&
             ob_catalog_find("m5.large")->on_demand == 1000 && /* ours is replaced */
             ob_catalog_entry_has("optimal", mine) && ob_catalog_entry_has("lab1", mine) &&
             !ob_catalog_entry_has("optimal", ob_catalog_find("m6i.large")) &&
             ob_catalog_entry_has("default_x86_64", ob_catalog_find("m6i.large")));
}

static int replaced(const ob_error *err, int r)
{
    size_t n, n_entries;
    (void)err;
    (void)ob_catalog_types(&n);
    (void)ob_catalog_entries(&n_entries);
    return !(r == 0 && n == 1 && n_entries == 2 && !ob_catalog_find("m5.large") &&
             ob_catalog_entry_arch("optimal") == OB_ARCH_NONE);
}

/* A bundle with the name of a family stands for the bundle. */
static int named_as_a_family(const ob_error *err, int r)
{
    size_t n_entries;
    (void)err;
    (void)ob_catalog_entries(&n_entries);
    return !(r == 0 && n_entries == 2 && ob_catalog_entry_arch("lab1") == OB_ARCH_ARM64);
}

static int refused_in_line_2(const ob_error *err, int r)
{
    return !(r == -EINVAL && strstr(err->text, "line 2"));
}

static int refused(const ob_error *err, int r)
{
    return !(r < 0 && err->text[0]);
}

static void an_operator_extends_or_replaces_it(void **state)
{
    (void)state;
    assert_int_equal(in_child("# mine\n@optimal\tx86_64\tlab1 c5\n"
                              "lab1.big\tx86_64\t12\t24576\t2\t1.5\t0.5\t7\n"
                              "m5.large\tx86_64\t2\t8192\t0\t0.001\t0.0005\t5\n",
                              extended),
                     0);
    assert_int_equal(in_child("@only\nlab1.big\tarm64\t12\t24576\t2\t1.5\t0.5\t7", replaced), 0);
    assert_int_equal(
        in_child("# mine\nlab1.big\tx86\t12\t24576\t2\t1.5\t0.5\t7\n", refused_in_line_2), 0);
    assert_int_equal(in_child("# mine\nlab1.big x86_64 12 24576\n", refused_in_line_2), 0);
    assert_int_equal(in_child("@only\n", refused), 0);
    assert_int_equal(in_child("@only\n@lab1\tarm64\tlab1\nlab1.big\tarm64\t1\t64\t0\t1\t1\t0",
                              named_as_a_family),
                     0);
    assert_int_equal(in_child("\n@lab1.big\tarm64\tlab1\n", refused_in_line_2), 0);
    ob_error err = { 0 };
    assert_int_equal(ob_catalog_load("/nowhere/at/all", &err), -ENOENT);
    assert_int_equal(ob_catalog_load("", &err), 0);
}

static int wrong_line(const char *text, size_t len)
{
    catalog_text c = { 0 };
    int line = catalog_text_read(&c, text, len);
    catalog_text_done(&c);
    return line;
}

#define TYPE(name, vcpus) name "\tx86_64\t" vcpus "\t1024\t0\t1\t1\t0\n"

static void a_text_is_read_whole_or_refused(void **state)
{
    (void)state;
    static const char cut[] = TYPE("a.b", "2") "#\0\n" TYPE("c.d", "2");
    assert_int_equal(wrong_line(cut, sizeof(cut) - 1), 2);
    static const char bad[] = TYPE("a\xff.b", "2");
    assert_int_equal(wrong_line(bad, sizeof(bad) - 1), 1);
    /* Thousandths of its vCPUs must fit. */
    static const char huge[] = TYPE("a.b", "2147484");
    assert_int_equal(wrong_line(huge, sizeof(huge) - 1), 1);
    static const char good[] = TYPE("a.b", "1000000");
    assert_int_equal(wrong_line(good, sizeof(good) - 1), 0);
}

static void families_are_compared_whole_however_long_they_are(void **state)
{
    (void)state;
    char long_one[101], longer[102];
    memset(long_one, 'f', 100);
    long_one[100] = '\0';
    (void)snprintf(longer, sizeof(longer), "%sg", long_one);
    ob_cleanup(ob_freep) char *text = ob_strf("@mine\tx86_64\t%s", long_one);
    catalog_text c = { 0 };
    assert_int_equal(catalog_text_read(&c, text, strlen(text)), 0);
    const catalog_bundle *mine = catalog_bundle_find(&c, "mine");
    assert_true(catalog_bundle_has(mine, long_one, 100));
    assert_false(catalog_bundle_has(mine, longer, 101));
    catalog_text_done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First: nothing has been looked up yet. */
        cmocka_unit_test(an_operator_extends_or_replaces_it),
        cmocka_unit_test(types_are_found_by_their_exact_name),
        cmocka_unit_test(usable_memory_is_less_than_nominal),
        cmocka_unit_test(entries_are_types_families_or_bundles),
        cmocka_unit_test(every_entry_is_listed_once_in_order_and_means_something),
        cmocka_unit_test(a_text_is_read_whole_or_refused),
        cmocka_unit_test(families_are_compared_whole_however_long_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
