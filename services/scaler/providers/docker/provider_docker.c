/* The docker provider: each instance is an executor in its own container on the engine that the
 * scaler reaches, and stands for an instance of its type (docs/compose.md). Owns the list of its
 * instances. The instance directories are the truth, as with the local provider: executors find
 * theirs in the volume (or directory) that the scaler has at <home>/instances. A missing container
 * is made again from its directory, so the scaler removes all of them when it is asked to stop;
 * otherwise they would keep a composed network in use. Jobs' containers keep running.
 *
 * Invariants: nominal sizes stay within the configured capacity; an ended instance leaves no
 * container, and its directory is removed only after that. Loop thread; only docker_free waits for
 * anything. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "docker_container.h"
#include "ob/clock.h"
#include "ob/config.h"
#include "ob/file.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/service.h"
#include "ob/text.h"
#include "provider_docker.h"

#define LOOK_MS 2000
#define LEAVE_MS 20000
#define BODY_MAX (16u << 20)

static docker_instance *add(docker *d, const char *id, const ob_resources *size)
{
    docker_instance *in = ob_calloc(1, sizeof(*in));
    (void)snprintf(in->id, sizeof(in->id), "%s", id);
    in->size = *size;
    HASH_ADD_STR(d->instances, id, in);
    return in;
}

/* ---- Looking ---- */

/* Jobs' containers whose instance has no directory: from a copy with this name that was deleted
 * while they ran (`down -v`). An instance that ends removes its own containers before its
 * directory. */
static void remove_strays(docker *d, const json_t *list)
{
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one)
    {
        const json_t *labels = json_object_get(one, "Labels");
        const char *run = json_string_value(json_object_get(labels, "openbatch.run"));
        const char *instance = json_string_value(json_object_get(labels, "openbatch.instance"));
        const char *id = json_string_value(json_object_get(one, "Id"));
        if (!run || !instance || !id || instance_dir_alive(d->home, instance))
            continue;
        ob_info("stray.removed", "{s:s, s:s}", "instance", instance, "run", run);
        docker_remove_job(d, id, instance);
    }
}

/* Instances that do not run are started again. */
static void on_look(const ob_http_reply *reply, void *arg)
{
    docker *d = ((docker_asked *)arg)->d;
    d->looking = false;
    if (!docker_good(reply, "list", ""))
        return;
    json_auto_t *list = ob_json_read(reply->body, reply->len);
    if (!json_is_array(list)) /* what it lacks may be there */
        return;
    if (!d->looked && d->project)
        remove_strays(d, list);
    d->looked = true;
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
    for (docker_instance *in = d->instances; in; in = in->hh.next) {
        if (in->phase == PHASE_RUNNING && !in->asked && !json_object_get(running, in->id)) {
            in->phase = PHASE_STARTING;
            in->next_ms = 0;
        }
    }
}

/* Finds instances that other processes have launched. */
static void scan(docker *d)
{
    ob_cleanup(ob_freep) char *path = ob_strf("%s/instances", d->home);
    DIR *dir = opendir(path);
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        ob_resources size = { 0 };
        if (strncmp(e->d_name, "i-", 2) != 0 || strlen(e->d_name) >= OB_INSTANCE_TEXT ||
            docker_find(d, e->d_name) || !instance_dir_complete(d->home, e->d_name))
            continue;
        (void)instance_dir_size(d->home, e->d_name, &size);
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
                            .mcpu = d->size.vcpus * 1000,
                            .mcpu_left = d->size.vcpus * 1000,
                            .mem_mib = d->size.memory_mib,
                            .mem_left = d->size.memory_mib };
    for (const docker_instance *in = d->instances; in; in = in->hh.next) {
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

static void
docker_lacking(provider *p, const char *type, const ob_resources *nominal, char *out, size_t size)
{
    provider_room room;
    char text[256];
    docker_room(p, &room);
    provider_room_text(p, &room, type, nominal, false, text, sizeof(text));
    ob_text_format(out, size, "InsufficientInstanceCapacity: %s", text);
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
    docker_instance *in = docker_find(d, spec->id);
    const char *refused = docker_refuses(p, spec->arch);
    if (in && in->phase >= PHASE_STOPPING)
        return ob_fail_retry(err, EBUSY, "instance %s is ending", spec->id);
    if (refused)
        return ob_fail(err, EINVAL, "%s cannot run here: %s", spec->type, refused);
    if (!in) {
        provider_room room;
        docker_room(p, &room);
        if (room.mcpu_left < spec->size.mcpu || room.mem_left < spec->size.mem_mib) {
            char text[300];
            docker_lacking(p, spec->type, &spec->size, text, sizeof(text));
            return ob_fail(err, ENOSPC, "%s", text);
        }
    }
    int r = instance_dir_write(&d->dirs, spec, err);
    if (r == 0 && !in)
        (void)add(d, spec->id, &spec->size);
    return r;
}

static void docker_terminate(provider *p, const char *id, bool graceful)
{
    docker *d = (docker *)p;
    docker_instance *in = docker_find(d, id);
    if (!in && !instance_dir_alive(d->home, id))
        return;
    if (!in)
        in = add(d, id, &(ob_resources){ 0 });
    if (in->phase < PHASE_STOPPING) {
        in->phase = PHASE_STOPPING;
        in->next_ms = 0;
        ob_info("instance.stopped", "{s:s, s:b}", "instance", id, "graceful", (int)graceful);
    }
    in->kill = in->kill || !graceful;
}

static void on_interrupted(const ob_http_reply *reply, void *arg)
{
    (void)docker_good(reply, "interrupt", ((docker_asked *)arg)->id);
}

static int docker_interrupt(provider *p, const char *id, ob_error *err)
{
    docker *d = (docker *)p;
    const docker_instance *in = docker_find(d, id);
    if (!in || in->phase != PHASE_RUNNING)
        return ob_fail(err, ENOENT, "instance %s is not running", id);
    docker_ask(d, OB_POINT_SCALER_DOCKER_INTERRUPT, id, "POST", NULL, on_interrupted,
               "/containers/%s-%s/kill?signal=SIGUSR1", d->copy, id);
    return 0;
}

static int docker_has(provider *p, const char *id)
{
    const docker *d = (const docker *)p;
    return docker_find(d, id) && instance_dir_complete(d->home, id);
}

static void docker_list(provider *p)
{
    docker *d = (docker *)p;
    scan(d); /* another process led while this one was on standby */
    for (const docker_instance *in = d->instances; in; in = in->hh.next)
        if (in->phase < PHASE_STOPPING)
            p->on.found(in->id, p->on.arg);
}

static void tick_one(docker *d, docker_instance *in, int64_t now_ms)
{
    if (in->asked || now_ms < in->next_ms)
        return;
    switch (in->phase) {
    case PHASE_STARTING:
        docker_make(d, in);
        break;
    case PHASE_RUNNING:
        break;
    case PHASE_STOPPING:
        docker_stop(d, in);
        break;
    case PHASE_PURGING:
        docker_purge(d, in);
        break;
    }
}

static bool docker_tick(provider *p)
{
    docker *d = (docker *)p;
    int64_t now_ms = ob_mono_ms();
    ob_http_step(d->http, 0);
    if (!d->placed) {
        if (!d->placing && now_ms >= d->place_at_ms) {
            d->place_at_ms = now_ms + DOCKER_AGAIN_MS;
            docker_place(d);
        }
        return false;
    }
    docker_instance *in, *next;
    HASH_ITER(hh, d->instances, in, next)
    tick_one(d, in, now_ms);
    if ((d->instances || !d->looked) && !d->looking && now_ms >= d->look_at_ms) {
        char filter[256];
        docker_label_filter(filter, sizeof(filter), "openbatch.copy", d->copy);
        d->looking = true;
        d->look_at_ms = now_ms + LOOK_MS;
        docker_ask(d, OB_POINT_NONE, "", "GET", NULL, on_look, "/containers/json?all=1&filters=%s",
                   filter);
    }
    ob_http_step(d->http, 0);
    bool freed = d->freed;
    d->freed = false;
    return freed;
}

static bool docker_busy(const provider *p)
{
    return ob_http_busy(((const docker *)p)->http);
}

static void on_left(const ob_http_reply *reply, void *arg)
{
    (void)reply;
    (void)arg;
}

/* Executors are removed when the scaler is asked to stop, not when it fails. */
static void leave(docker *d)
{
    int64_t end_ms = ob_mono_ms() + LEAVE_MS;
    if (!d->placed || !ob_service_stopping)
        return;
    for (int step = 0; step < 2; step++) {
        for (const docker_instance *in = d->instances; in; in = in->hh.next) {
            if (step == 0)
                docker_ask(d, OB_POINT_SCALER_DOCKER_LEAVE, in->id, "POST", NULL, on_left,
                           "/containers/%s-%s/stop?t=5", d->copy, in->id);
            else
                docker_ask(d, OB_POINT_SCALER_DOCKER_LEFT, in->id, "DELETE", NULL, on_left,
                           "/containers/%s-%s?force=1", d->copy, in->id);
        }
        while (ob_http_busy(d->http) && ob_mono_ms() < end_ms)
            ob_http_step(d->http, 100);
    }
}

static void docker_free(provider *p)
{
    docker *d = (docker *)p;
    docker_instance *in, *next;
    leave(d);
    ob_http_free(d->http);
    HASH_ITER(hh, d->instances, in, next)
    docker_forget(d, in);
    free(d->home);
    free(d->run_dir);
    free(d->password_file);
    free(d->image);
    free(d->engine);
    free(d->network);
    free(d->mount);
    free(d->socket);
    free(d->copy);
    free(d->project);
    json_decref(d->shared);
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
                                         .name = "the engine's host",
                                         .register_ms = 60000,
                                         .free = docker_free };

/* Executors get the volume of the instances, but not that of the secrets. */
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
    r = ob_file_write(OB_POINT_SCALER_FILE_PASSWORD, d->password_file, 0600, password, false, err);
    explicit_bzero(password, strlen(password));
    return r;
}

static int docker_make_provider(const void *settings,
                                const provider_context *context,
                                provider **ret,
                                ob_error *err)
{
    static const char unix_scheme[] = "unix://";
    const docker_settings *set = settings;
    host_size size = set->size;
    if (strncmp(set->engine, unix_scheme, strlen(unix_scheme)) != 0)
        return ob_fail(err, EINVAL, "DOCKER_HOST must be a unix socket for the docker provider");
    int r = host_size_complete(&size, err);
    if (r < 0)
        return r;
    docker *d = ob_calloc(1, sizeof(*d));
    d->base.ops = &docker_ops;
    d->size = size;
    d->home = ob_strdup(context->home);
    d->run_dir = ob_strdup(context->run_dir);
    d->image = ob_strdup(set->image);
    d->engine = ob_strdup(set->engine + strlen(unix_scheme));
    (void)gethostname(d->self, sizeof(d->self) - 1);
    r = ob_http_new(
        &(ob_http_options){ .base = "http://engine", .socket = d->engine, .body_max = BODY_MAX },
        &d->http, err);
    if (r == 0 && context->kafka_password_file)
        r = pass_password(d, context->kafka_password_file, err);
    if (r < 0) {
        docker_free(&d->base);
        return r;
    }
    d->dirs = (instance_dir_config){ .home = d->home,
                                     .run_dir = d->run_dir,
                                     .executor = "openbatch-executor",
                                     .kafka_password_file = d->password_file };
    scan(d);
    *ret = &d->base;
    return 0;
}

static const ob_config_field docker_fields[] = {
    HOST_SIZE_FIELDS(offsetof(docker_settings, size)),
    { "DOCKER_HOST", OB_CONFIG_STRING, offsetof(docker_settings, engine),
      "unix:///var/run/docker.sock", "the container engine of the docker provider" },
    { "OPENBATCH_DOCKER_IMAGE", OB_CONFIG_STRING, offsetof(docker_settings, image),
      "openbatch/executor", "image of the docker provider's executors" },
    { 0 },
};

const provider_kind provider_docker = { .name = "docker",
                                        .about = "executors in containers",
                                        .on_this_host = true,
                                        .ops = &docker_ops,
                                        .settings = docker_fields,
                                        .settings_size = sizeof(docker_settings),
                                        .make = docker_make_provider };
