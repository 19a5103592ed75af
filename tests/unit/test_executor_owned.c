/* Marks of folders, and removal: it follows no link, enters no mount, and stops at no depth. */
#include "unit.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ob/message.h"
#include "owned.h"

typedef struct world {
    char dir[64];
    int fd;
} world;

static int setup(void **state)
{
    world *w = ob_calloc(1, sizeof(*w));
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/ob-owned-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->fd = owned_open(AT_FDCWD, w->dir);
    assert_true(w->fd >= 0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    ob_cleanup(ob_freep) char *rm = ob_strf("rm -rf --one-file-system %s", w->dir);
    (void)close(w->fd);
    assert_int_equal(system(rm), 0);
    free(w);
    return 0;
}

static void put(const world *w, const char *name)
{
    int fd = openat(w->fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
}

static bool is_there(const world *w, const char *name)
{
    return faccessat(w->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void an_empty_folder_gets_a_mark(void **state)
{
    world *w = *state;
    assert_false(owned_is_marked(w->fd, "mark", "a"));
    assert_int_equal(mkdirat(w->fd, "lost+found", 0700), 0); /* of mkfs */
    assert_int_equal(owned_mark(w->fd, "mark", "a"), 0);
    assert_true(owned_is_marked(w->fd, "mark", "a"));
    assert_false(owned_is_marked(w->fd, "mark", "b"));
    assert_false(owned_is_marked(w->fd, "mark", ""));
    put(w, "file");
    assert_int_equal(owned_mark(w->fd, "mark", "a"), 0);
    assert_int_equal(owned_mark(w->fd, "mark", "b"), -ENOTEMPTY);
}

static void another_s_folder_gets_none(void **state)
{
    world *w = *state;
    put(w, "mark"); /* a file is no mark */
    assert_int_equal(owned_mark(w->fd, "mark", "a"), -ENOTEMPTY);
    assert_int_equal(owned_mark(w->fd, "other", "a"), -ENOTEMPTY);
    assert_false(is_there(w, "other"));
}

static void names_are_no_paths(void **state)
{
    world *w = *state;
    static const char *const wrong[] = { "", ".", "..", "/", "a/b", "../a", "/tmp" };
    assert_int_equal(mkdirat(w->fd, "a", 0700), 0);
    put(w, "a/b");
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        assert_false(owned_is_name(wrong[i]));
        assert_false(owned_remove(w->fd, wrong[i]));
    }
    assert_true(is_there(w, "a/b"));
    assert_true(owned_is_name("..."));
}

static void a_tree_goes_and_links_are_not_followed(void **state)
{
    world *w = *state;
    assert_int_equal(mkdirat(w->fd, "kept", 0700), 0);
    put(w, "kept/file");
    assert_int_equal(mkdirat(w->fd, "tree", 0700), 0);
    assert_int_equal(mkdirat(w->fd, "tree/sub", 0000), 0);
    put(w, "tree/file");
    assert_int_equal(symlinkat("../kept", w->fd, "tree/link"), 0);
    assert_int_equal(symlinkat("kept", w->fd, "link"), 0);
    assert_true(owned_remove(w->fd, "tree"));
    assert_true(owned_remove(w->fd, "link"));
    assert_true(owned_remove(w->fd, "nothing"));
    assert_false(is_there(w, "tree"));
    assert_false(is_there(w, "link"));
    assert_true(is_there(w, "kept/file"));
}

static void a_deep_tree_goes(void **state)
{
    world *w = *state;
    int fd = dup(w->fd);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(mkdirat(fd, "d", 0700), 0);
        if (i % 50 == 0)
            assert_int_equal(mkdirat(fd, "deep-0", 0700), 0); /* as the names of those that move */
        int next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        (void)close(fd);
        fd = next;
    }
    (void)close(fd);
    assert_true(owned_remove(w->fd, "d"));
    assert_false(is_there(w, "d"));
}

/* In a mount namespace of its own. The mount is of the same file system, so its number is, too. */
static int remove_around_mount(const world *w)
{
    ob_cleanup(ob_freep) char *from = ob_strf("%s/kept", w->dir);
    ob_cleanup(ob_freep) char *to = ob_strf("%s/tree/mount", w->dir);
    ob_cleanup(ob_freep) char *top = ob_strf("%s/kept-top", w->dir);
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return 2;
    int fd = owned_open(AT_FDCWD, w->dir); /* as this namespace has it */
    if (mount(from, to, NULL, MS_BIND, NULL) < 0 || mount(from, top, NULL, MS_BIND, NULL) < 0)
        return 2;
    bool is_whole = owned_remove(fd, "tree") || owned_remove(fd, "kept-top");
    return is_whole ? 1 : 0;
}

static void a_mount_stays(void **state)
{
    world *w = *state;
    int status = -1;
    static const char *const folders[] = { "kept", "tree", "tree/mount", "kept-top" };
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
        assert_int_equal(mkdirat(w->fd, folders[i], 0700), 0);
    put(w, "kept/file");
    pid_t pid = fork();
    if (pid == 0)
        _exit(remove_around_mount(w));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WEXITSTATUS(status) == 2)
        skip(); /* needs root */
    assert_int_equal(status, 0);
    assert_true(is_there(w, "kept/file"));
}

#define IN_WORLD(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(an_empty_folder_gets_a_mark),
        IN_WORLD(another_s_folder_gets_none),
        IN_WORLD(names_are_no_paths),
        IN_WORLD(a_tree_goes_and_links_are_not_followed),
        IN_WORLD(a_deep_tree_goes),
        IN_WORLD(a_mount_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
