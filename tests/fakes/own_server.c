/* Servers of a test program. They end with it: each child asks the kernel for SIGKILL when its
 * parent ends. */
#include "own_server.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what)
{
    (void)fprintf(stderr, "own_server: %s: %s\n", what, strerror(errno));
    abort();
}

/* PostgreSQL refuses to run as root. */
static const struct passwd *other_user(void)
{
    return geteuid() == 0 ? getpwnam("postgres") : NULL;
}

static pid_t
spawn(const char *program, const char *const *argv, const char *log, const struct passwd *user)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid > 0)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0666);
    (void)dup2(fd, STDOUT_FILENO);
    (void)dup2(fd, STDERR_FILENO);
    if (user && (setgroups(0, NULL) < 0 || setgid(user->pw_gid) < 0 || setuid(user->pw_uid) < 0))
        _exit(126);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a change of user clears it */
    if (getppid() != parent)
        _exit(125);
    (void)execv(program, (char *const *)(uintptr_t)argv);
    _exit(127);
}

static bool find_program(const char *pattern_dir, const char *name, char *out, size_t size)
{
    /* pattern_dir: /usr/lib/postgresql, whose sub-directories are versions; the newest counts. */
    DIR *dir = opendir(pattern_dir);
    int best = -1;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char path[512];
        (void)snprintf(path, sizeof(path), "%s/%s/bin/%s", pattern_dir, e->d_name, name);
        if (atoi(e->d_name) > best && access(path, X_OK) == 0) {
            best = atoi(e->d_name);
            (void)snprintf(out, size, "%s", path);
        }
    }
    if (dir)
        (void)closedir(dir);
    return best >= 0;
}

static bool answers(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    (void)close(fd);
    return ok;
}

static void wait_for(own_server *server, const char *socket_name)
{
    char path[100];
    (void)snprintf(path, sizeof(path), "%s/%s", server->dir, socket_name);
    for (int i = 0; i < 3000; i++) {
        if (answers(path))
            return;
        if (waitpid(server->pid, NULL, WNOHANG) != 0) {
            server->pid = 0;
            die("the server ended; see log in its directory");
        }
        (void)nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    }
    die("the server does not answer");
}

static void make_dir(own_server *server, const struct passwd *user)
{
    *server = (own_server){ .dir = "/tmp/ob-test-server-XXXXXX" };
    if (!mkdtemp(server->dir))
        die(server->dir);
    if (user && chown(server->dir, user->pw_uid, user->pw_gid) < 0)
        die(server->dir);
}

/* PostgreSQL's socket is there before it takes sessions. */
static void wait_until_ready(own_server *server)
{
    char program[512], log[128];
    if (!find_program("/usr/lib/postgresql", "pg_isready", program, sizeof(program)))
        die("pg_isready");
    (void)snprintf(log, sizeof(log), "%s/ready.log", server->dir);
    const char *const argv[] = { program, "-q", "-h", server->dir, NULL };
    for (int i = 0; i < 600; i++) {
        int status = -1;
        (void)waitpid(spawn(program, argv, log, other_user()), &status, 0);
        if (status == 0)
            return;
        (void)nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
    }
    die("the server does not get ready");
}

static void start_postgres(own_server *server)
{
    char program[512], data[128], log[128];
    if (!find_program("/usr/lib/postgresql", "postgres", program, sizeof(program)))
        die("postgres");
    (void)snprintf(data, sizeof(data), "%s/data", server->dir);
    (void)snprintf(log, sizeof(log), "%s/log", server->dir);
    const char *const argv[] = { program,
                                 "-D",
                                 data,
                                 "-k",
                                 server->dir,
                                 "-c",
                                 "listen_addresses=",
                                 "-c",
                                 "fsync=off",
                                 "-c",
                                 "shared_buffers=16MB",
                                 "-c",
                                 "deadlock_timeout=50ms",
                                 NULL };
    server->pid = spawn(program, argv, log, other_user());
    wait_for(server, ".s.PGSQL.5432");
    wait_until_ready(server);
}

bool own_postgres_start(own_server *server)
{
    char program[512], data[128], log[128];
    const struct passwd *user = other_user();
    if (!find_program("/usr/lib/postgresql", "initdb", program, sizeof(program)) ||
        (geteuid() == 0 && !user))
        return false;
    make_dir(server, user);
    (void)snprintf(data, sizeof(data), "%s/data", server->dir);
    (void)snprintf(log, sizeof(log), "%s/initdb.log", server->dir);
    const char *const argv[] = { program, "-D", data,   "-U",        "postgres",   "-A",
                                 "trust", "-E", "UTF8", "--no-sync", "--locale=C", NULL };
    int status = 0;
    (void)waitpid(spawn(program, argv, log, user), &status, 0);
    if (status != 0)
        die("initdb");
    start_postgres(server);
    return true;
}

void own_postgres_restart(own_server *server)
{
    start_postgres(server);
}

static bool start_redis(own_server *server, const char *password)
{
    /* One binary with several names: redis-tools carries it without redis-server's system service.
     */
    const char *program = "/usr/bin/redis-server";
    if (access(program, X_OK) < 0)
        program = "/usr/bin/redis-check-rdb";
    if (access(program, X_OK) < 0)
        return false;
    if (!*server->dir)
        make_dir(server, NULL);
    char path[128], log[128];
    (void)snprintf(path, sizeof(path), "%s/redis.sock", server->dir);
    (void)unlink(path);
    (void)snprintf(log, sizeof(log), "%s/log", server->dir);
    const char *const argv[] = { "redis-server",
                                 "--port",
                                 "0",
                                 "--unixsocket",
                                 path,
                                 "--dir",
                                 server->dir,
                                 "--save",
                                 "",
                                 "--requirepass",
                                 password ? password : "",
                                 NULL };
    server->pid = spawn(program, argv, log, NULL);
    wait_for(server, "redis.sock");
    return true;
}

bool own_redis_start(own_server *server, const char *password)
{
    server->dir[0] = '\0';
    return start_redis(server, password);
}

void own_redis_restart(own_server *server, const char *password)
{
    (void)start_redis(server, password);
}

/* PostgreSQL's sessions are processes that outlive it for a moment, and still answer. */
static size_t children_of(pid_t pid, pid_t *ret, size_t max)
{
    char path[64];
    size_t n = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *file = fopen(path, "re");
    while (file && n < max && fscanf(file, "%d", &ret[n]) == 1)
        n++;
    if (file)
        (void)fclose(file);
    return n;
}

void own_server_kill(own_server *server)
{
    pid_t sessions[64];
    size_t n = server->pid > 0 ? children_of(server->pid, sessions, 64) : 0;
    if (server->pid > 0) {
        (void)kill(server->pid, SIGKILL);
        (void)waitpid(server->pid, NULL, 0);
    }
    for (size_t i = 0; i < n; i++)
        (void)kill(sessions[i], SIGKILL);
    server->pid = 0;
}

static int delete_entry(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st, (void)flag, (void)at;
    return remove(path);
}

void own_server_stop(own_server *server)
{
    if (server->pid > 0) {
        (void)kill(server->pid, SIGINT); /* PostgreSQL: fast shutdown; Redis: shutdown */
        (void)waitpid(server->pid, NULL, 0);
    }
    server->pid = 0;
    if (*server->dir)
        (void)nftw(server->dir, delete_entry, 16, FTW_DEPTH | FTW_PHYS);
}
