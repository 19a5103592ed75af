/* Starts crun or runc, and says why it has failed. Owns nothing. */
#include "keeper_program.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOG_MAX 2048

/* It dies with this process: otherwise it would make a container of which nobody knows, after what
 * was left was removed. */
pid_t keeper_program_start(const char *const args[],
                           int null,
                           const int ends[2],
                           const sigset_t *mask)
{
    pid_t keeper = getpid(), pid = fork();
    if (pid != 0)
        return pid;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != keeper)
        _exit(KEEPER_PROGRAM_NONE);
    (void)dup2(null, 0);
    (void)dup2(ends[0], 1);
    (void)dup2(ends[1], 2);
    (void)sigprocmask(SIG_SETMASK, mask, NULL);
    (void)execv(args[0], (char *const *)args);
    _exit(KEEPER_PROGRAM_NONE);
}

bool keeper_read_text(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);
    if (fd >= 0)
        (void)close(fd);
    out[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* The text between the quotes that follow, in place. */
static void unquote(char *text)
{
    char *out = text;
    for (; *text && *text != '"'; text++) {
        if (*text == '\\' && text[1])
            text++;
        *out++ = *text;
    }
    *out = '\0';
}

static void how_it_ended(const char *path, int status, char *why, size_t size)
{
    if (WIFSIGNALED(status))
        (void)snprintf(why, size, "%s was killed by signal %d", path, WTERMSIG(status));
    else
        (void)snprintf(why, size, "%s failed with exit code %d", path, WEXITSTATUS(status));
}

/* The log is JSON, one object a line. */
void keeper_program_error(
    const char *path, int status, const char *log_file, char *why, size_t size)
{
    static const char member[] = "\"msg\":";
    char text[LOG_MAX], *last = NULL;
    if (keeper_read_text(log_file, text, sizeof(text)))
        for (char *at = text; (at = strstr(at, member)); at += sizeof(member))
            last = at + sizeof(member) - 1;
    char *quote = last ? strchr(last, '"') : NULL;
    if (!quote) {
        how_it_ended(path, status, why, size);
        return;
    }
    unquote(quote + 1);
    quote[1 + strnlen(quote + 1, size - 1)] = '\0';
    (void)snprintf(why, size, "%s", quote + 1);
}
