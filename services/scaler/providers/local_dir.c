/* Files and processes of one instance of the local provider. Owns nothing in memory. Invariants:
 * run is written last, so a directory without it was never started; an executor's environment holds
 * no way to PostgreSQL or Redis and no key but its own. Loop thread; children are made with
 * async-signal-safe calls only, for librdkafka has threads. */
#include "local_dir.h"
#include "ob/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEEP_TYPES 1000                 /* notes of ended instances */
#define KEEP_LOGS 50                    /* logs of ended instances */
#define LOG_CONFIG "s1000000\nn5\n"     /* svlogd(8): size of a file, older files kept */
#define EXECUTOR_COMM "openbatch-execu" /* as /proc/<pid>/comm cuts it */

/* What an executor gets of this process's environment. */
static const char *const passed_on[] = { "PATH",
                                         "LANG",
                                         "TZ",
                                         "DOCKER_HOST",
                                         "ASAN_OPTIONS",
                                         "LSAN_OPTIONS",
                                         "UBSAN_OPTIONS",
                                         "TSAN_OPTIONS",
                                         "OPENBATCH_HOME",
                                         "OPENBATCH_RUN_DIR",
                                         "OPENBATCH_GUARDED_DIRS",
                                         "OPENBATCH_KAFKA",
                                         "OPENBATCH_KAFKA_PARTITIONS",
                                         "OPENBATCH_KAFKA_SETTINGS",
                                         "OPENBATCH_ACCOUNT",
                                         "OPENBATCH_LOG_LEVEL",
                                         "OPENBATCH_RUNTIME",
                                         "OPENBATCH_HEARTBEAT_MS",
                                         "OPENBATCH_LOG_LIMIT_BYTES",
                                         "OPENBATCH_PULL_STALL_MS",
                                         "OPENBATCH_INTERRUPT_NOTICE_MS",
                                         "OPENBATCH_INTERRUPT_TERM_MS",
                                         "OPENBATCH_IMDS",
                                         "OPENBATCH_SECRETS_DIR",
                                         "OPENBATCH_DOCKER_CONFIG",
                                         "OPENBATCH_PRIVILEGED",
                                         "OPENBATCH_HOST_MOUNTS",
                                         "OPENBATCH_DEVICES",
                                         NULL };
#define PASSED_ON_PREFIX "OPENBATCH_NULL_" /* settings of the null runtime */

extern char **environ;

__attribute__((format(printf, 4, 5))) static const char *
path_of(char out[PATH_MAX], const char *home, const char *id, const char *fmt, ...)
{
    int n = snprintf(out, PATH_MAX, "%s/instances/%s", home, id);
    va_list args;
    va_start(args, fmt);
    if (n > 0 && n < PATH_MAX)
        (void)vsnprintf(out + n, (size_t)(PATH_MAX - n), fmt, args);
    va_end(args);
    return out;
}

static int write_file(const char *path, mode_t mode, const char *text, ob_error *err)
{
    char new[PATH_MAX + 8];
    (void)snprintf(new, sizeof(new), "%s.new", path);
    int fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return ob_fail(err, errno, "%s: %s", new, strerror(errno));
    size_t len = strlen(text);
    bool good = write(fd, text, len) == (ssize_t)len;
    int saved = errno ? errno : EIO;
    good = close(fd) == 0 && good && rename(new, path) == 0;
    return good ? 0 : ob_fail(err, saved, "%s: %s", path, strerror(saved));
}

static int make_dir(const char *path, ob_error *err)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return ob_fail(err, errno, "%s: %s", path, strerror(errno));
    return 0;
}

/* NAME='value' with quotes for sh. */
static void add_setting(FILE *out, const char *name, const char *value)
{
    (void)fprintf(out, "%s='", name);
    for (const char *c = value; *c; c++) {
        if (*c == '\'')
            (void)fputs("'\\''", out);
        else
            (void)fputc(*c, out);
    }
    (void)fputs("'\n", out);
}

static char *settings(const provider_local_config *config, const provider_launch_spec *spec)
{
    char *text = NULL, path[PATH_MAX];
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        abort();
    for (size_t i = 0; passed_on[i]; i++)
        if (getenv(passed_on[i]))
            add_setting(out, passed_on[i], getenv(passed_on[i]));
    for (char **e = environ; *e; e++) {
        const char *equals = strchr(*e, '=');
        if (strncmp(*e, PASSED_ON_PREFIX, strlen(PASSED_ON_PREFIX)) != 0 || !equals)
            continue;
        ob_cleanup(ob_freep) char *name = ob_text_dup(*e, (size_t)(equals - *e));
        add_setting(out, name, equals + 1);
    }
    add_setting(out, "OPENBATCH_HOME", config->home);
    add_setting(out, "OPENBATCH_RUN_DIR", config->run_dir);
    if (config->kafka_password_file) {
        add_setting(out, "OPENBATCH_KAFKA_USER", "executor");
        add_setting(out, "OPENBATCH_KAFKA_PASSWORD_FILE", config->kafka_password_file);
    }
    add_setting(out, "OPENBATCH_INSTANCE_ID", spec->id);
    add_setting(out, "OPENBATCH_INSTANCE_DIR", path_of(path, config->home, spec->id, "%s", ""));
    add_setting(out, "OPENBATCH_INSTANCE_TOKEN_FILE",
                path_of(path, config->home, spec->id, "/token"));
    add_setting(out, "OPENBATCH_INSTANCE_TYPE", spec->type);
    ob_cleanup(ob_freep) char *gpus = ob_strf("%d", spec->size.gpus);
    add_setting(out, "OPENBATCH_INSTANCE_GPUS", gpus);
    add_setting(out, "OPENBATCH_CE_NAME", spec->ce_name);
    (void)fclose(out);
    return text;
}

/* Where svlogd keeps what an executor says. A full disk of logs stops no instance: it goes without
 * its log. */
static void prepare_log(const char *home, const char *log)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/log", home);
    ob_cleanup(ob_freep) char *config = ob_strf("%s/config", log);
    (void)make_dir(path, NULL);
    (void)make_dir(log, NULL);
    (void)write_file(config, 0644, LOG_CONFIG, NULL);
}

int local_dir_write(const provider_local_config *config,
                    const provider_launch_spec *spec,
                    ob_error *err)
{
    char path[PATH_MAX], log[PATH_MAX];
    (void)snprintf(log, sizeof(log), "%s/log/executor-%s", config->home, spec->id);
    (void)snprintf(path, sizeof(path), "%s/instances", config->home);
    ob_cleanup(ob_freep) char *env = settings(config, spec);
    ob_cleanup(ob_freep) char *type =
        ob_strf("%s %d %d\n", spec->type, (int)spec->size.mcpu, (int)spec->size.mem_mib);
    ob_cleanup(ob_freep) char *run =
        ob_strf("#!/bin/sh\n"
                "# The executor of one instance. Made by openbatch-scaler.\n"
                "exec </dev/null 2>&1\n"
                "set -a\n"
                ". ./env\n"
                "set +a\n"
                "exec '%s'\n",
                config->executor);
    ob_cleanup(ob_freep) char *log_run = ob_strf("#!/bin/sh\nexec svlogd '%s'\n", log);
    int r = make_dir(path, err);
    if (r == 0)
        r = make_dir(path_of(path, config->home, spec->id, "%s", ""), err);
    prepare_log(config->home, log);
    if (r == 0)
        r = make_dir(path_of(path, config->home, spec->id, "/log"), err);
    if (r == 0)
        r = write_file(path_of(path, config->home, spec->id, "/log/run"), 0700, log_run, err);
    if (r == 0)
        r = write_file(path_of(path, config->home, spec->id, "/type"), 0644, type, err);
    if (r == 0 && spec->token)
        r = write_file(path_of(path, config->home, spec->id, "/token"), 0600, spec->token, err);
    if (r == 0)
        r = write_file(path_of(path, config->home, spec->id, "/env"), 0600, env, err);
    if (r == 0)
        r = write_file(path_of(path, config->home, spec->id, "/run"), 0700, run, err);
    return r;
}

static bool exists(const char *home, const char *id, const char *name)
{
    char path[PATH_MAX];
    return access(path_of(path, home, id, "/%s", name), F_OK) == 0;
}

bool local_dir_complete(const char *home, const char *id)
{
    return exists(home, id, "env") && exists(home, id, "token") && exists(home, id, "run");
}

bool local_dir_size(const char *home, const char *id, ob_resources *ret)
{
    char path[PATH_MAX];
    FILE *file = fopen(path_of(path, home, id, "/type"), "re");
    bool good = file && fscanf(file, "%*s %d %d", &ret->mcpu, &ret->mem_mib) == 2;
    if (file)
        (void)fclose(file);
    return good;
}

bool local_dir_alive(const char *home, const char *id)
{
    char path[PATH_MAX];
    DIR *dir = opendir(path_of(path, home, id, "%s", ""));
    bool more = false;
    for (const struct dirent *e; dir && !more && (e = readdir(dir));)
        more = strcmp(e->d_name, ".") && strcmp(e->d_name, "..") && strcmp(e->d_name, "type");
    if (dir)
        (void)closedir(dir);
    return more;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *where)
{
    (void)st;
    (void)flag;
    /* The type's note, and the directory that holds it, stay. */
    if (where->level == 0 || (where->level == 1 && !strcmp(path + where->base, "type")))
        return 0;
    (void)remove(path);
    return 0;
}

void local_dir_remove(const char *home, const char *id)
{
    char path[PATH_MAX];
    /* run first: nothing is to start from what is half gone. */
    (void)unlink(path_of(path, home, id, "/run"));
    (void)nftw(path_of(path, home, id, "%s", ""), remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- Pruning ---- */

typedef struct aged {
    char name[64];
    time_t at;
} aged;

static int by_age(const void *a, const void *b)
{
    const aged *x = a, *y = b;
    return x->at == y->at ? strcmp(x->name, y->name) : x->at < y->at ? 1 : -1;
}

static int remove_any(const char *path, const struct stat *st, int flag, struct FTW *where)
{
    (void)st;
    (void)flag;
    (void)where;
    (void)remove(path);
    return 0;
}

/* Keeps the newest of <home>/<folder>/<prefix><id> that belong to ended instances. */
static void prune(const char *home, const char *folder, const char *prefix, size_t keep)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%s", home, folder);
    DIR *dir = opendir(path);
    aged *all = NULL;
    size_t n = 0;
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        struct stat st;
        const char *id = e->d_name + strlen(prefix);
        if (strncmp(e->d_name, prefix, strlen(prefix)) != 0 || strncmp(id, "i-", 2) != 0 ||
            strlen(e->d_name) >= sizeof(all->name) || local_dir_alive(home, id) ||
            fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        all = ob_realloc(all, (n + 1) * sizeof(*all));
        memcpy(all[n].name, e->d_name, strlen(e->d_name) + 1);
        all[n++].at = st.st_mtime;
    }
    if (dir)
        (void)closedir(dir);
    if (n > keep)
        qsort(all, n, sizeof(*all), by_age);
    for (size_t i = keep; i < n; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s/%s", home, folder, all[i].name);
        (void)nftw(path, remove_any, 8, FTW_DEPTH | FTW_PHYS);
    }
    free(all);
}

void local_dir_prune(const char *home)
{
    prune(home, "instances", "", KEEP_TYPES);
    prune(home, "log", "executor-", KEEP_LOGS);
}

/* ---- Processes ---- */

/* A fifo of runsv's: opens only while a runsv reads it. */
static int open_fifo(const char *home, const char *id, const char *name)
{
    char path[PATH_MAX];
    return open(path_of(path, home, id, "/supervise/%s", name), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
}

bool local_dir_supervised(const char *home, const char *id)
{
    int fd = open_fifo(home, id, "ok");
    if (fd >= 0)
        (void)close(fd);
    return fd >= 0;
}

void local_dir_control(const char *home, const char *id, const char *letters)
{
    int fd = open_fifo(home, id, "control");
    if (fd < 0)
        return;
    (void)!write(fd, letters, strlen(letters));
    (void)close(fd);
}

/* In a child: nothing inherited but what is named here. */
static void child_setup(int log_fd)
{
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
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

int local_dir_supervise(const char *home, const char *id, ob_error *err)
{
    char program[PATH_MAX], dir[PATH_MAX];
    if (!find_program("runsv", program))
        return ob_fail(err, ENOENT, "runsv is not installed (Debian: runit)");
    (void)path_of(dir, home, id, "%s", "");
    const char *path = getenv("PATH");
    ob_cleanup(ob_freep) char *env_path = ob_strf("PATH=%s", path ? path : "/usr/bin:/bin");
    ob_cleanup(ob_freep) char *env_home = ob_strf("OPENBATCH_HOME=%s", home);
    char *argv[] = { (char *)"runsv", dir, NULL }, *envp[] = { env_path, env_home, NULL };
    int log_fd = open_log(home, id);
    pid_t child = fork();
    if (child == 0) {
        (void)setsid();
        pid_t grandchild = fork();
        if (grandchild != 0)
            _exit(grandchild < 0);
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
    return 0;
}

/* Is NAME=value in a process's environment? */
static bool has_setting(const char *env, size_t len, const char *name, const char *value)
{
    size_t n = strlen(name);
    for (const char *at = env; at < env + len; at += strlen(at) + 1)
        if (!strncmp(at, name, n) && at[n] == '=' && !strcmp(at + n + 1, value))
            return true;
    return false;
}

static size_t read_proc(const char *pid, const char *name, char *out, size_t size)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%.16s/%s", pid, name); /* ASCII */
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, size - 1) : 0;
    if (fd >= 0)
        (void)close(fd);
    n = n > 0 ? n : 0;
    out[n] = '\0';
    return (size_t)n;
}

/* Is it an executor of this instance? */
static bool is_executor(const char *pid, const char *home, const char *id)
{
    static char env[256 * 1024];
    size_t len = read_proc(pid, "environ", env, sizeof(env));
    return has_setting(env, len, "OPENBATCH_INSTANCE_ID", id) &&
           has_setting(env, len, "OPENBATCH_HOME", home);
}

/* Is it `runsv <directory of this instance>`? */
static bool is_runsv(const char *pid, const char *home, const char *id)
{
    char line[PATH_MAX + 16], dir[PATH_MAX];
    size_t len = read_proc(pid, "cmdline", line, sizeof(line));
    size_t name = strlen(line) + 1;
    return name < len && !strcmp(line + name, path_of(dir, home, id, "%s", ""));
}

static int signal_matching(const char *comm,
                           bool (*is_it)(const char *pid, const char *home, const char *id),
                           const char *home,
                           const char *id,
                           int signal_number)
{
    char name[32];
    int found = 0;
    DIR *proc = opendir("/proc");
    for (const struct dirent *e; proc && (e = readdir(proc));) {
        if (e->d_name[0] < '1' || e->d_name[0] > '9')
            continue;
        (void)read_proc(e->d_name, "comm", name, sizeof(name));
        name[strcspn(name, "\n")] = '\0';
        if (strcmp(name, comm) != 0 || !is_it(e->d_name, home, id))
            continue;
        found++;
        (void)kill((pid_t)atoi(e->d_name), signal_number);
    }
    if (proc)
        (void)closedir(proc);
    return found;
}

int local_dir_signal_strays(const char *home, const char *id, int signal_number)
{
    return signal_matching(EXECUTOR_COMM, is_executor, home, id, signal_number);
}

void local_dir_kill(const char *home, const char *id)
{
    /* Its runsv first, which would start another executor. */
    (void)signal_matching("runsv", is_runsv, home, id, SIGKILL);
    (void)signal_matching(EXECUTOR_COMM, is_executor, home, id, SIGKILL);
}

pid_t local_dir_purge(const provider_local_config *config, const char *id, ob_error *err)
{
    char dir[PATH_MAX];
    if (!exists(config->home, id, "env"))
        return 0; /* it never began */
    (void)path_of(dir, config->home, id, "%s", "");
    ob_cleanup(ob_freep) char *executor = ob_strdup(config->executor);
    char *argv[] = { (char *)"sh", (char *)"-c",
                     (char *)"set -a; . ./env; set +a; exec \"$0\" --purge", executor, NULL };
    char *envp[] = { NULL };
    int log_fd = open_log(config->home, id);
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
    return child > 0 ? child : ob_fail(err, saved, "fork: %s", strerror(saved));
}
