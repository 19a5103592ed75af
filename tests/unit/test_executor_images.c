/* Images of the runtime without a daemon, on the executor's side: their names, programs that the
 * loop watches, looking up and holding what is in the store, and pulls by a program that this test
 * wrote in openbatch-image's place. */
#include "unit.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "images/image_keeper.h"
#include "images/image_name.h"
#include "images/image_store.h"
#include "ob/clock.h"
#include "runtimes/oci/oci_images.h"

/* ---- names ---- */

#define DIGITS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void names_are_completed_as_docker_does(void **state)
{
    static const char *const cases[][2] = {
        { "busybox", "docker.io/library/busybox:latest" },
        { "busybox:1", "docker.io/library/busybox:1" },
        { "me/app", "docker.io/me/app:latest" },
        { "docker.io/busybox", "docker.io/library/busybox:latest" },
        { "index.docker.io/me/app:V1.2-x_y", "docker.io/me/app:V1.2-x_y" },
        { "localhost/app", "localhost/app:latest" },
        { "127.0.0.1:5000/a/b-c/d__e", "127.0.0.1:5000/a/b-c/d__e:latest" },
        { "reg.example:5000/a:t@sha256:" DIGITS, "reg.example:5000/a@sha256:" DIGITS },
        { "a@sha256:" DIGITS, "docker.io/library/a@sha256:" DIGITS },
        { DIGITS, "sha256:" DIGITS },
        { "sha256:" DIGITS, "sha256:" DIGITS },
        { "UPPER/app", "UPPER/app:latest" }, /* a host */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        ob_cleanup(ob_freep) char *full = NULL;
        assert_int_equal(image_name_parse(cases[i][0], &full, NULL), 0);
        assert_string_equal(full, cases[i][1]);
        ob_cleanup(ob_freep) char *again = NULL; /* a complete name is one */
        assert_int_equal(image_name_parse(full, &again, NULL), 0);
        assert_string_equal(again, full);
    }
}

static void what_is_no_name_is_refused(void **state)
{
    static const char *const cases[] = {
        "",           "a:",     ":tag",   "a b",   "a//b",      "/a",         "a/",
        "../a",       "a/../b", "-a",     "a:b:c", "App",       "a@sha256:1", ("a@md5:" DIGITS),
        "a:-tag",     "a\nb",   "a;b",    "a$(b)", "h.x/",      "-h.x/a",     "a..b",
        "a:tag/with", "a@",     "--flag", "\xff",  "a\xc3\xa9", "x.y/A",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *full = NULL;
        ob_error err = { 0 };
        assert_int_equal(image_name_parse(cases[i], &full, &err), -EINVAL);
        assert_non_null(strstr(err.text, "invalid reference format"));
    }
}

static void registries_of_this_host_are_known(void **state)
{
    (void)state;
    assert_true(image_name_is_local("localhost:5000"));
    assert_true(image_name_is_local("localhost/a:b"));
    assert_true(image_name_is_local("127.0.0.1:5000/a:b"));
    assert_false(image_name_is_local("localhost.example/a:b"));
    assert_false(image_name_is_local("docker.io/library/localhost:1"));
}

/* ---- a store, and a program ---- */

typedef struct world {
    char dir[64], program[80];
    loop *loop;
    oci_images *images;
    loop_timer deadline;
    int ready, refused, lines, ends;
    char error[512], text[512];
    const oci_image *image;
} world;

static void too_late(void *arg)
{
    (void)arg;
    fail_msg("nothing has happened for 20 s");
}

static void write_file(const char *path, mode_t mode, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
}

static void world_open(world *w, const char *script)
{
    *w = (world){ .dir = "/tmp/ob-images-XXXXXX" };
    assert_non_null(mkdtemp(w->dir));
    (void)snprintf(w->program, sizeof(w->program), "%s/program", w->dir);
    assert_int_equal(loop_new(&w->loop, NULL), 0);
    w->deadline = (loop_timer){ .fn = too_late };
    loop_timer_set(w->loop, &w->deadline, 20000);
    oci_images_config config = { .loop = w->loop,
                                 .dir = w->dir,
                                 .pull_stall_ms = 1500,
                                 .credentials = "",
                                 .engine = "unix:///nonexistent",
                                 .program = w->program };
    assert_int_equal(oci_images_new(&config, &w->images, NULL), 0);
    write_file(w->program, 0755, script); /* a store begins as an empty folder */
}

static void world_close(world *w)
{
    oci_images_free(w->images);
    loop_timer_stop(w->loop, &w->deadline);
    loop_free(w->loop);
    ob_cleanup(ob_freep) char *rm = ob_strf("rm -rf %s", w->dir);
    assert_int_equal(system(rm), 0);
}

/* As openbatch-image leaves an image. */
static void put_image(world *w, const char *name, const char *platform, const char *from)
{
    ob_cleanup(ob_freep) char *folder = image_store_path(w->dir, "images/" DIGITS);
    ob_cleanup(ob_freep) char *lock = image_store_path(w->dir, "images/" DIGITS "/lock");
    ob_cleanup(ob_freep) char *info = image_store_path(w->dir, "images/" DIGITS "/image.json");
    ob_cleanup(ob_freep) char *file = image_store_name_file(w->dir, name);
    ob_cleanup(ob_freep) char *text =
        ob_strf("{\"name\":\"%s\",\"platforms\":{\"%s\":{\"id\":\"" DIGITS "\",\"from\":\"%s\"}}}",
                name, platform, from);
    (void)mkdir(folder, 0700);
    write_file(lock, 0600, "");
    write_file(info, 0600, "{\"config\":{\"Cmd\":[\"sh\"]}}");
    write_file(file, 0600, text);
}

static const oci_image *get(world *w, const char *name, const char *platform)
{
    return oci_images_get(w->images, &(oci_image_request){ .name = name, .platform = platform });
}

static void an_image_is_held_while_it_is_used(void **state)
{
    world w;
    (void)state;
    world_open(&w, "#!/bin/sh\n");
    assert_null(get(&w, "app", NULL));
    put_image(&w, "docker.io/library/app:latest", image_host_platform(), "registry");
    assert_null(get(&w, "app", "plan9/mips"));
    const oci_image *first = get(&w, "app", NULL), *second = oci_images_hold(w.images, DIGITS);
    assert_non_null(first);
    assert_non_null(second);
    assert_string_equal(first->id, DIGITS);
    assert_string_equal(json_string_value(json_array_get(json_object_get(first->config, "Cmd"), 0)),
                        "sh");

    ob_cleanup(ob_freep) char *lock = image_store_path(w.dir, "images/" DIGITS "/lock");
    int fd = open(lock, O_RDWR | O_CLOEXEC);
    oci_images_release(w.images, first);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), -1); /* by the other use */
    oci_images_release(w.images, second);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    assert_null(get(&w, "app", NULL)); /* it is being removed */
    (void)close(fd);
    assert_null(oci_images_hold(w.images, "0000"));
    world_close(&w);
}

static void a_loaded_image_of_another_platform_is_used_unless_one_is_asked_for(void **state)
{
    world w;
    (void)state;
    world_open(&w, "#!/bin/sh\n");
    put_image(&w, "docker.io/library/app:latest", "linux/other/v8", "load");
    const oci_image *any = get(&w, "app", NULL), *own = get(&w, "app", "linux/other");
    assert_non_null(any);
    assert_non_null(own); /* a variant of it */
    assert_null(get(&w, "app", "linux/oth"));
    oci_images_release(w.images, any);
    oci_images_release(w.images, own);
    put_image(&w, "docker.io/library/app:latest", "linux/other", "registry");
    assert_null(get(&w, "app", NULL));
    world_close(&w);
}

/* ---- pulls ---- */

static void on_ready(const oci_image *image, const char *error, void *arg)
{
    world *w = arg;
    w->ready++;
    (void)snprintf(w->error, sizeof(w->error), "%s", error ? error : "");
    size_t at = strlen(w->text);
    (void)snprintf(w->text + at, sizeof(w->text) - at, "|%s|", w->error);
    w->refused += error && strstr(error, "repositoryCredentials");
    oci_images_release(w->images, w->image);
    w->image = image;
    if (w->ready == 2)
        loop_stop(w->loop);
}

static void wait_for(world *w, const char *name, const char *login)
{
    (void)oci_images_wait(w->images, &(oci_image_request){ .name = name, .login = login }, on_ready,
                          w);
}

/* A program that notes how it is called, with what is on its stdin, and then does 'what'. */
static char *script(const char *what)
{
    return ob_strf("#!/bin/sh\n"
                   "dir=$2\n"
                   "for last; do :; done\n"
                   "[ \"$last\" != room ] || exit 0\n"
                   "read line\n"
                   "echo \"$last $line\" >>\"$dir/called\"\n"
                   "echo '{\"progress\":true}'\n"
                   "%s\n",
                   what);
}

static void assert_called(world *w, const char *expected)
{
    ob_cleanup(ob_freep) char *path = ob_strf("%s/called", w->dir);
    char text[1024] = { 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(read(fd, text, sizeof(text) - 1) >= 0);
    (void)close(fd);
    assert_string_equal(text, expected);
}

static void one_pull_is_for_all_that_wait(void **state)
{
    world w;
    (void)state;
    /* It holds the image until its stdin ends. */
    ob_cleanup(ob_freep) char *text = script("echo '{\"id\":\"" DIGITS "\",\"over\":false}'\n"
                                             "cat >/dev/null");
    world_open(&w, text);
    put_image(&w, "docker.io/library/app:latest", image_host_platform(), "docker");
    assert_null(get(&w, "app", NULL)); /* the engine may have another one now */
    wait_for(&w, "app", NULL);
    wait_for(&w, "app", NULL);
    oci_image_wait *left =
        oci_images_wait(w.images, &(oci_image_request){ .name = "app" }, on_ready, &w);
    oci_images_leave(left);
    assert_int_equal(w.ready, 0);
    assert_int_equal(loop_run(w.loop, NULL), 0);
    assert_int_equal(w.ready, 2);
    assert_string_equal(w.error, "");
    assert_non_null(w.image);
    assert_called(&w, "docker.io/library/app:latest \n");
    const oci_image *again = get(&w, "app", NULL); /* the engine was asked just now */
    assert_non_null(again);
    oci_images_release(w.images, again);
    oci_images_release(w.images, w.image);
    world_close(&w);
}

static void credentials_go_to_the_program_alone(void **state)
{
    world w;
    (void)state;
    ob_cleanup(ob_freep) char *text = script("echo '{\"error\":\"no such image\"}'");
    world_open(&w, text);
    wait_for(&w, "app", "{\"username\":\"u\",\"password\":\"p\"}");
    wait_for(&w, "app", "this is no JSON");
    assert_int_equal(loop_run(w.loop, NULL), 0);
    assert_int_equal(w.refused, 1);
    assert_called(&w, "docker.io/library/app:latest {\"username\":\"u\",\"password\":\"p\"}\n");
    world_close(&w);
}

static void a_pull_without_progress_fails(void **state)
{
    world w;
    (void)state;
    ob_cleanup(ob_freep) char *text =
        script("for i in 1 2 3 4; do sleep 0.7; echo '{\"progress\":true}'; done; sleep 1000");
    world_open(&w, text);
    int64_t from_ms = ob_mono_ms();
    wait_for(&w, "app", NULL);
    wait_for(&w, "app", NULL);
    assert_int_equal(loop_run(w.loop, NULL), 0);
    assert_true(ob_mono_ms() - from_ms > 4000); /* progress gave it time */
    assert_string_equal(w.error,
                        "inactivity time exceeded timeout while pulling image: no progress "
                        "for 1500 ms with docker.io/library/app:latest");
    world_close(&w);
}

static void a_program_that_dies_is_an_error(void **state)
{
    world w;
    (void)state;
    ob_cleanup(ob_freep) char *text = script("kill -9 $$");
    world_open(&w, text);
    wait_for(&w, "app", NULL);
    wait_for(&w, "no name", NULL);
    assert_int_equal(loop_run(w.loop, NULL), 0);
    assert_non_null(strstr(w.text, "|openbatch-image ended unexpectedly (signal 9)|"));
    assert_non_null(
        strstr(w.text, "|invalid reference format: no name is not a name of an image|"));
    (void)unlink(w.program);
    w.ready = 0;
    wait_for(&w, "app", NULL);
    wait_for(&w, "app", NULL);
    assert_int_equal(loop_run(w.loop, NULL), 0);
    assert_non_null(strstr(w.error, "No such file or directory"));
    world_close(&w);
}

/* ---- programs ---- */

static void on_line(const char *line, size_t len, void *arg)
{
    world *w = arg;
    w->lines++;
    size_t at = strlen(w->text);
    (void)snprintf(w->text + at, sizeof(w->text) - at, "%.*s|", (int)len, line);
}

static void on_end(int status, void *arg)
{
    world *w = arg;
    w->ends++;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 3);
    loop_stop(w->loop);
}

static void a_child_says_all_before_its_end(void **state)
{
    world w;
    child *c = NULL;
    (void)state;
    world_open(&w, "#!/bin/sh\n");
    const char *argv[] = { "/bin/sh", "-c", "cat; printf 'x\\n\\nrest'; exit 3", NULL };
    child_options options = { .loop = w.loop,
                              .argv = argv,
                              .input = "one\ntwo\n",
                              .on_line = on_line,
                              .on_end = on_end,
                              .arg = &w };
    assert_int_equal(child_start(&options, &c, NULL), 0);
    child_close_input(c);
    assert_int_equal(loop_run(w.loop, NULL), 0);
    assert_string_equal(w.text, "one|two|x||");
    assert_int_equal(w.ends, 1);

    const char *sleeper[] = { "/bin/sh", "-c", "sleep 1000", NULL };
    options.argv = sleeper;
    assert_int_equal(child_start(&options, &c, NULL), 0);
    child_free(c); /* at once */
    world_close(&w);
}

/* ---- what is not the store's ---- */

static char *put_left(const char *dir, const char *folder, const char *name)
{
    char *path = image_store_path(dir, "%s/%s", folder, name);
    ob_cleanup(ob_freep) char *file = image_store_path(path, "file");
    assert_int_equal(mkdir(path, 0700), 0);
    write_file(file, 0600, "of somebody");
    return path;
}

static void a_store_takes_no_other_folder(void **state)
{
    char dir[] = "/tmp/ob-images-XXXXXX";
    ob_error err = { 0 };
    (void)state;
    assert_non_null(mkdtemp(dir));
    ob_cleanup(ob_freep) char *mail = image_store_path(dir, "new");
    assert_int_equal(mkdir(mail, 0700), 0); /* a name that the store uses, too */
    ob_cleanup(ob_freep) char *left = put_left(dir, "new", DIGITS);
    assert_int_equal(image_store_make(dir, &err), -ENOTEMPTY);
    assert_non_null(strstr(err.text, "contains other files"));
    assert_int_equal(access(left, F_OK), 0);
    ob_cleanup(ob_freep) char *rm = ob_strf("rm -rf %s", dir);
    assert_int_equal(system(rm), 0);
}

static void a_sweep_takes_only_what_has_the_stores_names(void **state)
{
    static const struct {
        const char *folder, *name;
        bool goes;
    } cases[] = {
        { "new", DIGITS, true },        { "new", "cur", false },
        { "new", DIGITS ".1", false },  { "going", DIGITS ".12", true },
        { "going", DIGITS ".", false }, { "going", DIGITS ".1x", false },
        { "going", DIGITS, false },     { "going", "somebody", false },
        { "pulls", "somebody", false }, { "images", "somebody", false },
    };
    char dir[] = "/tmp/ob-images-XXXXXX";
    bool over = false;
    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(image_store_make(dir, NULL), 0);
    ob_cleanup(ob_freep) char *kept = ob_strf("%s-kept", dir);
    ob_cleanup(ob_freep) char *link = image_store_path(dir, "new/" DIGITS "/link");
    ob_cleanup(ob_freep) char *kept_file = image_store_path(kept, "file");
    char *paths[ARRAY_SIZE(cases)];
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        paths[i] = put_left(dir, cases[i].folder, cases[i].name);
    assert_int_equal(mkdir(kept, 0700), 0);
    write_file(kept_file, 0600, "of somebody");
    assert_int_equal(symlink(kept, link), 0);
    image_keeper_sweep(dir);
    assert_int_equal(image_keeper_make_room(dir, 1, &over, NULL), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(access(paths[i], F_OK), cases[i].goes ? -1 : 0);
        free(paths[i]);
    }
    assert_int_equal(access(kept_file, F_OK), 0);
    ob_cleanup(ob_freep) char *rm = ob_strf("rm -rf %s %s", dir, kept);
    assert_int_equal(system(rm), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_completed_as_docker_does),
        cmocka_unit_test(what_is_no_name_is_refused),
        cmocka_unit_test(registries_of_this_host_are_known),
        cmocka_unit_test(an_image_is_held_while_it_is_used),
        cmocka_unit_test(a_loaded_image_of_another_platform_is_used_unless_one_is_asked_for),
        cmocka_unit_test(one_pull_is_for_all_that_wait),
        cmocka_unit_test(credentials_go_to_the_program_alone),
        cmocka_unit_test(a_pull_without_progress_fails),
        cmocka_unit_test(a_program_that_dies_is_an_error),
        cmocka_unit_test(a_child_says_all_before_its_end),
        cmocka_unit_test(a_store_takes_no_other_folder),
        cmocka_unit_test(a_sweep_takes_only_what_has_the_stores_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
