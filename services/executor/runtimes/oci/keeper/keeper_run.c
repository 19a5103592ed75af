/* Runs one container and says in its folder what becomes of it (oci_words.h). Owns the folder but
 * for the files of the executor, the container's processes and control group, and the pipes of its
 * output.
 *
 * The container is first created: its process waits. That it is about to begin is in the state
 * before it may begin, so a state without that line proves that the command has not begun. Its end
 * is taken from the kernel (this process is the parent of the container's first one): an exit code
 * is never guessed. If this process is killed, nobody knows the code any more, and the executor
 * says so. All output is in the file before the end is in the state. */
#include "keeper_run.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/close_range.h>

#include "../oci_words.h"
#include "group_use.h"
#include "keeper_groups.h"
#include "keeper_lines.h"
#include "keeper_program.h"
#include "keeper_tree.h"
#include "owned.h"

#define READ_BYTES (64 * 1024)
#define WHY_MAX 1024
#define RETRY_MS 200
#define LATE_TRIES 50 /* of writing output after the container's end */
#define EXIT_SIGNAL 128
#define NAMES 3
#define TRY_BYTES 65536

static const char state_root[] = OCI_MEMORY "/runtime", pid_file[] = OCI_MEMORY "/pid",
                  log_file[] = OCI_MEMORY "/log";

typedef enum keeper_phase {
    PHASE_CREATING,
    PHASE_RUNNING,
    PHASE_ENDED,
} keeper_phase;

typedef struct keeper {
    const keeper_plan *plan;
    keeper_phase phase;
    sigset_t before; /* signals that were blocked when this process began */
    pid_t runtime, init;
    int runtime_status, init_status;
    int signals, null;
    int pipes[KEEPER_STREAMS]; /* our ends; -1: over */
    int output;                /* -1: not made yet */
    keeper_lines lines;
    bool stopping;
    int64_t kill_at_ms; /* boot clock; 0: never */
} keeper;

static int64_t now_ms(clockid_t clock)
{
    struct timespec at;
    (void)clock_gettime(clock, &at);
    return (int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

static int64_t now_ns(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_REALTIME, &at);
    return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

/* ---- what is said ---- */

/* False: it is not in the file. */
__attribute__((format(printf, 1, 2))) static bool say(const char *fmt, ...)
{
    char text[WHY_MAX + 64];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof(text) - 1, fmt, args);
    va_end(args);
    if (n > (int)sizeof(text) - 2)
        n = (int)sizeof(text) - 2;
    for (int i = 0; i < n; i++)
        if (iscntrl((unsigned char)text[i]))
            text[i] = ' ';
    text[n++] = '\n';
    return write(OCI_FD_STATE, text, (size_t)n) == n;
}

static bool refuse(bool host, const char *why)
{
    (void)say(OCI_SAID_REFUSED " %s %s", host ? "host" : "job", why);
    return false;
}

/* ---- output ---- */

/* False: try again later. */
static bool write_output(keeper *k)
{
    keeper_bytes *records = &k->lines.records;
    if (records->len > 0 && k->output < 0)
        k->output = openat(k->plan->place.fd, OCI_OUTPUT_FILE,
                           O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    while (records->len > 0) {
        ssize_t n = k->output < 0 ? -1 : write(k->output, records->at, records->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        records->len -= (size_t)n;
        memmove(records->at, records->at + n, records->len);
    }
    return true;
}

/* Returns the number of bytes; 0: there is nothing to read now. */
static size_t read_output(keeper *k, size_t stream)
{
    static char data[READ_BYTES];
    ssize_t n = k->pipes[stream] < 0 ? -1 : read(k->pipes[stream], data, sizeof(data));
    while (n < 0 && errno == EINTR)
        n = read(k->pipes[stream], data, sizeof(data));
    if (n > 0) {
        keeper_lines_take(&k->lines, stream, data, (size_t)n, now_ns());
        return (size_t)n;
    }
    if (n == 0) {
        (void)close(k->pipes[stream]);
        k->pipes[stream] = -1;
    }
    return 0;
}

static size_t waiting_output(const keeper *k, size_t stream)
{
    int n = 0;
    return k->pipes[stream] >= 0 && ioctl(k->pipes[stream], FIONREAD, &n) == 0 ? (size_t)n : 0;
}

/* All that the container wrote: its processes are gone, so what is not in the pipes does not come.
 * It may have passed a pipe to a process of another container, which goes on writing; that is no
 * output of this one. True: all of it is in the file. */
static bool finish_output(keeper *k)
{
    for (size_t i = 0; i < KEEPER_STREAMS; i++) {
        size_t left = waiting_output(k, i), n;
        while (left > 0 && (n = read_output(k, i)) > 0) {
            left -= n < left ? n : left;
            (void)write_output(k);
        }
    }
    keeper_lines_end(&k->lines);
    for (int i = 0; i < LATE_TRIES; i++) {
        if (write_output(k))
            return true;
        (void)usleep(RETRY_MS * 1000);
    }
    return false;
}

static bool make_pipes(keeper *k, int ends[KEEPER_STREAMS])
{
    for (size_t i = 0; i < KEEPER_STREAMS; i++) {
        int pair[2];
        ends[i] = k->null;
        if (!k->plan->output)
            continue;
        if (pipe2(pair, O_CLOEXEC) < 0)
            return false;
        k->pipes[i] = pair[0];
        ends[i] = pair[1];
        (void)fcntl(pair[0], F_SETFL, O_NONBLOCK);
    }
    return true;
}

/* ---- the runtime's program ---- */

static void create(keeper *k, const int ends[KEEPER_STREAMS])
{
    const char *const args[] = { k->plan->runtime,
                                 "--log",
                                 log_file,
                                 "--log-format",
                                 "json",
                                 "--root",
                                 state_root,
                                 "create",
                                 "--bundle",
                                 ".",
                                 "--pid-file",
                                 pid_file,
                                 k->plan->place.id,
                                 NULL };
    k->runtime = keeper_program_start(args, k->null, ends, &k->before);
}

typedef enum keeper_gate {
    GATE_OPEN,
    GATE_SHUT,    /* the container's process has got no sign: it has not begun */
    GATE_UNKNOWN, /* it may have */
} keeper_gate;

/* The first process of the container waits for a writer of this pipe. This is all that `crun start`
 * does to it. */
static keeper_gate open_gate(keeper *k)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s/exec.fifo", state_root, k->plan->place.id);
    const char *name = strrchr(k->plan->runtime, '/');
    if (strcmp(name ? name + 1 : k->plan->runtime, "crun") == 0) {
        int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        bool ok = fd >= 0 && write(fd, "1", 1) == 1;
        if (fd >= 0)
            (void)close(fd);
        return ok ? GATE_OPEN : GATE_SHUT;
    }
    int ends[KEEPER_STREAMS] = { k->null, k->null };
    const char *const args[] = { k->plan->runtime, "--log",    log_file, "--log-format",    "json",
                                 "--root",         state_root, "start",  k->plan->place.id, NULL };
    pid_t pid = keeper_program_start(args, k->null, ends, &k->before);
    while (pid > 0 && waitpid(pid, &k->runtime_status, 0) < 0 && errno == EINTR)
        ;
    bool ok = pid > 0 && WIFEXITED(k->runtime_status) && WEXITSTATUS(k->runtime_status) == 0;
    return ok ? GATE_OPEN : pid < 0 ? GATE_SHUT : GATE_UNKNOWN;
}

/* ---- stop ---- */

static void stop(keeper *k, int grace_s)
{
    int64_t at_ms = now_ms(CLOCK_BOOTTIME) + (int64_t)grace_s * 1000;
    bool is_first = !k->stopping;
    k->stopping = true;
    if (k->phase == PHASE_CREATING) {
        (void)keeper_groups_kill(k->plan->place.group, true);
        if (k->runtime > 0)
            (void)kill(k->runtime, SIGKILL);
        return;
    }
    if (!k->kill_at_ms || at_ms < k->kill_at_ms)
        k->kill_at_ms = at_ms;
    if (is_first && grace_s > 0)
        (void)kill(k->init, k->plan->stop_signal);
}

static void kill_late(keeper *k)
{
    if (!k->kill_at_ms || now_ms(CLOCK_BOOTTIME) < k->kill_at_ms)
        return;
    k->kill_at_ms = now_ms(CLOCK_BOOTTIME) + 1000;
    (void)kill(k->init, SIGKILL);
}

/* ---- waiting ---- */

static void reap(keeper *k)
{
    int status = 0;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == k->runtime) {
            k->runtime = 0;
            k->runtime_status = status;
        } else if (pid == k->init && k->phase == PHASE_RUNNING) {
            k->init_status = status;
            k->phase = PHASE_ENDED;
        }
    }
}

static void take_signals(keeper *k)
{
    struct signalfd_siginfo info;
    while (read(k->signals, &info, sizeof(info)) == sizeof(info))
        if ((int)info.ssi_signo == OCI_STOP_SIGNAL)
            stop(k, info.ssi_int);
    reap(k);
}

static int wait_ms(const keeper *k, bool is_written)
{
    if (!is_written)
        return RETRY_MS;
    if (!k->kill_at_ms)
        return -1;
    int64_t left = k->kill_at_ms - now_ms(CLOCK_BOOTTIME);
    return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

/* One turn. While the disk takes no output, none is read, so the container waits. */
static void turn(keeper *k)
{
    bool is_written = write_output(k);
    struct pollfd fds[1 + KEEPER_STREAMS] = { { .fd = k->signals, .events = POLLIN } };
    for (size_t i = 0; i < KEEPER_STREAMS; i++)
        fds[1 + i] = (struct pollfd){ .fd = is_written ? k->pipes[i] : -1, .events = POLLIN };
    int n = poll(fds, 1 + KEEPER_STREAMS, wait_ms(k, is_written));
    for (size_t i = 0; n > 0 && i < KEEPER_STREAMS; i++)
        if (fds[1 + i].revents)
            (void)read_output(k, i);
    take_signals(k);
    kill_late(k);
}

/* ---- the life ---- */

static bool prepare(keeper *k)
{
    sigset_t mine;
    (void)setsid();
    (void)umask(0022);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    (void)sigemptyset(&mine);
    (void)sigaddset(&mine, SIGCHLD);
    (void)sigaddset(&mine, OCI_STOP_SIGNAL);
    /* A session's end and a terminal's keys are not for it. */
    (void)sigaddset(&mine, SIGHUP);
    (void)sigaddset(&mine, SIGINT);
    (void)sigaddset(&mine, SIGTERM);
    (void)sigaddset(&mine, SIGPIPE);
    (void)sigemptyset(&k->before);
    (void)sigprocmask(SIG_SETMASK, &mine, NULL);
    k->signals = signalfd(-1, &mine, SFD_CLOEXEC | SFD_NONBLOCK);
    k->null = open("/dev/null", O_RDWR | O_CLOEXEC);
    (void)close_range(OCI_FD_IMAGE + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    (void)fcntl(OCI_FD_STATE, F_SETFD, FD_CLOEXEC);
    (void)fcntl(OCI_FD_IMAGE, F_SETFD, FD_CLOEXEC); /* if it is there */
    return k->signals >= 0 && k->null >= 0;
}

static bool make_folder(const char *path)
{
    return mkdir(path, 0755) == 0 || errno == EEXIST;
}

/* A volume that goes with the container. It begins with what the image has at its place. */
static bool make_volume(const char *name, const char *place)
{
    char path[512];
    (void)snprintf(path, sizeof(path), OCI_VOLUMES_FOLDER "/%s", name);
    return make_folder(OCI_VOLUMES_FOLDER) && make_folder(path) &&
           keeper_tree_fill(OCI_ROOT_FOLDER, place, path);
}

/* The container's own copies of the host's names. */
static bool copy_names(void)
{
    static const char *const names[NAMES] = { "hosts", "resolv.conf", "hostname" };
    char data[READ_BYTES], path[64];
    bool ok = make_folder(OCI_ETC_FOLDER);
    for (size_t i = 0; ok && i < NAMES; i++) {
        (void)snprintf(path, sizeof(path), OCI_ETC_FOLDER "/%s", names[i]);
        (void)keeper_read_text(path + strlen(OCI_MEMORY), data, sizeof(data));
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        ok = fd >= 0 && write(fd, data, strlen(data)) == (ssize_t)strlen(data);
        if (fd >= 0)
            (void)close(fd);
    }
    return ok;
}

/* The root, the volumes and the names. */
static bool furnish(const keeper_plan *plan)
{
    char why[WHY_MAX];
    if (!keeper_room_make(&plan->room, why, sizeof(why)))
        return refuse(true, why);
    for (int i = 0; i < plan->fill_count; i++)
        if (!make_volume(plan->fills[i][0], plan->fills[i][1]))
            return refuse(true, "cannot make a volume");
    return copy_names() || refuse(true, "cannot copy the host's names");
}

/* Why the program has failed. */
static void program_error(const keeper *k, char *why, size_t size)
{
    keeper_program_error(k->plan->runtime, k->runtime_status, log_file, why, size);
}

/* True: its first process waits. */
static bool make_container(keeper *k)
{
    char why[WHY_MAX], pid[32];
    int ends[KEEPER_STREAMS];
    if (!make_pipes(k, ends))
        return refuse(true, strerror(errno));
    create(k, ends);
    for (size_t i = 0; k->plan->output && i < KEEPER_STREAMS; i++)
        (void)close(ends[i]);
    if (k->runtime < 0)
        return refuse(true, strerror(errno));
    while (k->runtime > 0)
        turn(k);
    if (k->stopping) {
        (void)say(OCI_SAID_STOPPED);
        return false;
    }
    bool ok = WIFEXITED(k->runtime_status) && WEXITSTATUS(k->runtime_status) == 0;
    if (ok && keeper_read_text(pid_file, pid, sizeof(pid)))
        k->init = atoi(pid);
    if (k->init > 0)
        return true;
    program_error(k, why, sizeof(why));
    return refuse(!WIFEXITED(k->runtime_status) ||
                      WEXITSTATUS(k->runtime_status) == KEEPER_PROGRAM_NONE,
                  why);
}

static bool begin(keeper *k)
{
    char why[WHY_MAX];
    if (!say(OCI_SAID_START))
        return refuse(true, "cannot write to the attempt's folder");
    int64_t at_ms = now_ms(CLOCK_REALTIME);
    k->phase = PHASE_RUNNING;
    keeper_gate gate = open_gate(k);
    if (gate == GATE_OPEN) {
        (void)say(OCI_SAID_RUNNING " %lld %d", (long long)at_ms, (int)k->init);
        (void)unlinkat(k->plan->place.fd, OCI_CONFIG_FILE, 0); /* it has secrets */
        return true;
    }
    bool is_starved = keeper_groups_oom(k->plan->place.group) > 0;
    program_error(k, why, sizeof(why));
    if (gate == GATE_UNKNOWN)
        (void)say(OCI_SAID_LOST " %s", why);
    else if (is_starved)
        (void)refuse(false, "the memory limit is too low for the container to begin");
    else
        (void)refuse(true, "the container's first process ended before it could begin");
    return false;
}

static void end(keeper *k)
{
    int64_t at_ms = now_ms(CLOCK_REALTIME);
    int status = k->init_status;
    int code = WIFSIGNALED(status) ? EXIT_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
    long oom = keeper_groups_oom(k->plan->place.group);
    (void)keeper_groups_kill(k->plan->place.group, true);
    group_use use = group_use_read(GROUP_USE_ROOT, k->plan->place.group);
    bool is_whole = finish_output(k);
    while (!say(OCI_SAID_END " %d %ld %lld %d %lld %lld", code, oom, (long long)at_ms, !is_whole,
                (long long)use.cpu_ms, (long long)use.peak_bytes))
        (void)usleep(RETRY_MS * 1000);
}

/* False: something stays. */
static bool clear(const keeper_place *place)
{
    keeper_groups_remove(place->group, true);
    bool ok = keeper_room_clear(place->fd);
    return owned_remove(place->fd, OCI_CONFIG_FILE) && ok;
}

/* ---- the verbs ---- */

static int refuse_place(const char *why)
{
    (void)fprintf(stderr, "openbatch-keeper: %s; nothing was changed there\n", why);
    return OCI_EXIT_REFUSED;
}

/* Did this process inherit the state of that attempt? */
static bool has_state(const keeper_place *place)
{
    struct stat ours, there;
    return fstat(OCI_FD_STATE, &ours) == 0 &&
           fstatat(place->fd, OCI_STATE_FILE, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(there.st_mode) && ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

int keeper_run(keeper_plan *plan)
{
    keeper k = { .plan = plan, .pipes = { -1, -1 }, .output = -1, .lines.limit = plan->limit };
    char why[WHY_MAX];
    if (!keeper_place_find(&plan->place, why, sizeof(why)) ||
        keeper_place_enter(&plan->place, why, sizeof(why)) != KEEPER_ENTERED)
        return refuse_place(why);
    if (!has_state(&plan->place))
        return refuse_place(
            "only an executor starts this: descriptor 3 is not the attempt's state");
    if (!prepare(&k) || !say(OCI_SAID_KEEPER " %d", (int)getpid()))
        return EXIT_FAILURE;
    if (furnish(plan) && make_container(&k) && begin(&k)) {
        while (k.phase == PHASE_RUNNING)
            turn(&k);
        end(&k);
    } else {
        (void)keeper_groups_kill(plan->place.group, true);
    }
    if (clear(&plan->place))
        (void)say(OCI_SAID_CLEAN);
    return EXIT_SUCCESS;
}

int keeper_clean(keeper_plan *plan)
{
    char why[WHY_MAX];
    keeper_place *place = &plan->place;
    if (!keeper_place_find(place, why, sizeof(why)))
        return refuse_place(why);
    if (!keeper_groups_kill(place->group, place->id))
        return EXIT_FAILURE;
    keeper_entry entry = place->id ? keeper_place_enter(place, why, sizeof(why)) : KEEPER_NOTHING;
    if (entry == KEEPER_ENTERED)
        (void)clear(place); /* what stays, the executor finds when it removes the folder */
    else
        keeper_groups_remove(place->group, place->id);
    return entry == KEEPER_REFUSED ? refuse_place(why) : EXIT_SUCCESS;
}

/* A trial that was killed may have left its room. */
int keeper_try(keeper_plan *plan)
{
    char why[WHY_MAX];
    static char data[TRY_BYTES];
    keeper_place *place = &plan->place;
    if (!keeper_place_find(place, why, sizeof(why)) ||
        keeper_place_enter(place, why, sizeof(why)) != KEEPER_ENTERED)
        return refuse_place(why);
    if (!keeper_room_clear(place->fd))
        return EXIT_FAILURE;
    bool ok = keeper_room_make(&plan->room, why, sizeof(why));
    int fd = ok ? open(OCI_ROOT_FOLDER "/try", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
    ok = fd >= 0 && write(fd, data, sizeof(data)) == (ssize_t)sizeof(data);
    if (fd >= 0)
        (void)close(fd);
    return keeper_room_clear(place->fd) && ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
