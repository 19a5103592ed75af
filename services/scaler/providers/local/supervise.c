/* Processes of one instance, see supervise.h. Owns nothing in memory. Loop thread; children are
 * made only with async-signal-safe calls, because librdkafka has threads. */
#include "supervise.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXECUTOR_COMM "openbatch-execu" /* as /proc/<pid>/comm cuts it */

/* A fifo of runsv's: opens only while a runsv reads it. */
static int open_fifo(const char *home, const char *id, const char *name)
{
    char path[PATH_MAX];
    return open(instance_dir_path(path, home, id, "/supervise/%s", name),
                O_WRONLY | O_NONBLOCK | O_CLOEXEC);
}

bool supervise_is_running(const char *home, const char *id)
{
    int fd = open_fifo(home, id, "ok");
    if (fd >= 0)
        (void)close(fd);
    return fd >= 0;
}

void supervise_control(ob_point point, const char *home, const char *id, const char *letters)
{
    int fd = open_fifo(home, id, "control");
    if (fd < 0)
        return;
    ob_point_pass(point, OB_POINT_BEFORE);
    (void)!write(fd, letters, strlen(letters));
    (void)close(fd);
    ob_point_pass(point, OB_POINT_AFTER);
}

/* In a child: nothing is inherited except what is named here. */
static void child_setup(int log_fd)
{
    sigset_t none;
    (void)sigemptyset(&none);
    (void)pthread_sigmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    int null_fd = open("/dev/null", O_RDWR);
    (void)dup2(null_fd, 0);
    (void)dup2(log_fd >= 0 ? log_fd : null_fd, 1);
    (void)dup2(log_fd >= 0 ? log_fd : null_fd, 2);
    (void)close_range(3, ~0U, 0);
}

static int open_log(const char *home, const char *id)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/log/executor-%s/current", home, id);
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static bool find_program(const char *name, char out[PATH_MAX])
{
    const char *search = getenv("PATH");
    ob_cleanup(ob_freep) char *dirs =
        ob_strf("%s:/usr/bin:/bin:/usr/sbin:/sbin", search ? search : "");
    for (char *rest = dirs, *dir; (dir = strsep(&rest, ":"));) {
        (void)snprintf(out, PATH_MAX, "%s/%s", dir, name);
        if (*dir == '/' && access(out, X_OK) == 0)
            return true;
    }
    return false;
}

int supervise_start(ob_point point, const char *home, const char *id, ob_error *err)
{
    char program[PATH_MAX], dir[PATH_MAX];
    if (!find_program("runsv", program))
        return ob_fail(err, ENOENT, "runsv is not installed (Debian: runit)");
    (void)instance_dir_path(dir, home, id, "%s", "");
    const char *path = getenv("PATH");
    ob_cleanup(ob_freep) char *env_path = ob_strf("PATH=%s", path ? path : "/usr/bin:/bin");
    ob_cleanup(ob_freep) char *env_home = ob_strf("OPENBATCH_HOME=%s", home);
    char *argv[] = { (char *)"runsv", dir, NULL }, *envp[] = { env_path, env_home, NULL };
    int log_fd = open_log(home, id);
    ob_point_pass(point, OB_POINT_BEFORE);
    pid_t child = fork();
    if (child == 0) {
        (void)setsid();
        pid_t grandchild = fork();
        if (grandchild != 0)
            _exit(grandchild < 0 ? 1 : 0);
        child_setup(log_fd);
        (void)!chdir("/");
        (void)execve(program, argv, envp);
        _exit(127);
    }
    int saved = errno, status = 0;
    if (log_fd >= 0)
        (void)close(log_fd);
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        return ob_fail(err, child < 0 ? saved : EAGAIN, "fork: %s", strerror(saved));
    ob_point_pass(point, OB_POINT_AFTER);
    return 0;
}

/* ---- Processes ---- */

struct supervise_executor {
    pid_t pid;
    char id[OB_INSTANCE_TEXT];
};

static size_t read_proc(pid_t pid, const char *name, char *out, size_t size)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, size - 1) : 0;
    if (fd >= 0)
        (void)close(fd);
    n = n > 0 ? n : 0;
    out[n] = '\0';
    return (size_t)n;
}

/* NAME's value in a process's environment; "" if it is not there. */
static const char *setting_of(const char *env, size_t len, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = env; at < env + len; at += strlen(at) + 1)
        if (!strncmp(at, name, n) && at[n] == '=')
            return at + n + 1;
    return "";
}

/* The instance of an executor of this home; "": it is none. Valid until the next call. */
static const char *instance_of(pid_t pid, const char *home)
{
    static char env[256 * 1024];
    size_t len = read_proc(pid, "environ", env, sizeof(env));
    bool is_ours = strcmp(setting_of(env, len, "OPENBATCH_HOME"), home) == 0;
    const char *id = setting_of(env, len, "OPENBATCH_INSTANCE_ID");
    return is_ours && strlen(id) < OB_INSTANCE_TEXT ? id : "";
}

/* Is it `runsv <directory of this instance>`? */
static bool is_runsv(pid_t pid, const char *home, const char *id)
{
    char line[PATH_MAX + 16], dir[PATH_MAX];
    size_t len = read_proc(pid, "cmdline", line, sizeof(line));
    size_t name = strlen(line) + 1;
    return name < len && !strcmp(line + name, instance_dir_path(dir, home, id, "%s", ""));
}

/* The next process of that name; 0: there are no more. */
static pid_t next_named(DIR *proc, const char *comm)
{
    char name[32];
    for (const struct dirent *e; proc && (e = readdir(proc));) {
        if (e->d_name[0] < '1' || e->d_name[0] > '9')
            continue;
        pid_t pid = (pid_t)atoi(e->d_name);
        (void)read_proc(pid, "comm", name, sizeof(name));
        name[strcspn(name, "\n")] = '\0';
        if (!strcmp(name, comm))
            return pid;
    }
    return 0;
}

void supervise_list_read(supervise_list *list, const char *home)
{
    DIR *proc = opendir("/proc");
    list->n = 0;
    for (pid_t pid; (pid = next_named(proc, EXECUTOR_COMM)) > 0;) {
        const char *id = instance_of(pid, home);
        if (!*id)
            continue;
        list->all = ob_realloc(list->all, (list->n + 1) * sizeof(*list->all));
        struct supervise_executor *one = &list->all[list->n++];
        one->pid = pid;
        (void)snprintf(one->id, sizeof(one->id), "%s", id);
    }
    if (proc)
        (void)closedir(proc);
}

void supervise_list_done(supervise_list *list)
{
    free(list->all);
    *list = (supervise_list){ 0 };
}

static void send_signal(ob_point point, pid_t pid, int signal_number)
{
    ob_point_pass(point, OB_POINT_BEFORE);
    (void)kill(pid, signal_number);
    ob_point_pass(point, OB_POINT_AFTER);
}

int supervise_signal_strays(
    ob_point point, const supervise_list *list, const char *home, const char *id, int signal_number)
{
    int found = 0;
    for (size_t i = 0; i < list->n; i++) {
        /* Another process may have its number by now. */
        if (strcmp(list->all[i].id, id) != 0 ||
            strcmp(instance_of(list->all[i].pid, home), id) != 0)
            continue;
        found++;
        send_signal(point, list->all[i].pid, signal_number);
    }
    return found;
}

void supervise_kill(ob_point point, const char *home, const char *id)
{
    ob_cleanup(supervise_list_done) supervise_list list = { 0 };
    DIR *proc = opendir("/proc");
    /* Its runsv first, which would start another executor. */
    for (pid_t pid; (pid = next_named(proc, "runsv")) > 0;)
        if (is_runsv(pid, home, id))
            send_signal(point, pid, SIGKILL);
    if (proc)
        (void)closedir(proc);
    supervise_list_read(&list, home);
    (void)supervise_signal_strays(point, &list, home, id, SIGKILL);
}

pid_t supervise_purge(ob_point point,
                      const instance_dir_config *config,
                      const char *id,
                      ob_error *err)
{
    char dir[PATH_MAX];
    if (access(instance_dir_path(dir, config->home, id, "/env"), F_OK) < 0)
        return 0; /* it never began */
    (void)instance_dir_path(dir, config->home, id, "%s", "");
    ob_cleanup(ob_freep) char *executor = ob_strdup(config->executor);
    char *argv[] = { (char *)"sh", (char *)"-c",
                     (char *)"set -a; . ./env; set +a; exec \"$0\" --purge", executor, NULL };
    char *envp[] = { NULL };
    int log_fd = open_log(config->home, id);
    ob_point_pass(point, OB_POINT_BEFORE);
    pid_t child = fork();
    if (child == 0) {
        child_setup(log_fd);
        if (chdir(dir) == 0)
            (void)execve("/bin/sh", argv, envp);
        _exit(127);
    }
    int saved = errno;
    if (log_fd >= 0)
        (void)close(log_fd);
    if (child < 0)
        return ob_fail(err, saved, "fork: %s", strerror(saved));
    ob_point_pass(point, OB_POINT_AFTER);
    return child;
}
