/* ob-simulate: runs histories, each in a process of its own, so that an abort or a sanitizer's
 * report ends one of them only. Several run at a time; what is printed does not depend on how many,
 * because their results are taken in the order of the seeds. A broken one is run again with fewer
 * and fewer faults, and then once more to tell its story. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "history.h"
#include "ob/catalog.h"
#include "ob/digest.h"
#include "ob/error.h"

#define JOBS_MAX 256

typedef struct options {
    uint64_t seed, histories, kinds, mask;
    size_t size, jobs;
    bool story, keep_going, here;
} options;

/* A history in a child. The result is shared with it. */
typedef struct child {
    pid_t pid; /* 0: it has ended */
    history_result *result;
} child;

static child alone; /* for those that run one after the other */
static child
    children[JOBS_MAX]; /* of the seeds from the first whose result was not taken, in a ring */

/* ---- One history in a child ---- */

static void
run_here(const options *o, uint64_t seed, uint64_t mask, int story_fd, history_result *result)
{
    if (story_fd >= 0) {
        (void)dup2(story_fd, STDOUT_FILENO);
        trace_tell(true);
    }
    history_run(seed, o->kinds, mask, o->size, result);
    (void)fflush(stdout);
    _exit(0);
}

static void begin(child *c, const options *o, uint64_t seed, uint64_t mask, int story_fd)
{
    memset(c->result, 0, sizeof(*c->result));
    (void)fflush(stdout);
    c->pid = fork();
    if (c->pid == 0)
        run_here(o, seed, mask, story_fd, c->result);
    if (c->pid > 0)
        return;
    perror("fork");
    exit(2);
}

static void end(child *c, int status)
{
    history_result *r = c->result;
    c->pid = 0;
    if (status == 0 || r->broken)
        return;
    r->broken = true;
    (void)snprintf(r->subject, sizeof(r->subject), "-");
    (void)snprintf(r->text, sizeof(r->text), "the process ended with %s %d",
                   WIFSIGNALED(status) ? "signal" : "code",
                   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static void wait_for(child *c)
{
    int status = 0;
    if (waitpid(c->pid, &status, 0) == c->pid)
        end(c, status);
}

static history_result run_once(const options *o, uint64_t seed, uint64_t mask)
{
    begin(&alone, o, seed, mask, -1);
    wait_for(&alone);
    return *alone.result;
}

/* ---- A broken one ---- */

/* Leaves out one fault after the other, as long as something is still broken. */
static uint64_t shrink(const options *o, uint64_t seed, history_result *result)
{
    uint64_t mask = o->mask;
    size_t n = result->n_faults;
    for (size_t i = 0; i < n; i++)
        if (!(mask >> i & 1) || i >= 64)
            continue;
        else {
            history_result less = run_once(o, seed, mask & ~(UINT64_C(1) << i));
            if (!less.broken)
                continue;
            mask &= ~(UINT64_C(1) << i);
            *result = less;
        }
    return n < 64 ? mask & ((UINT64_C(1) << n) - 1) : mask;
}

static bool is_about(const char *line, const char *subject, char (*instances)[24], size_t n)
{
    static const char *const always[] = { "FAULT",  "crash of", "is killed",          "freezes",
                                          "BROKEN", "leader.",  "the faults are over" };
    char job[40];
    (void)snprintf(job, sizeof(job), "%.36s", subject);
    if (subject[0] != '-' && strstr(line, job))
        return true;
    for (size_t i = 0; i < ARRAY_SIZE(always); i++)
        if (strstr(line, always[i]))
            return true;
    for (size_t i = 0; i < n; i++)
        if (strstr(line, instances[i]) && !strstr(line, "\"run\"") && !strstr(line, "container "))
            return true;
    return false;
}

/* Instances on the lines about a job. */
static size_t find_instances(FILE *story, const char *subject, char (*out)[24], size_t max)
{
    char *line = NULL;
    size_t cap = 0, n = 0;
    rewind(story);
    while (getline(&line, &cap, story) > 0) {
        const char *at = strstr(line, "i-");
        char job[40];
        (void)snprintf(job, sizeof(job), "%.36s", subject);
        if (!at || !strstr(line, job) || strlen(at) < 19 || n == max)
            continue;
        bool known = false;
        for (size_t i = 0; i < n; i++)
            known = known || strncmp(out[i], at, 19) == 0;
        if (!known)
            (void)snprintf(out[n++], 24, "%.19s", at);
    }
    free(line);
    return n;
}

static void tell(const options *o, uint64_t seed, uint64_t mask, const char *subject)
{
    FILE *story = tmpfile();
    if (!story)
        return;
    begin(&alone, o, seed, mask, fileno(story));
    wait_for(&alone);
    char instances[16][24];
    size_t n = subject[0] == '-' ? 0 : find_instances(story, subject, instances, 16);
    char *line = NULL;
    size_t cap = 0;
    rewind(story);
    while (getline(&line, &cap, story) > 0)
        if (o->story || is_about(line, subject, instances, n))
            (void)printf("  %.400s%s", line, strlen(line) > 400 ? "\n" : "");
    free(line);
    (void)fclose(story);
}

static void report(const options *o, uint64_t seed, history_result result)
{
    (void)printf("seed %llu is broken: %s\n", (unsigned long long)seed, result.text);
    uint64_t mask = shrink(o, seed, &result);
    (void)printf("with these faults: %s\n", result.text);
    for (size_t i = 0; i < result.n_faults; i++)
        if (mask >> i & 1)
            (void)printf("  %2zu %s at %.3f s\n", i, fault_names[result.faults[i].kind],
                         (double)result.faults[i].at_us / 1e6);
    (void)printf("digest %016llx; again: ob-simulate --seed %llu --histories 1 --only %llx\n",
                 (unsigned long long)result.digest, (unsigned long long)seed,
                 (unsigned long long)mask);
    tell(o, seed, mask, result.subject);
}

/* ---- All ---- */

/* What every history would do, whatever its seed: they are forked from what is there then. */
static void warm_up(void)
{
    size_t n;
    uint8_t digest[OB_SHA256_BYTES];
    (void)ob_catalog_types(&n);
    ob_sha256("", 0, digest);
}

static uint64_t kinds_of(const char *list)
{
    uint64_t kinds = 0;
    if (strcmp(list, "all") == 0)
        return UINT64_MAX;
    if (strcmp(list, "none") == 0)
        return 0;
    ob_cleanup(ob_freep) char *copy = ob_strdup(list);
    char *rest = NULL;
    for (char *name = strtok_r(copy, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        size_t i = 0;
        while (fault_names[i] && strcmp(fault_names[i], name) != 0)
            i++;
        if (!fault_names[i]) {
            (void)fprintf(stderr, "there is no fault %s; there are:", name);
            for (i = 0; fault_names[i]; i++)
                (void)fprintf(stderr, " %s", fault_names[i]);
            (void)fprintf(stderr, "\n");
            exit(2);
        }
        kinds |= UINT64_C(1) << i;
    }
    return kinds;
}

static options parse(int argc, char **argv)
{
    options o = { .seed = 1, .histories = 100, .kinds = UINT64_MAX, .mask = UINT64_MAX };
    o.jobs = (size_t)sysconf(_SC_NPROCESSORS_ONLN);
    static const struct option names[] = {
        { "seed", required_argument, NULL, 's' },   { "histories", required_argument, NULL, 'n' },
        { "faults", required_argument, NULL, 'f' }, { "only", required_argument, NULL, 'o' },
        { "size", required_argument, NULL, 'z' },   { "jobs", required_argument, NULL, 'j' },
        { "story", no_argument, NULL, 't' },        { "keep-going", no_argument, NULL, 'k' },
        { "here", no_argument, NULL, 'h' },         { 0 },
    };
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;)
        switch (c) {
        case 's':
            o.seed = strtoull(optarg, NULL, 10);
            break;
        case 'n':
            o.histories = strtoull(optarg, NULL, 10);
            break;
        case 'f':
            o.kinds = kinds_of(optarg);
            break;
        case 'o':
            o.mask = strtoull(optarg, NULL, 16);
            break;
        case 'z':
            o.size = strtoul(optarg, NULL, 10);
            break;
        case 'j':
            o.jobs = strtoul(optarg, NULL, 10);
            break;
        case 't':
            o.story = true;
            break;
        case 'k':
            o.keep_going = true;
            break;
        case 'h':
            o.here = true;
            break;
        default:
            exit(2);
        }
    o.jobs = o.jobs < 1 ? 1 : o.jobs > JOBS_MAX / 4 ? JOBS_MAX / 4 : o.jobs;
    return o;
}

/* What children have used of a processor: a busy machine changes it less than the time. The program
 * that became this one may have had some too, as one that builds it. */
static double used_s(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_CHILDREN, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* ---- Several at a time ---- */

static struct {
    uint64_t begun, taken; /* histories */
    size_t running;
} now;

static child *child_of(uint64_t n)
{
    return &children[n % JOBS_MAX];
}

static void wait_for_any(void)
{
    int status = 0;
    pid_t pid = wait(&status);
    for (uint64_t n = now.taken; n < now.begun; n++)
        if (child_of(n)->pid == pid) {
            end(child_of(n), status);
            now.running--;
            return;
        }
}

/* The result of the next one, in the order of the seeds. */
static history_result take_next(const options *o)
{
    while (now.begun == now.taken || child_of(now.taken)->pid != 0) {
        bool begins =
            now.begun < o->histories && now.running < o->jobs && now.begun - now.taken < JOBS_MAX;
        if (begins) {
            begin(child_of(now.begun), o, o->seed + now.begun, o->mask, -1);
            now.begun++;
            now.running++;
        } else {
            wait_for_any();
        }
    }
    return *child_of(now.taken++)->result;
}

/* Those that are begun, but that nobody asks for any more. */
static void end_rest(void)
{
    for (uint64_t n = now.taken; n < now.begun; n++)
        if (child_of(n)->pid > 0) {
            (void)kill(child_of(n)->pid, SIGKILL);
            wait_for(child_of(n));
        }
}

static void share_results(void)
{
    history_result *all = mmap(NULL, (JOBS_MAX + 1) * sizeof(*all), PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED)
        exit(2);
    alone.result = &all[JOBS_MAX];
    for (size_t i = 0; i < JOBS_MAX; i++)
        children[i].result = &all[i];
}

int main(int argc, char **argv)
{
    options o = parse(argc, argv);
    double before_s = used_s();
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    share_results();
    warm_up();
    if (o.here)
        run_here(&o, o.seed, o.mask, o.story ? STDOUT_FILENO : -1, alone.result);
    uint64_t digest = 0, jobs = 0, runs = 0, faults = 0, n_broken = 0;
    while (now.taken < o.histories && (n_broken == 0 || o.keep_going)) {
        uint64_t seed = o.seed + now.taken;
        history_result r = take_next(&o);
        digest = dice_mix(digest, r.digest);
        jobs += r.jobs;
        runs += r.runs;
        faults += r.n_faults;
        if (!r.broken)
            continue;
        n_broken++;
        report(&o, seed, r);
    }
    end_rest();
    (void)printf("%llu histories from seed %llu, %llu broken: %llu jobs, %llu runs, %llu faults, "
                 "%.1f s of a processor; digest %016llx\n",
                 (unsigned long long)now.taken, (unsigned long long)o.seed,
                 (unsigned long long)n_broken, (unsigned long long)jobs, (unsigned long long)runs,
                 (unsigned long long)faults, used_s() - before_s, (unsigned long long)digest);
    return n_broken > 0;
}
