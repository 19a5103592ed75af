/* The user of a container's command, from an image's files. */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtimes/oci/oci_user.h"

static void users_are_found_as_docker_does(void **state)
{
    (void)state;
    static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1001::/home/ann:\nbad";
    static const char group[] = "root:x:0:\ndisk:x:6:bob,ann\nann:x:1001:\nx:x:9:annabel";
    static const struct {
        const char *spec;
        int result;
        uint32_t uid, gid;
        int more;
        const char *home;
    } cases[] = {
        { "", 0, 0, 0, 0, "/root" },
        { "root", 0, 0, 0, 0, "/root" },
        { "ann", 0, 1000, 1001, 1, "/home/ann" },
        { "1000", 0, 1000, 1001, 1, "/home/ann" },
        { "77", 0, 77, 0, 0, "/" },
        { "77:88", 0, 77, 88, 0, "/" },
        { "ann:disk", 0, 1000, 6, 0, "/home/ann" },
        { "ann:5", 0, 1000, 5, 0, "/home/ann" },
        { "nobody", -EINVAL, 0, 0, 0, "" },
        { "ann:none", -EINVAL, 0, 0, 0, "" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        oci_user found;
        assert_int_equal(oci_user_find(cases[i].spec, passwd, group, &found, NULL),
                         cases[i].result);
        if (cases[i].result < 0)
            continue;
        assert_int_equal(found.uid, cases[i].uid);
        assert_int_equal(found.gid, cases[i].gid);
        assert_int_equal(found.more_count, cases[i].more);
        assert_string_equal(found.home, cases[i].home);
    }
    oci_user found;
    assert_int_equal(oci_user_find("", "", "", &found, NULL), 0);
    assert_string_equal(found.home, "/");
}

/* Anything else may be a device, or end never. */
static void users_are_read_of_plain_files_only(void **state)
{
    (void)state;
    static const char entry[] = "ann:x:7:8::/:\n";
    char root[] = "/tmp/openbatch-users-XXXXXX", path[64], link[64], pipe_path[64];
    oci_user found;
    assert_non_null(mkdtemp(root));
    (void)snprintf(path, sizeof(path), "%s/etc", root);
    (void)snprintf(link, sizeof(link), "%s/etc/passwd", root);
    (void)snprintf(pipe_path, sizeof(pipe_path), "%s/pipe", root);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    int fd = open(pipe_path, O_RDWR | O_CLOEXEC);
    assert_int_equal(write(fd, entry, strlen(entry)), strlen(entry));

    assert_int_equal(symlink("/pipe", link), 0); /* it begins at the image's root */
    assert_int_equal(oci_user_read(root, "ann", &found, NULL), -EINVAL);
    (void)close(fd);
    assert_int_equal(unlink(pipe_path), 0);

    fd = open(pipe_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, entry, strlen(entry)), strlen(entry));
    (void)close(fd);
    assert_int_equal(oci_user_read(root, "ann", &found, NULL), 0);
    assert_int_equal(found.uid, 7);

    assert_int_equal(unlink(link) | unlink(pipe_path), 0);
    assert_int_equal(rmdir(path) | rmdir(root), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_are_found_as_docker_does),
        cmocka_unit_test(users_are_read_of_plain_files_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
