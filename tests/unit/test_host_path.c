/* Folders of the host that no container may use, whatever their spelling. */
#include "unit.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob/host_path.h"

static bool refused(const ob_host_guard *g, const char *path, bool here)
{
    json_auto_t *container =
        json_pack("{s:[{s:s},{s:s,s:{}},{s:s,s:{s:s}}]}", "volumes", "name", "a", "name", "b",
                  "host", "name", "c", "host", "sourcePath", path);
    ob_error err = { 0 };
    int r = ob_host_guard_check(g, container, here, &err);
    assert_int_equal(r != 0, *err.text != '\0');
    return r == -EPERM;
}

static void what_holds_is_or_lies_in_a_guarded_folder_is_refused(void **state)
{
    static const char *const bad[] = {
        "/home/me/ob",
        "/home/me/ob/",
        "/home/me/ob/secrets",
        "/home/me/ob/secrets/root.key",
        "//home//me/./ob/x",
        "/data/../home/me/ob",
        "/home/me/ob/../ob/secrets",
        "/home/me",
        "/home",
        "/",
        "//",
        "/..",
        "/data/..",
        "/data/../../..",
        "/run/openbatch/1",
        "/run/openbatch/1.pg",
        "/run/openbatch/1.pg/.s.PGSQL.5432",
        "/run/openbatch",
        "/run",
        "/engine/docker.sock",
        "/engine",
        "/var/run/docker.sock",
        "/run/docker.sock",
        "/var/run",
        "/var",
        "/var/lib/docker/volumes",
        "/var/lib/containerd",
        "/run/containerd/containerd.sock",
        "/proc",
        "/proc/1/root/data",
        "/proc/self/cwd",
        "/var/lib/openbatch/0a1b2c3d",
        "/mnt/docker/volumes",
        "/mnt",
        "/srv/d.sock",
    };
    static const char *const good[] = {
        "/data",         "/data/x",   "/home/me/other", "/home/me/ob2", "/home/me/o",
        "/var/lib/data", "/run/mine", "/dev/shm",       "/procs",       "/engine2",
    };
    ob_host_guard *g =
        ob_host_guard_new("/home/me/ob", "/run/openbatch/1", "unix:///engine/docker.sock",
                          "/mnt/docker:relative:/srv/d.sock");
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (!refused(g, bad[i], false) || !refused(g, bad[i], true))
            fail_msg("%s is not refused", bad[i]);
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        if (refused(g, good[i], false) || refused(g, good[i], true))
            fail_msg("%s is refused", good[i]);
    ob_host_guard_free(g);
    assert_false(refused(NULL, "/", true));
    g = ob_host_guard_new(NULL, NULL, "tcp://127.0.0.1:2375", "");
    assert_false(refused(g, "/home/me", true));
    assert_true(refused(g, "/", true));
    ob_host_guard_free(g);
}

/* What text does not tell, the host does. */
static void links_are_followed_where_they_lead(void **state)
{
    char dir[] = "/tmp/ob-guard-XXXXXX";
    assert_non_null(mkdtemp(dir));
    ob_cleanup(ob_freep) char *home = ob_strf("%s/home", dir), *data = ob_strf("%s/data", dir);
    ob_cleanup(ob_freep) char *link = ob_strf("%s/link", data), *twice = ob_strf("%s/twice", data);
    ob_cleanup(ob_freep) char *up = ob_strf("%s/up", data), *out = ob_strf("%s/out", dir);
    assert_int_equal(mkdir(home, 0700), 0);
    assert_int_equal(mkdir(data, 0700), 0);
    assert_int_equal(symlink(home, link), 0);
    assert_int_equal(symlink("link", twice), 0);
    assert_int_equal(symlink("..", up), 0);
    assert_int_equal(symlink(data, out), 0);
    ob_host_guard *g = ob_host_guard_new(home, NULL, NULL, NULL);
    static const char *const bad[] = { "data/link",   "data/link/secrets/new", "data/twice",
                                       "data/up",     "data/up/home/x",        "out/link",
                                       "out/up/home", "data/link/../home" };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        ob_cleanup(ob_freep) char *path = ob_strf("%s/%s", dir, bad[i]);
        if (!refused(g, path, true))
            fail_msg("%s is not refused", path);
    }
    static const char *const good[] = { "data", "out", "data/new/folder", "data/up/other" };
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        ob_cleanup(ob_freep) char *path = ob_strf("%s/%s", dir, good[i]);
        if (refused(g, path, true))
            fail_msg("%s is refused", path);
    }
    ob_host_guard_free(g);
    /* A home that is named by a link is guarded where it is, too. */
    g = ob_host_guard_new(link, NULL, NULL, NULL);
    assert_true(refused(g, home, false));
    ob_host_guard_free(g);
    ob_cleanup(ob_freep) char *all = ob_strf("rm -rf %s", dir);
    assert_int_equal(system(all), 0);
}

static void folders_are_compared_part_by_part(void **state)
{
    assert_true(ob_host_path_in("/dev", "/dev"));
    assert_true(ob_host_path_in("/x/../dev/vda", "/dev"));
    assert_false(ob_host_path_in("/device", "/dev"));
    assert_false(ob_host_path_in("/", "/dev"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_holds_is_or_lies_in_a_guarded_folder_is_refused),
        cmocka_unit_test(links_are_followed_where_they_lead),
        cmocka_unit_test(folders_are_compared_part_by_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
