/* openbatch-keeper leaves alone what no executor made: each of its verbs runs in folders that have
 * the names it uses, but not the marks, or not all of them. Nothing may change there. */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ob/message.h"
#include "owned.h"
#include "runtimes/oci/oci_folder.h"
#include "runtimes/oci/oci_words.h"

#define ID "ob-018f0000-0000-7000-8000-000000000001-1"
#define OTHER "ob-018f0000-0000-7000-8000-000000000002-1"

typedef struct world {
    char dir[64];
    char *home, *instance, *attempt;
    char said[1024]; /* the keeper's stderr */
} world;

static const char *const verbs[] = { "run", "clean", "try" };

static void put(const char *dir, const char *name, const char *text)
{
    ob_cleanup(ob_freep) char *path = ob_strf("%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
}

/* All names that the keeper uses or has used. */
static void put_names(const char *dir)
{
    static const char *const folders[] = { "upper", "work", "room", "volumes", OCI_ROOM, "rootfs" };
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        ob_cleanup(ob_freep) char *path = ob_strf("%s/%s", dir, folders[i]);
        assert_int_equal(mkdir(path, 0755), 0);
        put(path, "file", "of somebody");
    }
    put(dir, OCI_CONFIG_FILE, "{}");
    put(dir, OCI_STATE_FILE, "boot 1\n");
    put(dir, OCI_OUTPUT_FILE, "out");
    put(dir, "pid", "1");
}

static int setup(void **state)
{
    world *w = ob_calloc(1, sizeof(*w));
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/ob-keeper-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->home = ob_strf("%s/home", w->dir);
    w->instance = ob_strf("%s/%s", w->home, own_instance());
    w->attempt = ob_strf("%s/" ID, w->instance);
    assert_int_equal(mkdir(w->home, 0700), 0);
    assert_int_equal(mkdir(w->instance, 0700), 0);
    assert_int_equal(mkdir(w->attempt, 0700), 0);
    put_names(w->dir);
    put_names(w->home);
    put_names(w->instance);
    put_names(w->attempt);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    ob_cleanup(ob_freep) char *rm = ob_strf("rm -rf --one-file-system %s", w->dir);
    assert_int_equal(system(rm), 0);
    free(w->home);
    free(w->instance);
    free(w->attempt);
    free(w);
    return 0;
}

static void mark_home(const world *w)
{
    ob_cleanup(ob_freep) char *path = ob_strf("%s/" OCI_HOME_MARK, w->home);
    assert_int_equal(symlink(OCI_HOME_OWNER, path), 0);
}

static void mark_attempt(const world *w, const char *owner)
{
    ob_cleanup(ob_freep) char *path = ob_strf("%s/" OCI_ATTEMPT_MARK, w->attempt);
    (void)unlink(path);
    assert_int_equal(symlink(owner, path), 0);
}

/* A list of all files with their times and sizes. New. */
static char *picture(const world *w)
{
    char *text = ob_calloc(1, 65536);
    ob_cleanup(ob_freep) char *command =
        ob_strf("find %s -printf '%%P %%y %%s %%T@ %%C@ %%l\\n' | sort", w->dir);
    FILE *find = popen(command, "re");
    assert_non_null(find);
    size_t n = fread(text, 1, 65535, find);
    assert_true(n > 500 && n < 65535);
    assert_int_equal(pclose(find), 0);
    return text;
}

/* In the folder, as the keeper was used before; returns its exit code. */
static int keep(world *w, const char *folder, const char *const args[])
{
    int ends[2], status = -1;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(ends[1], 2);
        (void)close(ends[0]);
        (void)close(ends[1]);
        if (chdir(folder) == 0)
            (void)execv(OCI_KEEPER, (char *const *)args);
        _exit(99);
    }
    (void)close(ends[1]);
    size_t n = 0;
    for (ssize_t got; (got = read(ends[0], w->said + n, sizeof(w->said) - 1 - n)) > 0;)
        n += (size_t)got;
    w->said[n] = '\0';
    (void)close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int keep_id(world *w, const char *folder, const char *verb, const char *home, const char *id)
{
    return keep(w, folder,
                (const char *const[]){ OCI_KEEPER, verb, "--home", home, "--instance",
                                       own_instance(), "--runtime", "/bin/false", "--lower", "/",
                                       "--id", id, NULL });
}

/* Each verb with that home and id; in the attempt's own folder, where all names are. */
static void refuses(world *w, const char *home, const char *id, const char *why)
{
    ob_cleanup(ob_freep) char *before = picture(w);
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        assert_int_equal(keep_id(w, w->attempt, verbs[i], home, id), OCI_EXIT_REFUSED);
        if (!strstr(w->said, why) || !strstr(w->said, "nothing was changed"))
            fail_msg("%s: %s", verbs[i], w->said);
    }
    ob_cleanup(ob_freep) char *after = picture(w);
    assert_string_equal(after, before);
}

static void without_a_home_nothing_happens(void **state)
{
    world *w = *state;
    ob_cleanup(ob_freep) char *before = picture(w);
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        /* As it was called once. */
        int code = keep(w, w->attempt,
                        (const char *const[]){ OCI_KEEPER, verbs[i], "--group", "/x", NULL });
        assert_int_equal(code, 2);
        assert_non_null(strstr(w->said, "usage:"));
        code = keep(w, w->attempt, (const char *const[]){ OCI_KEEPER, verbs[i], NULL });
        assert_true(code == 2 || code == OCI_EXIT_REFUSED);
        assert_true(*w->said);
    }
    ob_cleanup(ob_freep) char *after = picture(w);
    assert_string_equal(after, before);
}

static void a_home_without_its_mark_is_refused(void **state)
{
    world *w = *state;
    mark_attempt(w, ID);
    refuses(w, w->home, ID, OCI_HOME_MARK " is not in it");
    put(w->home, OCI_HOME_MARK, OCI_HOME_OWNER); /* a file is none */
    refuses(w, w->home, ID, OCI_HOME_MARK " is not in it");
    refuses(w, "/", ID, OCI_HOME_MARK " is not in it");
    refuses(w, ".", ID, "--home .: ");
    refuses(w, "/nonexistent", ID, "No such file");
}

static void a_link_to_a_home_is_refused(void **state)
{
    world *w = *state;
    ob_cleanup(ob_freep) char *link = ob_strf("%s/link", w->dir);
    mark_home(w);
    mark_attempt(w, ID);
    assert_int_equal(symlink(w->home, link), 0);
    refuses(w, link, ID, "Not a directory");
}

static void an_attempt_without_its_mark_is_refused(void **state)
{
    world *w = *state;
    mark_home(w);
    refuses(w, w->home, ID, OCI_ATTEMPT_MARK " is not in it");
    mark_attempt(w, OTHER); /* of another container */
    refuses(w, w->home, ID, OCI_ATTEMPT_MARK " is not in it");
}

static void only_names_are_taken(void **state)
{
    world *w = *state;
    ob_cleanup(ob_freep) char *way_round = ob_strf("../%s/" ID, own_instance());
    const char *const wrong[] = { ".", "..", "", "/", way_round, "./" ID };
    mark_home(w);
    mark_attempt(w, ID);
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        refuses(w, w->home, wrong[i], "it is not the name of a container");
}

static void a_link_to_an_attempt_is_refused(void **state)
{
    world *w = *state;
    ob_cleanup(ob_freep) char *link = ob_strf("%s/" OTHER, w->instance);
    mark_home(w);
    mark_attempt(w, OTHER);
    assert_int_equal(symlink(ID, link), 0);
    refuses(w, w->home, OTHER, "Not a directory");
}

/* Whoever runs it by hand has no state to give. */
static void only_an_executor_can_run_one(void **state)
{
    world *w = *state;
    mark_home(w);
    mark_attempt(w, ID);
    ob_cleanup(ob_freep) char *before = picture(w);
    assert_int_equal(keep_id(w, w->attempt, "run", w->home, ID), OCI_EXIT_REFUSED);
    assert_non_null(strstr(w->said, "only an executor starts this"));
    ob_cleanup(ob_freep) char *after = picture(w);
    assert_string_equal(after, before);
}

/* With both marks it removes what is the keeper's, in that folder only. */
static void what_is_a_keeper_s_goes(void **state)
{
    static const char *const gone[] = { OCI_ROOM, OCI_CONFIG_FILE };
    static const char *const kept[] = { "upper/file",    "work/file",   "room/file",
                                        "volumes/file",  "rootfs/file", OCI_STATE_FILE,
                                        OCI_OUTPUT_FILE, "pid" };
    world *w = *state;
    mark_home(w);
    mark_attempt(w, ID);
    assert_int_equal(keep_id(w, w->home, "clean", w->home, ID), 0);
    for (size_t i = 0; i < ARRAY_SIZE(gone); i++) {
        ob_cleanup(ob_freep) char *path = ob_strf("%s/%s", w->attempt, gone[i]);
        ob_cleanup(ob_freep) char *above = ob_strf("%s/%s", w->home, gone[i]);
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(access(above, F_OK), 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
        ob_cleanup(ob_freep) char *path = ob_strf("%s/%s", w->attempt, kept[i]);
        assert_int_equal(access(path, F_OK), 0);
    }
    assert_int_equal(keep_id(w, w->home, "clean", w->home, OTHER), 0); /* nothing is there */
}

/* ---- the executor's side ---- */

static void the_executor_takes_no_other_folder(void **state)
{
    world *w = *state;
    char *home = NULL;
    ob_error err = { 0 };
    ob_cleanup(ob_freep) char *before = picture(w);
    assert_int_equal(oci_folder_home(w->home, &home, &err), -ENOTEMPTY);
    assert_non_null(strstr(err.text, "contains other files"));
    assert_int_equal(oci_folder_home("/", &home, &err), -ENOTEMPTY);
    assert_false(oci_folder_remove(w->attempt));
    oci_folder_forget(w->instance);
    ob_cleanup(ob_freep) char *after = picture(w);
    assert_string_equal(after, before);
}

static void the_executor_removes_what_it_made(void **state)
{
    world *w = *state;
    char *home = NULL;
    int fd = -1;
    json_auto_t *config = json_object();
    ob_cleanup(ob_freep) char *path = ob_strf("%s/new/home", w->dir);
    assert_int_equal(oci_folder_home(path, &home, NULL), 0);
    assert_string_equal(home, path);
    free(home);
    assert_int_equal(oci_folder_home(path, &home, NULL), 0); /* and finds it again */
    ob_cleanup(ob_freep) char *runs = ob_strf("%s/%s", home, own_instance());
    ob_cleanup(ob_freep) char *attempt = ob_strf("%s/" ID, runs);
    free(home);
    assert_int_equal(oci_folder_trial(runs, NULL), 0);
    assert_int_equal(oci_folder_make(attempt, config, "1", &fd, NULL), 0);
    (void)close(fd);
    assert_int_equal(oci_folder_make(attempt, config, "1", &fd, NULL), -EEXIST);
    ob_cleanup(ob_freep) char *room = ob_strf("%s/" OCI_ROOM, attempt);
    assert_int_equal(mkdir(room, 0700), 0);
    assert_false(oci_folder_remove(attempt)); /* a keeper's part comes first */
    ob_cleanup(ob_freep) char *state_file = ob_strf("%s/" OCI_STATE_FILE, attempt);
    assert_int_equal(access(state_file, F_OK), 0);
    assert_int_equal(rmdir(room), 0);
    assert_true(oci_folder_remove(attempt));
    assert_int_equal(access(attempt, F_OK), -1);
    oci_folder_forget(runs);
    assert_int_equal(access(runs, F_OK), -1);
    assert_int_equal(access(path, F_OK), 0);
}

#define IN_WORLD(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(without_a_home_nothing_happens),
        IN_WORLD(a_home_without_its_mark_is_refused),
        IN_WORLD(a_link_to_a_home_is_refused),
        IN_WORLD(an_attempt_without_its_mark_is_refused),
        IN_WORLD(only_names_are_taken),
        IN_WORLD(a_link_to_an_attempt_is_refused),
        IN_WORLD(only_an_executor_can_run_one),
        IN_WORLD(what_is_a_keeper_s_goes),
        IN_WORLD(the_executor_takes_no_other_folder),
        IN_WORLD(the_executor_removes_what_it_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
