/* Metrics that every service has: the process, what it depends on, whether it leads. Owns its
 * table. All of it is read when it is shown: from /proc and from the service's health. Any
 * thread. */
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "metrics_internal.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/service.h"
#include "service_internal.h"

enum {
    BUILD_INFO,
    HEALTHY,
    DEPENDENCY_UP,
    LEADER,
    LEADER_EPOCH,
    LINES_DROPPED,
    SERIES_BEYOND,
    CPU_SECONDS,
    RESIDENT,
    THREADS,
    OPEN_FDS,
    MAX_FDS,
    START_TIME,
};

static ob_metric table[] = {
    [BUILD_INFO] = { "openbatch_build_info",
                     OB_GAUGE,
                     "1; the version is a label.",
                     { "service", "version" } },
    [HEALTHY] = { "openbatch_healthy",
                  OB_GAUGE,
                  "1 if the service says that it is healthy, as its health check does.",
                  { "service" } },
    [DEPENDENCY_UP] = { "openbatch_dependency_up",
                        OB_GAUGE,
                        "1 if what the service depends on answers it.",
                        { "service", "dependency" } },
    [LEADER] = { "openbatch_leader",
                 OB_GAUGE,
                 "1 if this process leads, 0 if it stands by. Summed over all processes of a role "
                 "it is 1.",
                 { "role" } },
    [LEADER_EPOCH] = { "openbatch_leader_epoch",
                       OB_GAUGE,
                       "Epoch of the leader: it rises each time that another process begins to "
                       "lead, or the same one again.",
                       { "role" } },
    [LINES_DROPPED] = { "openbatch_log_lines_dropped_total",
                        OB_COUNTER,
                        "Lines of the service's own log that could not be written.",
                        { "service" } },
    [SERIES_BEYOND] = { "openbatch_metric_series_refused_total",
                        OB_COUNTER,
                        "Values that are in no series, because their metric has too many.",
                        { "service" } },
    [CPU_SECONDS] = { "openbatch_process_cpu_seconds_total",
                      OB_COUNTER,
                      "Processor time of the process, user and system.",
                      { "service" },
                      .decimals = 3 },
    [RESIDENT] = { "openbatch_process_resident_memory_bytes",
                   OB_GAUGE,
                   "Memory of the process.",
                   { "service" } },
    [THREADS] = { "openbatch_process_threads", OB_GAUGE, "Threads of the process.", { "service" } },
    [OPEN_FDS] = { "openbatch_process_open_fds",
                   OB_GAUGE,
                   "Open file descriptors.",
                   { "service" } },
    [MAX_FDS] = { "openbatch_process_max_fds",
                  OB_GAUGE,
                  "Limit of open file descriptors.",
                  { "service" } },
    [START_TIME] = { "openbatch_process_start_time_seconds",
                     OB_GAUGE,
                     "When the process started, in seconds since 1970.",
                     { "service" },
                     .decimals = 3 },
};

/* "api", not "openbatch-api" */
static const char *short_name(void)
{
    static const char prefix[] = "openbatch-";
    const char *name = service_name_get();
    size_t n = sizeof(prefix) - 1;
    return strncmp(name, prefix, n) == 0 ? name + n : name;
}

static void put(int which, int64_t value)
{
    ob_metric_put(&table[which], value, short_name());
}

/* ---- /proc ----------------------------------------------------------------------------------- */

static int64_t count_fds(void)
{
    int64_t n = -1; /* the folder's own */
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return 0;
    for (const struct dirent *entry; (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    (void)closedir(dir);
    return n;
}

/* proc(5): the fields after the name, which may itself have a ')'. */
static void put_stat(void)
{
    char text[1024] = "";
    unsigned long user = 0, system = 0;
    long n_threads = 0, pages = 0;
    unsigned long long start = 0;
    FILE *file = fopen("/proc/self/stat", "re");
    size_t len = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
    if (file)
        (void)fclose(file);
    const char *at = len > 0 ? strrchr(text, ')') : NULL;
    if (!at || sscanf(at,
                      ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %ld "
                      "%*d %llu %*u %ld",
                      &user, &system, &n_threads, &start, &pages) != 5)
        return;
    int64_t ticks = sysconf(_SC_CLK_TCK);
    put(CPU_SECONDS, (int64_t)(user + system) * 1000 / ticks);
    put(RESIDENT, pages * sysconf(_SC_PAGESIZE));
    put(THREADS, n_threads);
    put(START_TIME, ob_wall_ms() - (ob_boot_ms() - (int64_t)start * 1000 / ticks));
}

static void put_files(void)
{
    struct rlimit limit = { 0 };
    put(OPEN_FDS, count_fds());
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        put(MAX_FDS, (int64_t)limit.rlim_cur);
}

/* ---- health ---------------------------------------------------------------------------------- */

static void put_health(void)
{
    json_auto_t *health = ob_health_object();
    const char *name;
    json_t *one;
    put(HEALTHY, json_is_true(json_object_get(health, "ok")));
    json_object_foreach(json_object_get(health, "depends"), name, one)
    {
        ob_metric_put(&table[DEPENDENCY_UP], json_is_true(json_object_get(one, "ok")), short_name(),
                      name);
    }
    const json_t *leader = json_object_get(health, "leader");
    if (leader)
        put(LEADER, json_is_true(leader));
    if (json_is_true(leader))
        put(LEADER_EPOCH,
            json_integer_value(json_object_get(json_object_get(health, "info"), "epoch")));
    ob_metric_sweep(&table[DEPENDENCY_UP]);
    ob_metric_sweep(&table[LEADER_EPOCH]);
}

void metrics_process(void)
{
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER; /* because of the sweeps */
    ob_metrics_register(table, ARRAY_SIZE(table));
    (void)pthread_mutex_lock(&one_at_a_time);
    ob_metric_put(&table[BUILD_INFO], 1, short_name(), OB_VERSION);
    put(LINES_DROPPED, (int64_t)ob_log_dropped());
    put(SERIES_BEYOND, (int64_t)metrics_beyond());
    put_stat();
    put_files();
    put_health();
    (void)pthread_mutex_unlock(&one_at_a_time);
}
