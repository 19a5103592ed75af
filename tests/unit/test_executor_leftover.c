/* What a start that was not answered has left behind, and what that proves. */
#include "docker_world.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        SEEN(nothing_left_proves_nothing),
        IN_WORLD(a_keeper_tells_by_its_bundle_and_is_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
