/* The bare loop of an OCI runtime (crun, runc): makes containers of one bundle, some at once, from
 * create to delete, and prints how long that took. One process, no shell: it starts the runtime's
 * program for each step, and as their subreaper it waits for the containers themselves.
 *
 * usage: loop_oci PROGRAM STATE_DIR BUNDLE COUNT PARALLEL [run]
 * With "run" each container is one call of `PROGRAM run`, which is all steps in one.
 *
 * crun refuses a host with both versions of cgroups mounted; so the loop has a mount namespace of
 * its own, without the second one. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PARALLEL_MAX 64
#define UNIFIED "/sys/fs/cgroup/unified"

typedef enum step { STEP_FREE, STEP_CREATE, STEP_START, STEP_DELETE } step;

typedef struct slot {
    step step;
    char id[48], pid_file[256];
    pid_t child;     /* the runtime's program; 0: none runs */
    pid_t container; /* 0: not known, or it has ended */
} slot;

typedef struct loop {
    const char *program, *state_dir, *bundle;
    bool whole; /* `run` */
    long count, begun, ended, failed;
    int parallel;
    slot slots[PARALLEL_MAX];
} loop;

extern char **environ;

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void give_up(const char *what)
{
    perror(what);
    exit(1);
}

static pid_t start_program(const loop *l, const char *const *words)
{
    const char *args[16] = { l->program, "--root", l->state_dir };
    posix_spawn_file_actions_t files;
    pid_t pid;
    for (int i = 0; i < 12 && (args[3 + i] = words[i]) != NULL; i++)
        ;
    (void)posix_spawn_file_actions_init(&files);
    (void)posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    errno = posix_spawnp(&pid, l->program, &files, NULL, (char *const *)args, environ);
    if (errno != 0)
        give_up(l->program);
    (void)posix_spawn_file_actions_destroy(&files);
    return pid;
}

static void begin(loop *l, slot *s)
{
    long n = l->begun++;
    (void)snprintf(s->id, sizeof(s->id), "bench-%d-%ld", (int)getpid(), n);
    (void)snprintf(s->pid_file, sizeof(s->pid_file), "%s/bench-%ld.pid", l->state_dir, n);
    s->container = 0;
    s->step = l->whole ? STEP_DELETE : STEP_CREATE;
    s->child =
        start_program(l, (const char *const[]){ l->whole ? "run" : "create", "--bundle", l->bundle,
                                                "--pid-file", s->pid_file, s->id, NULL });
}

static pid_t read_pid(const char *file)
{
    FILE *f = fopen(file, "re");
    int pid = 0;
    if (f == NULL || fscanf(f, "%d", &pid) != 1)
        pid = 0;
    if (f != NULL)
        (void)fclose(f);
    return pid;
}

/* The program of a step has ended. */
static void next_step(loop *l, slot *s)
{
    s->child = 0;
    if (s->step == STEP_CREATE) {
        s->container = read_pid(s->pid_file);
        s->step = STEP_START;
        s->child = start_program(l, (const char *const[]){ "start", s->id, NULL });
    } else if (s->step == STEP_START && s->container == 0) {
        s->step = STEP_DELETE;
        s->child = start_program(l, (const char *const[]){ "delete", s->id, NULL });
    } else if (s->step == STEP_DELETE) {
        (void)unlink(s->pid_file);
        s->step = STEP_FREE;
        l->ended++;
    }
}

static void reap(loop *l)
{
    int status = 0;
    pid_t pid = wait(&status);
    if (pid < 0)
        give_up("wait");
    for (int i = 0; i < l->parallel; i++) {
        slot *s = &l->slots[i];
        if (s->step == STEP_FREE || (pid != s->child && pid != s->container))
            continue;
        l->failed += status != 0;
        if (pid == s->container)
            s->container = 0;
        if (pid == s->child || (s->step == STEP_START && s->child == 0))
            next_step(l, s);
        return;
    }
}

/* Nothing may be seen of it outside. */
static void hide_second_cgroups(void)
{
    if (access(UNIFIED, F_OK) != 0)
        return;
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        (umount2(UNIFIED, MNT_DETACH) < 0 && errno != EINVAL))
        give_up(UNIFIED);
}

static bool read_arguments(loop *l, int argc, char **argv)
{
    if (argc < 6 || (argc > 6 && strcmp(argv[6], "run") != 0))
        return false;
    *l = (loop){ .program = argv[1],
                 .state_dir = argv[2],
                 .bundle = argv[3],
                 .count = atol(argv[4]),
                 .parallel = atoi(argv[5]),
                 .whole = argc > 6 };
    return l->count > 0 && l->parallel > 0 && l->parallel <= PARALLEL_MAX;
}

int main(int argc, char **argv)
{
    static loop l;
    struct rusage used;
    if (!read_arguments(&l, argc, argv)) {
        (void)fprintf(stderr, "usage: loop_oci PROGRAM STATE_DIR BUNDLE COUNT PARALLEL [run]\n");
        return 2;
    }
    hide_second_cgroups();
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        give_up("prctl");
    double from = now_s();
    while (l.ended < l.count) {
        for (int i = 0; i < l.parallel && l.begun < l.count; i++)
            if (l.slots[i].step == STEP_FREE)
                begin(&l, &l.slots[i]);
        reap(&l);
    }
    double seconds = now_s() - from;
    (void)getrusage(RUSAGE_CHILDREN, &used);
    (void)printf("{\"count\": %ld, \"failed\": %ld, \"seconds\": %.3f, \"perSecond\": %.1f, "
                 "\"cpuUs\": %.0f}\n",
                 l.count, l.failed, seconds, (double)l.count / seconds,
                 (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
                     (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec));
    return l.failed ? 1 : 0;
}
