/* The local provider: each instance is an executor on this host with its own runsv, and stands for
 * an instance of its type. Owns the list of its instances; the directories are the truth, so
 * another process finds them again.
 *
 * Invariants: nominal sizes stay within the configured capacity; an ended instance leaves no
 * process and no container, and its directory is removed only after that. Loop thread. */
#include <dirent.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uthash.h>

#include "ob/clock.h"
#include "ob/log.h"
#include "ob/text.h"
#include "provider_local.h"
#include "supervise.h"

#define HEAL_MS 2000
#define HEALING_MS 20  /* of one tick; what is left then is looked at in the next */
#define GRACE_MS 10000 /* time for an executor to end on its own */
#define KILL_MS 2000
#define PURGE_MS 30000
#define PURGE_AGAIN_MS                                                                             \
    2000 /* after the first that failed; then twice as long each time, up to ... */
#define PURGE_AGAIN_MAX_MS 60000
/* Of nodes: a cluster may be slow, or not exist any more. */
#define PURGES_MAX 16
#define PURGE_GIVE_UP_MS (60 * 60000)
#define PRUNE_EVERY 20

typedef enum phase {
    PHASE_RUNNING,
    PHASE_STOPPING, /* the executor is to go */
    PHASE_PURGING,  /* its containers are to go; it takes no room any more */
} phase;

typedef struct local_instance {
    char id[OB_INSTANCE_TEXT];
    int32_t mcpu, mem_mib; /* nominal */
    phase phase;
    bool killed;
    bool alone; /* STOPPING: at the last tick no runsv was there any more */
    int64_t checked_at_ms, deadline_ms;
    pid_t purge; /* 0: none runs */
    int64_t purging_since_ms;
    int purges_failed;
    UT_hash_handle hh;
} local_instance;

typedef struct local {
    provider base; /* first */
    host_size size;
    instance_dir_config config; /* of the strings below */
    char *home, *run_dir, *executor, *kafka_password_file;
    ob_arch arch;
    bool nodes; /* its instances are nodes of clusters: they use none of this host's room */
    int purges; /* that run */
    supervise_list executors;
    bool executors_read; /* since the last tick began: it costs as much for all as for one */
    local_instance *instances;
    int removed;
} local;

static local_instance *find(const local *l, const char *id)
{
    local_instance *in;
    HASH_FIND_STR(l->instances, id, in);
    return in;
}

static local_instance *add(local *l, const char *id, const ob_resources *size)
{
    local_instance *in = ob_calloc(1, sizeof(*in));
    (void)snprintf(in->id, sizeof(in->id), "%s", id);
    in->mcpu = size->mcpu;
    in->mem_mib = size->mem_mib;
    HASH_ADD_STR(l->instances, id, in);
    return in;
}

static void local_room(provider *p, provider_room *ret)
{
    const local *l = (const local *)p;
    int64_t mcpu = l->size.vcpus * 1000;
    *ret = (provider_room){ .limited = !l->nodes,
                            .mcpu = mcpu,
                            .mcpu_left = mcpu,
                            .mem_mib = l->size.memory_mib,
                            .mem_left = l->size.memory_mib };
    for (const local_instance *in = l->instances; in; in = in->hh.next) {
        if (in->phase == PHASE_PURGING)
            continue;
        ret->mcpu_left -= in->mcpu;
        ret->mem_left -= in->mem_mib;
        if (in->phase == PHASE_STOPPING) {
            ret->mcpu_ending += in->mcpu;
            ret->mem_ending += in->mem_mib;
        }
    }
}

static void
local_lacking(provider *p, const char *type, const ob_resources *nominal, char *out, size_t size)
{
    provider_room room;
    char text[256];
    local_room(p, &room);
    provider_room_text(p, &room, type, nominal, false, text, sizeof(text));
    ob_text_format(out, size, "InsufficientInstanceCapacity: %s", text);
}

static const char *local_refuses(provider *p, ob_arch arch)
{
    ob_arch own = ((const local *)p)->arch;
    if (arch == own || ((const local *)p)->nodes)
        return NULL;
    return own == OB_ARCH_ARM64 ? "this host is arm64" : "this host is x86_64";
}

static const supervise_list *executors(local *l)
{
    if (!l->executors_read)
        supervise_list_read(&l->executors, l->home);
    l->executors_read = true;
    return &l->executors;
}

/* Makes sure that a runsv supervises a running instance. An executor that lost its runsv holds the
 * directory's lock; it is asked to end, and the next one adopts its containers. */
static int supervise(local *l, local_instance *in, int64_t now_ms, ob_error *err)
{
    in->checked_at_ms = now_ms;
    if (supervise_is_running(l->home, in->id))
        return 0;
    (void)supervise_signal_strays(OB_POINT_SCALER_LOCAL_STRAY, executors(l), l->home, in->id,
                                  SIGTERM);
    return supervise_start(OB_POINT_SCALER_LOCAL_START, l->home, in->id, err);
}

static int local_launch(provider *p, const provider_launch_spec *spec, ob_error *err)
{
    local *l = (local *)p;
    local_instance *in = find(l, spec->id);
    provider_room room;
    if (in && in->phase != PHASE_RUNNING)
        return ob_fail_retry(err, EBUSY, "instance %s is ending", spec->id);
    if (local_refuses(p, spec->arch))
        return ob_fail(err, EINVAL, "%s cannot run here: %s", spec->type,
                       local_refuses(p, spec->arch));
    if (access(l->executor, X_OK) < 0)
        return ob_fail_retry(err, ENOENT, "%s: %s", l->executor, strerror(errno));
    if (!in) {
        local_room(p, &room);
        if (room.limited &&
            (room.mcpu_left < spec->size.mcpu || room.mem_left < spec->size.mem_mib)) {
            char text[300];
            local_lacking(p, spec->type, &spec->size, text, sizeof(text));
            return ob_fail(err, ENOSPC, "%s", text);
        }
        in = add(l, spec->id, &spec->size);
    }
    int r = instance_dir_write(&l->config, spec, err);
    return r < 0 ? r : supervise(l, in, ob_mono_ms(), err);
}

static void local_terminate(provider *p, const char *id, bool graceful)
{
    local *l = (local *)p;
    int64_t now_ms = ob_mono_ms();
    local_instance *in = find(l, id);
    if (!in && !instance_dir_alive(l->home, id))
        return;
    if (!in)
        in = add(l, id, &(ob_resources){ 0 });
    if (in->phase == PHASE_RUNNING) {
        in->phase = PHASE_STOPPING;
        in->deadline_ms = now_ms + (graceful ? GRACE_MS : KILL_MS);
        in->killed = !graceful;
        supervise_control(OB_POINT_SCALER_LOCAL_STOP, l->home, id, graceful ? "x" : "xk");
        ob_info("instance.stopped", "{s:s, s:b}", "instance", id, "graceful", (int)graceful);
    } else if (in->phase == PHASE_STOPPING && !graceful && !in->killed) {
        in->deadline_ms = now_ms; /* the next tick kills */
    }
}

static int local_interrupt(provider *p, const char *id, ob_error *err)
{
    const local *l = (const local *)p;
    const local_instance *in = find(l, id);
    if (!in || in->phase != PHASE_RUNNING || !supervise_is_running(l->home, id))
        return ob_fail(err, ENOENT, "instance %s is not running", id);
    supervise_control(OB_POINT_SCALER_LOCAL_INTERRUPT, l->home, id, "1"); /* SIGUSR1 */
    return 0;
}

static int local_has(provider *p, const char *id)
{
    const local *l = (const local *)p;
    return find(l, id) && instance_dir_complete(l->home, id);
}

/* Finds instances that other processes have launched. */
static void scan(local *l)
{
    ob_cleanup(ob_freep) char *path = ob_strf("%s/instances", l->home);
    DIR *dir = opendir(path);
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        ob_resources size = { 0 };
        if (strncmp(e->d_name, "i-", 2) != 0 || strlen(e->d_name) >= OB_INSTANCE_TEXT ||
            find(l, e->d_name) || !instance_dir_alive(l->home, e->d_name) ||
            instance_dir_is_node(l->home, e->d_name) != l->nodes)
            continue;
        (void)instance_dir_size(l->home, e->d_name, &size);
        (void)add(l, e->d_name, &size);
    }
    if (dir)
        (void)closedir(dir);
}

static void local_list(provider *p)
{
    local *l = (local *)p;
    scan(l); /* another process led while this one was on standby */
    for (const local_instance *in = l->instances; in; in = in->hh.next)
        if (in->phase == PHASE_RUNNING)
            p->on.found(in->id, p->on.arg);
}

/* ---- Ending ---- */

/* Returns true when nothing of it runs any more: no executor in a list that is newer than the end
 * of its runsv. */
static bool stopped(local *l, local_instance *in, int64_t now_ms)
{
    if (supervise_is_running(l->home, in->id)) {
        if (now_ms < in->deadline_ms)
            return false;
        /* Too late: its runsv must kill it; a runsv that does not answer is killed too. */
        if (in->killed)
            supervise_kill(OB_POINT_SCALER_LOCAL_KILL, l->home, in->id);
        else
            supervise_control(OB_POINT_SCALER_LOCAL_LATE, l->home, in->id, "xk");
        in->killed = true;
        in->deadline_ms = now_ms + KILL_MS;
        return false;
    }
    bool was_alone = in->alone;
    in->alone = true;
    return was_alone && supervise_signal_strays(OB_POINT_SCALER_LOCAL_CLEAR, executors(l), l->home,
                                                in->id, SIGKILL) == 0;
}

/* Returns true when no other is to follow: on this host nothing may be left, but a cluster may be
 * gone for good. */
static bool purge_failed(const local *l, local_instance *in, int64_t now_ms)
{
    int64_t again_ms = PURGE_AGAIN_MS;
    for (int i = 0; i < in->purges_failed && again_ms < PURGE_AGAIN_MAX_MS; i++)
        again_ms *= 2;
    in->purges_failed++;
    in->deadline_ms = now_ms + (again_ms < PURGE_AGAIN_MAX_MS ? again_ms : PURGE_AGAIN_MAX_MS);
    if (!l->nodes || now_ms - in->purging_since_ms < PURGE_GIVE_UP_MS)
        return false;
    ob_warn("purge.abandoned", "{s:s, s:s, s:i}", "instance", in->id, "left",
            "pods with the label openbatch.io/instance of this instance", "times",
            in->purges_failed);
    return true;
}

/* Returns true if there is nothing to do, or too much was tried. */
static bool begin_purge(local *l, local_instance *in, int64_t now_ms)
{
    ob_error err = { 0 };
    if (now_ms < in->deadline_ms || (l->nodes && l->purges >= PURGES_MAX))
        return false;
    in->purge = supervise_purge(OB_POINT_SCALER_LOCAL_PURGE, &l->config, in->id, &err);
    if (in->purge > 0) {
        l->purges++;
        in->deadline_ms = now_ms + PURGE_MS;
        return false;
    }
    if (in->purge == 0)
        return true;
    in->purge = 0;
    ob_warn("purge.failed", "{s:s, s:s}", "instance", in->id, "error", err.text);
    return purge_failed(l, in, now_ms);
}

/* Runs purges until one succeeds. Returns true then. */
static bool purged(local *l, local_instance *in, int64_t now_ms)
{
    int status = 0;
    if (in->purge == 0)
        return begin_purge(l, in, now_ms);
    pid_t ended = waitpid(in->purge, &status, WNOHANG);
    if (ended == 0) {
        if (now_ms > in->deadline_ms)
            (void)kill(in->purge, SIGKILL);
        return false;
    }
    in->purge = 0;
    l->purges--;
    if (ended > 0 && status == 0)
        return true;
    ob_warn("purge.failed", "{s:s, s:i}", "instance", in->id, "status", status);
    return purge_failed(l, in, now_ms);
}

static void heal(local *l, local_instance *in, int64_t now_ms)
{
    ob_error err = { 0 };
    if (now_ms - in->checked_at_ms >= HEAL_MS && ob_mono_ms() - now_ms < HEALING_MS &&
        instance_dir_complete(l->home, in->id) && supervise(l, in, now_ms, &err) < 0)
        ob_warn("supervision.failed", "{s:s, s:s}", "instance", in->id, "error", err.text);
}

/* Returns whether it has given back its room. */
static bool tick_one(local *l, local_instance *in, int64_t now_ms)
{
    switch (in->phase) {
    case PHASE_RUNNING:
        heal(l, in, now_ms);
        return false;
    case PHASE_STOPPING:
        if (!stopped(l, in, now_ms))
            return false;
        in->phase = PHASE_PURGING;
        in->deadline_ms = 0;
        in->purging_since_ms = now_ms;
        (void)purged(l, in, now_ms);
        return true;
    case PHASE_PURGING:
        if (!purged(l, in, now_ms))
            return false;
        instance_dir_remove(l->home, in->id);
        ob_info("instance.removed", "{s:s}", "instance", in->id);
        HASH_DEL(l->instances, in);
        free(in);
        if (l->removed++ % PRUNE_EVERY == 0)
            instance_dir_prune(l->home);
        return false;
    }
    return false;
}

static bool local_tick(provider *p)
{
    local *l = (local *)p;
    local_instance *in, *next;
    int64_t now_ms = ob_mono_ms();
    bool freed = false;
    l->executors_read = false;
    HASH_ITER(hh, l->instances, in, next)
    freed = tick_one(l, in, now_ms) || freed;
    return freed;
}

static bool local_busy(const provider *p)
{
    const local *l = (const local *)p;
    for (const local_instance *in = l->instances; in; in = in->hh.next)
        if (in->phase != PHASE_RUNNING)
            return true;
    return false;
}

static void local_free(provider *p)
{
    local *l = (local *)p;
    local_instance *in, *next;
    HASH_ITER(hh, l->instances, in, next)
    {
        HASH_DEL(l->instances, in);
        free(in);
    }
    supervise_list_done(&l->executors);
    free(l->home);
    free(l->run_dir);
    free(l->executor);
    free(l->kafka_password_file);
    free(l);
}

static const provider_ops local_ops = { .launch = local_launch,
                                        .terminate = local_terminate,
                                        .interrupt = local_interrupt,
                                        .has = local_has,
                                        .list = local_list,
                                        .tick = local_tick,
                                        .busy = local_busy,
                                        .room = local_room,
                                        .refuses = local_refuses,
                                        .lacking = local_lacking,
                                        .name = "the local provider",
                                        .register_ms = 60000,
                                        .free = local_free };

static int node_interrupt(provider *p, const char *id, ob_error *err)
{
    (void)p;
    return ob_fail(err, ENOENT, "instance %s is a node of a cluster", id);
}

static const provider_ops node_ops = { .launch = local_launch,
                                       .terminate = local_terminate,
                                       .interrupt = node_interrupt,
                                       .has = local_has,
                                       .list = local_list,
                                       .tick = local_tick,
                                       .busy = local_busy,
                                       .room = local_room,
                                       .refuses = local_refuses,
                                       .lacking = local_lacking,
                                       .name = "the nodes' provider",
                                       .register_ms = 60000,
                                       .free = local_free };

/* In the scaler's own directory, or where a build directory has it. */
static char *default_executor(void)
{
    char self[PATH_MAX], path[2 * PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[n > 0 ? n : 0] = '\0';
    const char *dir = dirname(self);
    (void)snprintf(path, sizeof(path), "%s/openbatch-executor", dir);
    if (access(path, X_OK) < 0)
        (void)snprintf(path, sizeof(path), "%s/../executor/openbatch-executor", dir);
    char *real = realpath(path, NULL);
    return real ? real : ob_strdup(path);
}

static local *make(const local_settings *set, const provider_context *context, bool nodes)
{
    local *l = ob_calloc(1, sizeof(*l));
    l->base.ops = nodes ? &node_ops : &local_ops;
    l->nodes = nodes;
    l->home = ob_strdup(context->home);
    l->run_dir = ob_strdup(context->run_dir);
    l->executor = *set->executor ? ob_strdup(set->executor) : default_executor();
    if (context->kafka_password_file)
        l->kafka_password_file = ob_strdup(context->kafka_password_file);
    l->config = (instance_dir_config){ .home = l->home,
                                       .run_dir = l->run_dir,
                                       .executor = l->executor,
                                       .kafka_password_file = l->kafka_password_file };
    scan(l);
    return l;
}

static int
local_make(const void *settings, const provider_context *context, provider **ret, ob_error *err)
{
    const local_settings *set = settings;
    struct utsname host;
    host_size size = set->size;
    int r = host_size_complete(&size, err);
    if (r < 0)
        return r;
    if (uname(&host) < 0)
        return ob_fail(err, errno, "uname: %s", strerror(errno));
    local *l = make(set, context, false);
    bool arm = !strcmp(host.machine, "aarch64") || !strcmp(host.machine, "arm64");
    l->arch = arm ? OB_ARCH_ARM64 : OB_ARCH_X86_64;
    l->size = size;
    *ret = &l->base;
    return 0;
}

provider *provider_local_nodes(const void *settings, const provider_context *context)
{
    return &make(settings, context, true)->base;
}

static const ob_config_field local_fields[] = {
    HOST_SIZE_FIELDS(offsetof(local_settings, size)),
    { "OPENBATCH_EXECUTOR", OB_CONFIG_PATH, offsetof(local_settings, executor), "",
      "path of openbatch-executor; empty: next to openbatch-scaler" },
    { 0 },
};

const provider_kind provider_local = { .name = "local",
                                       .about = "executors on this host",
                                       .on_this_host = true,
                                       .ops = &local_ops,
                                       .settings = local_fields,
                                       .settings_size = sizeof(local_settings),
                                       .make = local_make };
