/* What a start that was not answered has left behind, and what that proves. */
#include "docker_world.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ob/clock.h"
#include "runtimes/docker/docker_born.h"
#include "runtimes/docker/docker_leftover.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void nothing_left_proves_nothing(void **state)
{
    world *w = *state;
    assert_int_equal(docker_leftover_end(ID, NULL), LEFTOVER_MAY_HAVE_BEGUN);
    /* A containerd that lives may have thrown it away. */
    pid_t containerd = begin_process("containerd");
    leftover left = docker_leftover_end(ID, engine_host(w->engine));
    end_process(containerd);
    assert_int_equal(left, LEFTOVER_MAY_HAVE_BEGUN);
}

/* A shell that is called as containerd's keeper of the container, in a bundle like its. */
static pid_t begin_keeper(const world *w, bool prepared)
{
    ob_cleanup(ob_freep) char *shell = ob_strf("%s/containerd-shim-runc-v2", w->dir);
    ob_cleanup(ob_freep) char *config = ob_strf("%s/config.json", w->dir);
    ob_cleanup(ob_freep) char *init = ob_strf("%s/init.pid", w->dir);
    int ready[2];
    char byte;
    if (symlink("/bin/sh", shell) < 0)
        assert_int_equal(errno, EEXIST);
    FILE *file = fopen(config, "we");
    assert_true(file && fputs("{}", file) >= 0 && fclose(file) == 0);
    file = prepared ? fopen(init, "we") : NULL;
    assert_true(!prepared || (file && fputs("7", file) >= 0 && fclose(file) == 0));
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (chdir(w->dir) == 0 && dup2(ready[1], STDOUT_FILENO) >= 0)
            (void)execl(shell, shell, "-c", "echo; kill -STOP $$", "-id", ID, NULL);
        _exit(127);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    (void)close(ready[1]);
    return pid;
}

static void a_keeper_tells_by_its_bundle_and_is_ended(void **state)
{
    for (int prepared = 0; prepared < 2; prepared++) {
        int status = 0;
        pid_t pid = begin_keeper(*state, prepared);
        leftover left = docker_leftover_end(ID, NULL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(WTERMSIG(status), SIGKILL);
        assert_int_equal(left, prepared ? LEFTOVER_MAY_HAVE_BEGUN : LEFTOVER_NOT_BEGUN);
    }
}

/* A part of an id could be in other texts, too. */
static void only_a_whole_id_is_searched_for(void **state)
{
    int status = 0;
    pid_t pid = begin_keeper(*state, false);
    leftover left = docker_leftover_end("0123456789abcdef0123456789abcdef", NULL);
    assert_int_equal(left, LEFTOVER_MAY_HAVE_BEGUN);
    assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
    end_process(pid);
}

/* ---- dead, and dying ---- */

/* In a namespace of processes: the first one, called containerd, ends with a byte in 'end'. Then it
 * is dying until its sibling, which it has killed, is waited for, and nobody does that. It alone
 * keeps 'peer' open, as containerd its connections. */
static void begin_dying(const int end[2], const int ready[2], const int peer[2])
{
    char byte;
    (void)prctl(PR_SET_NAME, "test");
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (unshare(CLONE_NEWPID) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWPID) < 0)
        _exit(0);
    if (fork() == 0) {
        (void)prctl(PR_SET_NAME, "containerd");
        (void)!write(ready[1], "x", 1);
        (void)!read(end[0], &byte, 1);
        _exit(0);
    }
    (void)close(peer[1]);
    if (fork() == 0)
        (void)!write(ready[1], "x", 1);
    (void)close(ready[1]);
    for (;;)
        (void)pause();
}

static void a_containerd_that_is_dying_is_dead(void **state)
{
    world *w = *state;
    int end[2], ready[2], peer[2];
    char byte;
    int64_t since_ms = ob_wall_ms() - 1000;
    assert_int_equal(pipe(end) + pipe(ready) + pipe(peer), 0);
    pid_t pid = fork();
    if (pid == 0)
        begin_dying(end, ready, peer);
    assert_int_equal(close(ready[1]) + close(peer[1]), 0);
    if (read(ready[0], &byte, 1) == 1 && read(ready[0], &byte, 1) == 1) {
        /* The engine's socket takes only a few connections while its loop does not run. */
        assert_true(docker_born(engine_host(w->engine)).containerd_ms > since_ms);
        assert_int_equal(write(end[1], "x", 1), 1);
        assert_int_equal(read(peer[0], &byte, 1), 0);
        docker_birth birth = docker_born(engine_host(w->engine));
        assert_true(birth.dockerd_ms > 0);
        assert_true(birth.containerd_ms < since_ms);
    } /* else namespaces are not allowed here */
    end_process(pid);
    assert_int_equal(close(end[0]) + close(end[1]) + close(ready[0]) + close(peer[0]), 0);
}

/* ---- control groups ---- */

static void other_groups_that_come_and_go_hide_nothing(void **state)
{
    world *w = *state;
    ob_cleanup(ob_freep) char *group = ob_strf("%s/docker-" ID ".scope", w->dir);
    pid_t pid = fork();
    if (pid == 0) {
        char other[64];
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (int i = 0;; i++) {
            (void)snprintf(other, sizeof(other), "%s/other%d", w->dir, i / 2 % 64);
            (void)(i < 128 || i % 2 ? mkdir(other, 0700) : rmdir(other));
        }
    }
    int seen = 0;
    for (int i = 0; i < 1000; i++)
        seen += docker_leftover_group(w->dir, ID);
    assert_int_equal(mkdir(group, 0700), 0);
    for (int i = 0; i < 100; i++)
        assert_true(docker_leftover_group(w->dir, ID));
    end_process(pid);
    assert_int_equal(seen, 0);
    assert_true(docker_leftover_group("/nonexistent", ID));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SEEN(nothing_left_proves_nothing),
        IN_WORLD(only_a_whole_id_is_searched_for),
        SEEN(a_containerd_that_is_dying_is_dead),
        IN_WORLD(other_groups_that_come_and_go_hide_nothing),
        IN_WORLD(a_keeper_tells_by_its_bundle_and_is_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
