/* Starts keepers and hears of their ends. Owns the descriptors of their processes. A keeper
 * inherits the locked state and the image's lock, nothing else: not the environment, which has this
 * process's passwords. Thread: the loop's. */
#include "oci_keeper.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ob/point.h"
#include "oci_config.h"
#include "oci_words.h"

#define ARGS_MAX 256
#define HOOK "/usr/bin/nvidia-container-runtime-hook"
#define HIGH_FD 16 /* above all that a keeper inherits */

/* ---- programs ---- */

/* New, or NULL. */
static char *find_in_path(const char *name)
{
    const char *path = getenv("PATH");
    ob_cleanup(ob_freep) char *copy =
        ob_strf("%s:/usr/sbin:/usr/bin:/sbin:/bin", path ? path : "/usr/local/bin");
    if (strchr(name, '/'))
        return access(name, X_OK) == 0 ? ob_strdup(name) : NULL;
    for (char *rest = copy, *dir; (dir = strsep(&rest, ":"));) {
        char *file = ob_strf("%s/%s", dir, name);
        if (*dir && access(file, X_OK) == 0)
            return file;
        free(file);
    }
    return NULL;
}

static char *beside_us(const char *name)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    path[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = '\0';
    return ob_strf("%s/%s", path, name);
}

int oci_programs_find(const char *runtime, const char *keeper, oci_programs *ret, ob_error *err)
{
    *ret = (oci_programs){ .keeper = *keeper ? ob_strdup(keeper) : beside_us("openbatch-keeper"),
                           .runtime = find_in_path(runtime),
                           .gpu_hook = find_in_path(HOOK) };
    if (!ret->runtime)
        return ob_fail(err, ENOENT, "OPENBATCH_OCI_RUNTIME: there is no program %s", runtime);
    if (access(ret->keeper, X_OK) < 0)
        return ob_fail(err, errno, "%s: %s", ret->keeper, strerror(errno));
    return 0;
}

void oci_programs_done(oci_programs *programs)
{
    free(programs->keeper);
    free(programs->runtime);
    free(programs->gpu_hook);
    *programs = (oci_programs){ 0 };
}

/* ---- processes ---- */

void oci_process_leave(oci_process *p)
{
    if (p->fd <= 0)
        return;
    loop_unwatch(p->loop, p->fd);
    (void)close(p->fd);
    p->fd = 0;
}

int oci_process_wait(oci_process *p)
{
    int status = -1;
    if (p->is_child)
        while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
            ;
    oci_process_leave(p);
    p->pid = 0;
    return status;
}

static void on_end(int fd, uint32_t events, void *arg)
{
    oci_process *p = arg;
    int status = oci_process_wait(p);
    p->on_exit(status, p->arg);
}

static bool watch(oci_process *p)
{
    p->fd = pidfd_open(p->pid, 0);
    if (p->fd < 0) {
        p->fd = 0;
        return false;
    }
    (void)fcntl(p->fd, F_SETFD, FD_CLOEXEC);
    if (loop_watch(p->loop, p->fd, EPOLLIN, on_end, p, NULL) == 0)
        return true;
    (void)close(p->fd);
    p->fd = 0;
    return false;
}

bool oci_keeper_watch(oci_process *p, int pid)
{
    p->pid = pid;
    p->is_child = false;
    return watch(p);
}

/* ---- starting ---- */

static int give(posix_spawn_file_actions_t *actions, int fd, int as, int *ret_high)
{
    *ret_high = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);
    return *ret_high < 0 ? errno : posix_spawn_file_actions_adddup2(actions, *ret_high, as);
}

/* state_fd, image_fd: -1: none. */
static int spawn(int *ret_pid, char *const args[], int state_fd, int image_fd)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t blocked, ignored;
    int pid = 0, given[2] = { -1, -1 };
    ob_cleanup(ob_freep) char *path = ob_strf("PATH=%s", getenv("PATH") ? getenv("PATH") : "");
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attributes);
    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, OCI_STOP_SIGNAL); /* until it listens */
    (void)sigfillset(&ignored);
    (void)posix_spawnattr_setsigmask(&attributes, &blocked);
    (void)posix_spawnattr_setsigdefault(&attributes, &ignored);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int r = posix_spawn_file_actions_addchdir_np(&actions, "/");
    for (int fd = 0; r == 0 && fd < 3; fd++)
        r = posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    if (r == 0 && state_fd >= 0)
        r = give(&actions, state_fd, OCI_FD_STATE, &given[0]);
    if (r == 0 && image_fd >= 0)
        r = give(&actions, image_fd, OCI_FD_IMAGE, &given[1]);
    if (r == 0)
        r = posix_spawn(&pid, args[0], &actions, &attributes, args, (char *[]){ path, NULL });
    for (size_t i = 0; i < ARRAY_SIZE(given); i++)
        if (given[i] >= 0)
            (void)close(given[i]);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    *ret_pid = pid;
    return -r;
}

static int begin(oci_process *p,
                 ob_point point,
                 const char *const args[],
                 int state_fd,
                 int image_fd,
                 ob_error *err)
{
    ob_point_pass(point, OB_POINT_BEFORE);
    int r = spawn(&p->pid, (char *const *)args, state_fd, image_fd);
    if (r < 0)
        return ob_fail(err, -r, "%s: %s", args[0], strerror(-r));
    ob_point_pass(point, OB_POINT_AFTER);
    p->is_child = true;
    if (!watch(p)) { /* out of descriptors: nobody would hear of its end */
        (void)kill(p->pid, SIGKILL);
        (void)oci_process_wait(p);
        return ob_fail(err, EMFILE, "pidfd_open: %s", strerror(EMFILE));
    }
    return 0;
}

/* Text arguments that are made for one start. */
typedef struct arguments {
    const char *list[ARGS_MAX];
    char *made[ARGS_MAX];
    size_t n, made_n;
} arguments;

static void add(arguments *a, const char *text)
{
    if (a->n < ARGS_MAX - 1)
        a->list[a->n++] = text;
}

static void add_pair(arguments *a, const char *name, const char *value)
{
    add(a, name);
    add(a, value);
}

static void add_made(arguments *a, const char *name, char *value)
{
    if (a->n + 2 >= ARGS_MAX) {
        free(value);
        return;
    }
    a->made[a->made_n++] = value;
    add_pair(a, name, value);
}

static void arguments_done(arguments *a)
{
    for (size_t i = 0; i < a->made_n; i++)
        free(a->made[i]);
}

static void add_place(arguments *a, const char *verb, const oci_place *place)
{
    add_pair(a, place->programs->keeper, verb);
    add_pair(a, "--home", place->home);
    add_pair(a, "--instance", place->instance);
    if (place->name)
        add_pair(a, "--id", place->name);
}

int oci_keeper_start(oci_process *p, const oci_keeping *keeping, ob_error *err)
{
    ob_cleanup(arguments_done) arguments a = { 0 };
    add_place(&a, "run", &keeping->place);
    add_pair(&a, "--runtime", keeping->place.programs->runtime);
    add_pair(&a, "--lower", keeping->lower);
    add_made(&a, "--signal", ob_strf("%d", keeping->stop_signal));
    if (keeping->output)
        add_made(&a, "--limit", ob_strf("%lld", (long long)keeping->output_limit));
    if (keeping->copy)
        add(&a, "--copy");
    if (keeping->host->groups == OCI_GROUPS_MIXED)
        add(&a, "--hide-v2");
    const char *name;
    json_t *path;
    json_object_foreach((json_t *)keeping->volumes, name, path)
        add_made(&a, "--volume", ob_strf("%s=%s", name, json_string_value(path)));
    return begin(p, OB_POINT_EXECUTOR_KEEPER_START, a.list, keeping->state_fd, keeping->image_fd,
                 err);
}

int oci_keeper_clean(oci_process *p, const oci_place *place, ob_error *err)
{
    ob_cleanup(arguments_done) arguments a = { 0 };
    add_place(&a, "clean", place);
    return begin(p, OB_POINT_EXECUTOR_KEEPER_CLEAN, a.list, -1, -1, err);
}

int oci_keeper_try(oci_process *p, const oci_place *place, bool copy, ob_error *err)
{
    ob_cleanup(arguments_done) arguments a = { 0 };
    add_place(&a, "try", place);
    if (copy)
        add(&a, "--copy");
    return begin(p, OB_POINT_EXECUTOR_KEEPER_TRY, a.list, -1, -1, err);
}

void oci_keeper_stop(const oci_process *p, int grace_s)
{
    siginfo_t info = { .si_signo = OCI_STOP_SIGNAL,
                       .si_code = SI_QUEUE,
                       .si_value.sival_int = grace_s };
    if (p->fd <= 0)
        return;
    ob_point_pass(OB_POINT_EXECUTOR_KEEPER_STOP, OB_POINT_BEFORE);
    if (pidfd_send_signal(p->fd, OCI_STOP_SIGNAL, &info, 0) == 0)
        ob_point_pass(OB_POINT_EXECUTOR_KEEPER_STOP, OB_POINT_AFTER);
}
