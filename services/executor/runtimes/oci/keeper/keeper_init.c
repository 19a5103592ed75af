/* Process 1 of a container. Owns its one child. */
#include "keeper_init.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_NOT_FOUND 127
#define EXIT_NOT_RUNNABLE 126
#define EXIT_SIGNAL 128

static int start(char *const args[], const sigset_t *mask, pid_t *ret)
{
    *ret = fork();
    if (*ret != 0)
        return *ret < 0 ? -1 : 0;
    (void)setpgid(0, 0);
    (void)sigprocmask(SIG_SETMASK, mask, NULL);
    (void)execvp(args[0], args);
    int code = errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUNNABLE;
    (void)fprintf(stderr, "%s: %s\n", args[0], strerror(errno));
    _exit(code);
}

/* True: the command has ended. */
static bool reap(pid_t command, int *ret_code)
{
    int status = 0;
    bool ended = false;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == command) {
            ended = true;
            *ret_code = WIFSIGNALED(status) ? EXIT_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
        }
    return ended;
}

int keeper_init(char *const args[])
{
    sigset_t all, before;
    siginfo_t info;
    pid_t command = 0;
    int code = EXIT_NOT_RUNNABLE;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    if (!args[0] || start(args, &before, &command) < 0)
        return code;
    for (;;) {
        int signal = sigwaitinfo(&all, &info);
        if (signal == SIGCHLD) {
            if (reap(command, &code))
                return code;
        } else if (signal > 0) {
            (void)kill(command, signal);
        }
    }
}
