/* The docker provider: each instance is an executor in a container of its own on the engine that
 * the scaler reaches, posing as an instance of its type (docs/compose.md). Owns the list of what it
 * has. The instance directories are the truth, as with the local provider: executors find theirs in
 * the volume (or directory) that the scaler has at <home>/instances. A container is made again from
 * its directory whenever it is missing, so the scaler takes them all away when it is asked to stop:
 * they would hold a composed network. What runs in jobs' containers goes on meanwhile. Invariants:
 * nominal sizes stay within the configured capacity; what ends leaves no container, and only then
 * its directory goes. Loop thread; nothing is waited for but in docker_free. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <uthash.h>

#include "calls.h"
#include "local_dir.h"
#include "ob/clock.h"
#include "ob/config.h"
#include "ob/log.h"
#include "ob/service.h"

#define BASE "http://engine/v1.40"
#define CALL_S 60
#define AGAIN_MS 1000 /* after a call that failed */
#define LOOK_MS 2000
#define GRACE_S 10
#define LEAVE_MS 20000
#define MEMORY_MIN_MIB (16 * 1024)
#define PRUNE_EVERY 20

typedef enum phase {
    PHASE_STARTING, /* its container is to be made, or started */
    PHASE_RUNNING,
    PHASE_STOPPING,
    PHASE_PURGING, /* its jobs' containers are to go; it takes no room any more */
} phase;

typedef struct dock_inst {
    char id[OB_INSTANCE_TEXT];
    ob_resources size; /* nominal */
    phase phase;
    bool asked; /* a call for it is under way */
    bool kill;  /* no grace */
    int64_t next_ms;
    UT_hash_handle hh;
} dock_inst;

typedef struct docker {
    provider base;              /* first */
    provider_local_config dirs; /* for the directories */
    calls *calls;
    char *home, *run_dir, *password_file, *image;
    char *engine;                          /* path of its socket, here */
    char *network, *mount, *socket, *copy; /* for executors; by the engine's names */
    char self[256];                        /* host name: of a container, its id */
    bool placed;                           /* network, mount and copy are known */
    bool looking, placing;
    int64_t look_at_ms, place_at_ms;
    dock_inst *insts;
    int removed;
    bool freed; /* room has come free since the last tick */
} docker;

/* What a reply needs to know; the instance may be gone by then. */
typedef struct asked {
    docker *d;
    char id[OB_INSTANCE_TEXT];
} asked;

static dock_inst *find(const docker *d, const char *id)
{
    dock_inst *in;
    HASH_FIND_STR(d->insts, id, in);
    return in;
}

static dock_inst *add(docker *d, const char *id, const ob_resources *size)
{
    dock_inst *in = ob_calloc(1, sizeof(*in));
    (void)snprintf(in->id, sizeof(in->id), "%s", id);
    in->size = *size;
    HASH_ADD_STR(d->insts, id, in);
    return in;
}

static void forget(docker *d, dock_inst *in)
{
    HASH_DEL(d->insts, in);
    free(in);
}

__attribute__((format(printf, 6, 7))) static void ask(docker *d,
                                                      const char *id,
                                                      const char *method,
                                                      const json_t *body,
                                                      calls_on_reply on_reply,
                                                      const char *fmt,
                                                      ...)
{
    char path[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(path, sizeof(path), fmt, args);
    va_end(args);
    ob_cleanup(ob_freep) char *url = ob_strf(BASE "%s", path);
    ob_cleanup(ob_freep) char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    asked *arg = ob_calloc(1, sizeof(*arg));
    arg->d = d;
    (void)snprintf(arg->id, sizeof(arg->id), "%s", id);
    calls_send(d->calls, &(calls_request){ .method = method,
                                           .url = url,
                                           .body = text,
                                           .type = "application/json",
                                           .timeout_s = CALL_S,
                                           .on_reply = on_reply,
                                           .arg = arg,
                                           .free_arg = free });
}

/* The filter of a listing, ready for a URL: all of its characters but these need no escape. */
static void label_filter(char *out, size_t size, const char *label, const char *value)
{
    (void)snprintf(out, size, "%%7B%%22label%%22%%3A%%5B%%22%s%%3D%s%%22%%5D%%7D", label, value);
}

static bool good(const calls_reply *reply, const char *what, const char *id)
{
    if (reply->status >= 200 && reply->status < 300)
        return true;
    json_auto_t *body = json_loadb(reply->body, reply->len, 0, NULL);
    const char *said = json_string_value(json_object_get(body, "message"));
    ob_warn("provider.engine", "{s:s, s:s, s:i, s:s}", "what", what, "instance", id, "status",
            reply->status, "text",
            reply->error ? reply->error
            : said       ? said
                         : "");
    return false;
}

/* ---- Where this process is ---- */

static void
placed(docker *d, const char *network, const char *mount, const char *socket, const char *copy)
{
    d->network = ob_strdup(network);
    d->mount = ob_strdup(mount);
    d->socket = ob_strdup(socket);
    d->copy = ob_strdup(copy);
    d->placed = true;
    ob_info("provider.placed", "{s:s, s:s, s:s}", "network", network, "instances", mount, "copy",
            copy);
}

/* The volume, or the host's path, that a container has at 'path'. */
static const char *mounted(const json_t *container, const char *path)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(container, "Mounts"), i, one)
    {
        const char *to = json_string_value(json_object_get(one, "Destination"));
        const char *name = json_string_value(json_object_get(one, "Name"));
        if (to && strcmp(to, path) == 0)
            return name ? name : json_string_value(json_object_get(one, "Source"));
    }
    return NULL;
}

static void on_self(const calls_reply *reply, void *arg)
{
    docker *d = ((asked *)arg)->d;
    ob_cleanup(ob_freep) char *dir = ob_strf("%s/instances", d->home);
    d->placing = false;
    if (reply->status == 404) { /* in no container */
        placed(d, "host", dir, d->engine, "openbatch");
        return;
    }
    if (!good(reply, "self", ""))
        return;
    json_auto_t *self = json_loadb(reply->body, reply->len, 0, NULL);
    json_t *networks = json_object_get(json_object_get(self, "NetworkSettings"), "Networks");
    json_t *labels = json_object_get(json_object_get(self, "Config"), "Labels");
    const char *network = json_object_iter_key(json_object_iter(networks));
    const char *copy = json_string_value(json_object_get(labels, "com.docker.compose.project"));
    const char *mount = mounted(self, dir), *socket = mounted(self, d->engine);
    if (!network || !mount || !socket)
        ob_warn(
            "provider.self", "{s:s}", "text",
            "this container lacks a network, a volume at its instances, or the engine's socket");
    else
        placed(d, network, mount, socket, copy ? copy : d->self);
}

/* ---- Starting ---- */

static json_t *container_of(const docker *d, const dock_inst *in)
{
    /* The directory's env has all that the executor is to know. */
    ob_cleanup(ob_freep) char *command =
        ob_strf("cd '%s/instances/%s' && set -a && . ./env && set +a && exec openbatch-executor",
                d->home, in->id);
    ob_cleanup(ob_freep) char *bind = ob_strf("%s:%s/instances", d->mount, d->home);
    ob_cleanup(ob_freep) char *socket = ob_strf("%s:/var/run/docker.sock", d->socket);
    return json_pack("{s:s, s:[s,s,s], s:[], s:s, s:s, s:{s:s, s:s}, s:{s:[s,s], s:s, s:s, s:{s:s},"
                     " s:{s:s, s:{s:s, s:s}}}}",
                     "Image", d->image, "Entrypoint", "/bin/sh", "-c", command, "Cmd", "User",
                     "0:0", "Hostname", in->id, "Labels", "openbatch.copy", d->copy,
                     "openbatch.executor", in->id, "HostConfig", "Binds", bind, socket,
                     "NetworkMode", d->network, "PidMode", "host", "RestartPolicy", "Name",
                     "unless-stopped", "LogConfig", "Type", "json-file", "Config", "max-size",
                     "10m", "max-file", "3");
}

static void on_started(const calls_reply *reply, void *arg)
{
    const asked *a = arg;
    dock_inst *in = find(a->d, a->id);
    if (!in)
        return;
    in->asked = false;
    in->next_ms = ob_mono_ms() + AGAIN_MS;
    if (in->phase != PHASE_STARTING)
        return;
    if (reply->status == 404) { /* no such container */
        in->next_ms = 0;
        return;
    }
    if (reply->status != 304 && !good(reply, "start", a->id))
        return;
    in->phase = PHASE_RUNNING;
    ob_info("provider.started", "{s:s}", "instance", a->id);
}

static void start_it(docker *d, dock_inst *in)
{
    in->asked = true;
    ask(d, in->id, "POST", NULL, on_started, "/containers/%s-%s/start", d->copy, in->id);
}

static void on_made(const calls_reply *reply, void *arg)
{
    const asked *a = arg;
    dock_inst *in = find(a->d, a->id);
    if (!in)
        return;
    in->asked = false;
    if (in->phase != PHASE_STARTING)
        return;
    /* 409: it is there. */
    if (reply->status == 409 || good(reply, "create", a->id))
        start_it(a->d, in);
    else
        in->next_ms = ob_mono_ms() + AGAIN_MS;
}

static void make_it(docker *d, dock_inst *in)
{
    json_auto_t *body = container_of(d, in);
    in->asked = true;
    ask(d, in->id, "POST", body, on_made, "/containers/create?name=%s-%s", d->copy, in->id);
}

/* ---- Ending ---- */

static void on_gone(const calls_reply *reply, void *arg)
{
    const asked *a = arg;
    docker *d = a->d;
    dock_inst *in = find(d, a->id);
    if (!in)
        return;
    in->asked = false;
    in->next_ms = ob_mono_ms() + AGAIN_MS;
    if (reply->status != 404 && !good(reply, "remove", a->id))
        return;
    local_dir_remove(d->home, in->id);
    ob_info("provider.removed", "{s:s}", "instance", in->id);
    forget(d, in);
    if (d->removed++ % PRUNE_EVERY == 0)
        local_dir_prune(d->home);
}

static void on_job_removed(const calls_reply *reply, void *arg)
{
    const asked *a = arg;
    if (reply->status != 404 && reply->status != 409)
        (void)good(reply, "remove a job's container", a->id);
}

static void on_jobs(const calls_reply *reply, void *arg)
{
    const asked *a = arg;
    dock_inst *in = find(a->d, a->id);
    if (!in)
        return;
    in->asked = false;
    in->next_ms = ob_mono_ms() + AGAIN_MS;
    if (!good(reply, "list", a->id))
        return;
    json_auto_t *list = json_loadb(reply->body, reply->len, 0, NULL);
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one)
    {
        const char *id = json_string_value(json_object_get(one, "Id"));
        ask(a->d, a->id, "DELETE", NULL, on_job_removed, "/containers/%s?force=1&v=1",
            id ? id : "");
    }
    if (json_array_size(list) > 0)
        return; /* looked at once more */
    in->asked = true;
    ask(a->d, a->id, "DELETE", NULL, on_gone, "/containers/%s-%s?force=1&v=1", a->d->copy, a->id);
}

static void purge_it(docker *d, dock_inst *in)
{
    char filter[256];
    label_filter(filter, sizeof(filter), "openbatch.instance", in->id);
    in->asked = true;
    ask(d, in->id, "GET", NULL, on_jobs, "/containers/json?all=1&filters=%s", filter);
}

static void on_stopped(const calls_reply *reply, void *arg)
{
    const asked *a = arg;
    dock_inst *in = find(a->d, a->id);
    if (!in)
        return;
    in->asked = false;
    /* 304: not running; 409: not running, asked to be killed; 404: not there. */
    if (reply->status == 304 || reply->status == 404 || reply->status == 409 ||
        good(reply, "stop", a->id)) {
        in->phase = PHASE_PURGING;
        in->next_ms = 0;
        a->d->freed = true;
    } else {
        in->next_ms = ob_mono_ms() + AGAIN_MS;
    }
}

static void stop_it(docker *d, dock_inst *in)
{
    in->asked = true;
    if (in->kill)
        ask(d, in->id, "POST", NULL, on_stopped, "/containers/%s-%s/kill", d->copy, in->id);
    else
        ask(d, in->id, "POST", NULL, on_stopped, "/containers/%s-%s/stop?t=%d", d->copy, in->id,
            GRACE_S);
}

/* ---- Looking ---- */

/* What is not running is started again. */
static void on_look(const calls_reply *reply, void *arg)
{
    docker *d = ((asked *)arg)->d;
    d->looking = false;
    if (!good(reply, "list", ""))
        return;
    json_auto_t *list = json_loadb(reply->body, reply->len, 0, NULL);
    json_auto_t *running = json_object();
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one)
    {
        const char *state = json_string_value(json_object_get(one, "State"));
        const char *id = json_string_value(
            json_object_get(json_object_get(one, "Labels"), "openbatch.executor"));
        if (id && state && (strcmp(state, "running") == 0 || strcmp(state, "restarting") == 0))
            (void)json_object_set_new(running, id, json_true());
    }
    for (dock_inst *in = d->insts; in; in = in->hh.next) {
        if (in->phase == PHASE_RUNNING && !in->asked && !json_object_get(running, in->id)) {
            in->phase = PHASE_STARTING;
            in->next_ms = 0;
        }
    }
}

/* Finds what other processes have launched. */
static void scan(docker *d)
{
    ob_cleanup(ob_freep) char *path = ob_strf("%s/instances", d->home);
    DIR *dir = opendir(path);
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        ob_resources size = { 0 };
        if (strncmp(e->d_name, "i-", 2) != 0 || strlen(e->d_name) >= OB_INSTANCE_TEXT ||
            find(d, e->d_name) || !local_dir_complete(d->home, e->d_name))
            continue;
        (void)local_dir_size(d->home, e->d_name, &size);
        (void)add(d, e->d_name, &size);
    }
    if (dir)
        (void)closedir(dir);
}

/* ---- The provider ---- */

static void docker_room(provider *p, provider_room *ret)
{
    const docker *d = (const docker *)p;
    *ret = (provider_room){ .limited = true,
                            .mcpu = (int64_t)d->dirs.vcpus * 1000,
                            .mcpu_left = (int64_t)d->dirs.vcpus * 1000,
                            .mem_mib = d->dirs.mem_mib,
                            .mem_left = d->dirs.mem_mib };
    for (const dock_inst *in = d->insts; in; in = in->hh.next) {
        if (in->phase == PHASE_PURGING)
            continue;
        ret->mcpu_left -= in->size.mcpu;
        ret->mem_left -= in->size.mem_mib;
        if (in->phase == PHASE_STOPPING) {
            ret->mcpu_ending += in->size.mcpu;
            ret->mem_ending += in->size.mem_mib;
        }
    }
}

static void docker_lacking(provider *p, char *out, size_t size)
{
    provider_room room;
    docker_room(p, &room);
    (void)snprintf(out, size,
                   "InsufficientInstanceCapacity: the engine's host has %g of %g vCPUs and %lld "
                   "of %lld MiB left",
                   room.mcpu_left > 0 ? (double)room.mcpu_left / 1000 : 0.0,
                   (double)room.mcpu / 1000, room.mem_left > 0 ? (long long)room.mem_left : 0LL,
                   (long long)room.mem_mib);
}

static const char *docker_refuses(provider *p, ob_arch arch)
{
    (void)p;
    struct utsname host;
    (void)uname(&host);
    bool arm = !strcmp(host.machine, "aarch64") || !strcmp(host.machine, "arm64");
    return arch == (arm ? OB_ARCH_ARM64 : OB_ARCH_X86_64) ? NULL
           : arm                                          ? "the engine's host is arm64"
                                                          : "the engine's host is x86_64";
}

static int docker_launch(provider *p, const provider_launch_spec *spec, ob_error *err)
{
    docker *d = (docker *)p;
    dock_inst *in = find(d, spec->id);
    const char *refused = docker_refuses(p, spec->arch);
    if (in && in->phase >= PHASE_STOPPING)
        return ob_fail_retry(err, EBUSY, "instance %s is ending", spec->id);
    if (refused)
        return ob_fail(err, EINVAL, "%s cannot run here: %s", spec->type, refused);
    if (!in) {
        provider_room room;
        docker_room(p, &room);
        if (room.mcpu_left < spec->size.mcpu || room.mem_left < spec->size.mem_mib) {
            char text[256];
            docker_lacking(p, text, sizeof(text));
            return ob_fail(err, ENOSPC, "%s", text);
        }
    }
    int r = local_dir_write(&d->dirs, spec, err);
    if (r == 0 && !in)
        (void)add(d, spec->id, &spec->size);
    return r;
}

static void docker_terminate(provider *p, const char *id, bool graceful)
{
    docker *d = (docker *)p;
    dock_inst *in = find(d, id);
    if (!in && !local_dir_alive(d->home, id))
        return;
    if (!in)
        in = add(d, id, &(ob_resources){ 0 });
    if (in->phase < PHASE_STOPPING) {
        in->phase = PHASE_STOPPING;
        in->next_ms = 0;
        ob_info("provider.stop", "{s:s, s:b}", "instance", id, "graceful", (int)graceful);
    }
    in->kill = in->kill || !graceful;
}

static void on_interrupted(const calls_reply *reply, void *arg)
{
    (void)good(reply, "interrupt", ((asked *)arg)->id);
}

static int docker_interrupt(provider *p, const char *id, ob_error *err)
{
    docker *d = (docker *)p;
    const dock_inst *in = find(d, id);
    if (!in || in->phase != PHASE_RUNNING)
        return ob_fail(err, ENOENT, "instance %s does not run", id);
    ask(d, id, "POST", NULL, on_interrupted, "/containers/%s-%s/kill?signal=SIGUSR1", d->copy, id);
    return 0;
}

static int docker_has(provider *p, const char *id)
{
    const docker *d = (const docker *)p;
    return find(d, id) && local_dir_complete(d->home, id);
}

static void docker_list(provider *p)
{
    docker *d = (docker *)p;
    scan(d); /* while this process stood by, another has led */
    for (const dock_inst *in = d->insts; in; in = in->hh.next)
        if (in->phase < PHASE_STOPPING)
            p->on.found(in->id, p->on.arg);
}

static void tick_one(docker *d, dock_inst *in, int64_t now_ms)
{
    if (in->asked || now_ms < in->next_ms)
        return;
    switch (in->phase) {
    case PHASE_STARTING:
        make_it(d, in);
        break;
    case PHASE_RUNNING:
        break;
    case PHASE_STOPPING:
        stop_it(d, in);
        break;
    case PHASE_PURGING:
        purge_it(d, in);
        break;
    }
}

static bool docker_tick(provider *p)
{
    docker *d = (docker *)p;
    int64_t now_ms = ob_mono_ms();
    calls_step(d->calls, 0);
    if (!d->placed) {
        if (!d->placing && now_ms >= d->place_at_ms) {
            d->placing = true;
            d->place_at_ms = now_ms + AGAIN_MS;
            ask(d, "", "GET", NULL, on_self, "/containers/%s/json", d->self);
        }
        return false;
    }
    dock_inst *in, *next;
    HASH_ITER(hh, d->insts, in, next)
    tick_one(d, in, now_ms);
    if (d->insts && !d->looking && now_ms >= d->look_at_ms) {
        char filter[256];
        label_filter(filter, sizeof(filter), "openbatch.copy", d->copy);
        d->looking = true;
        d->look_at_ms = now_ms + LOOK_MS;
        ask(d, "", "GET", NULL, on_look, "/containers/json?all=1&filters=%s", filter);
    }
    calls_step(d->calls, 0);
    bool freed = d->freed;
    d->freed = false;
    return freed;
}

static bool docker_busy(const provider *p)
{
    return calls_pending(((const docker *)p)->calls) > 0;
}

static void on_left(const calls_reply *reply, void *arg)
{
    (void)reply;
    (void)arg;
}

/* Executors leave when the scaler is asked to stop; not when it fails. */
static void leave(docker *d)
{
    int64_t end_ms = ob_mono_ms() + LEAVE_MS;
    if (!d->placed || !ob_service_stopping)
        return;
    for (int step = 0; step < 2; step++) {
        for (const dock_inst *in = d->insts; in; in = in->hh.next) {
            if (step == 0)
                ask(d, in->id, "POST", NULL, on_left, "/containers/%s-%s/stop?t=5", d->copy,
                    in->id);
            else
                ask(d, in->id, "DELETE", NULL, on_left, "/containers/%s-%s?force=1", d->copy,
                    in->id);
        }
        while (calls_pending(d->calls) > 0 && ob_mono_ms() < end_ms)
            calls_step(d->calls, 100);
    }
}

static void docker_free(provider *p)
{
    docker *d = (docker *)p;
    dock_inst *in, *next;
    leave(d);
    calls_free(d->calls);
    HASH_ITER(hh, d->insts, in, next)
    forget(d, in);
    free(d->home);
    free(d->run_dir);
    free(d->password_file);
    free(d->image);
    free(d->engine);
    free(d->network);
    free(d->mount);
    free(d->socket);
    free(d->copy);
    free(d);
}

static const provider_ops docker_ops = { .launch = docker_launch,
                                         .terminate = docker_terminate,
                                         .interrupt = docker_interrupt,
                                         .has = docker_has,
                                         .list = docker_list,
                                         .tick = docker_tick,
                                         .busy = docker_busy,
                                         .room = docker_room,
                                         .refuses = docker_refuses,
                                         .lacking = docker_lacking,
                                         .register_ms = 60000,
                                         .free = docker_free };

/* Executors have the volume of the instances, and not that of the secrets. */
static int pass_password(docker *d, const char *from, ob_error *err)
{
    ob_cleanup(ob_freep) char *password = NULL;
    ob_cleanup(ob_freep) char *dir = ob_strf("%s/instances", d->home);
    int r = ob_config_read_secret(from, &password, err);
    if (r < 0)
        return r;
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return ob_fail(err, errno, "%s: %s", dir, strerror(errno));
    d->password_file = ob_strf("%s/kafka.password", dir);
    (void)unlink(d->password_file);
    int fd = open(d->password_file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ssize_t len = (ssize_t)strlen(password);
    bool written = fd >= 0 && write(fd, password, (size_t)len) == len;
    int saved = errno;
    if (fd >= 0 && close(fd) < 0)
        written = false;
    return written ? 0 : ob_fail(err, saved, "%s: %s", d->password_file, strerror(saved));
}

int provider_docker_new(const provider_docker_config *config, provider **ret, ob_error *err)
{
    static const char unix_scheme[] = "unix://";
    struct sysinfo info;
    if (strncmp(config->engine, unix_scheme, strlen(unix_scheme)) != 0)
        return ob_fail(err, EINVAL, "DOCKER_HOST must be a unix socket for the docker provider");
    if (sysinfo(&info) < 0)
        return ob_fail(err, errno, "sysinfo: %s", strerror(errno));
    docker *d = ob_calloc(1, sizeof(*d));
    d->base.ops = &docker_ops;
    d->home = ob_strdup(config->home);
    d->run_dir = ob_strdup(config->run_dir);
    d->image = ob_strdup(config->image);
    d->engine = ob_strdup(config->engine + strlen(unix_scheme));
    d->calls = calls_new(d->engine);
    (void)gethostname(d->self, sizeof(d->self) - 1);
    int r = config->kafka_password_file ? pass_password(d, config->kafka_password_file, err) : 0;
    if (r < 0) {
        docker_free(&d->base);
        return r;
    }
    int64_t twice_mib = 2 * (int64_t)(info.totalram / 1024 * info.mem_unit / 1024);
    d->dirs = (provider_local_config){
        .home = d->home,
        .run_dir = d->run_dir,
        .executor = "openbatch-executor",
        .vcpus = config->vcpus ? config->vcpus : (int32_t)(4 * sysconf(_SC_NPROCESSORS_ONLN)),
        .mem_mib = config->mem_mib              ? config->mem_mib
                   : twice_mib > MEMORY_MIN_MIB ? twice_mib
                                                : MEMORY_MIN_MIB,
        .kafka_password_file = d->password_file,
    };
    scan(d);
    *ret = &d->base;
    return 0;
}
