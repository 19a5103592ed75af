/* The calls that create, stop and remove executors' containers (docker_container.h). Never decides
 * which instances exist: provider_docker.c does.
 *
 * Invariants: an instance has one call in progress at a time ('asked'); a reply finds its instance
 * by id, because the instance may be gone by then; the directory is removed last. Loop thread. */
#include "docker_container.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ob/clock.h"
#include "ob/json.h"
#include "ob/log.h"

#define CALL_S 60
#define GRACE_S 10
#define PRUNE_EVERY 20
#define COMPOSE_LABEL "com.docker.compose."

docker_instance *docker_find(const docker *d, const char *id)
{
    docker_instance *in;
    HASH_FIND_STR(d->instances, id, in);
    return in;
}

void docker_forget(docker *d, docker_instance *in)
{
    HASH_DEL(d->instances, in);
    free(in);
}

__attribute__((format(printf, 7, 8))) void docker_ask(docker *d,
                                                      ob_point point,
                                                      const char *id,
                                                      const char *method,
                                                      const json_t *body,
                                                      ob_http_on_reply on_reply,
                                                      const char *fmt,
                                                      ...)
{
    char path[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(path, sizeof(path), fmt, args);
    va_end(args);
    ob_cleanup(ob_freep) char *versioned = ob_strf("%s%s", d->api, path);
    docker_asked *arg = ob_calloc(1, sizeof(*arg));
    arg->d = d;
    (void)snprintf(arg->id, sizeof(arg->id), "%s", id);
    (void)ob_http_send(d->http, point,
                       &(ob_http_request){ .method = method,
                                           .path = versioned,
                                           .json = body,
                                           .timeout_s = CALL_S,
                                           .on_reply = on_reply,
                                           .arg = arg,
                                           .free_arg = free });
}

/* Only these characters need an escape. */
void docker_label_filter(char *out, size_t size, const char *label, const char *value)
{
    (void)snprintf(out, size, "%%7B%%22label%%22%%3A%%5B%%22%s%%3D%s%%22%%5D%%7D", label, value);
}

bool docker_good(const ob_http_reply *reply, const char *what, const char *id)
{
    if (reply->status >= 200 && reply->status < 300)
        return true;
    json_auto_t *body = ob_json_read(reply->body, reply->len);
    const char *said = json_string_value(json_object_get(body, "message"));
    ob_warn("engine.refused", "{s:s, s:s, s:i, s:s}", "what", what, "instance", id, "status",
            reply->status, "error",
            reply->error ? reply->error
            : said       ? said
                         : "");
    return false;
}

/* ---- Which engine it is, and where this process is ---- */

static void
placed(docker *d, const char *network, const char *mount, const char *socket, const char *copy)
{
    d->network = ob_strdup(network);
    d->mount = ob_strdup(mount);
    d->socket = ob_strdup(socket);
    d->copy = ob_strdup(copy);
    d->placed = true;
    ob_info("provider.located", "{s:s, s:s, s:s}", "network", network, "instances", mount, "copy",
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

/* The mount of a container that a path is in; NULL: none. */
static const json_t *mount_of(const json_t *container, const char *path)
{
    size_t i, best = 0;
    json_t *one, *found = NULL;
    json_array_foreach(json_object_get(container, "Mounts"), i, one)
    {
        const char *to = json_string_value(json_object_get(one, "Destination"));
        size_t len = to ? strlen(to) : 0;
        if (len > best && strncmp(path, to, len) == 0 && (path[len] == '/' || !path[len])) {
            best = len;
            found = one;
        }
    }
    return found;
}

/* Files and folders in executors' settings are mounted for them at the same path. Paths below this
 * copy's home are not: executors have the instances there and must not have the secrets */
static void share(docker *d, const json_t *self)
{
    static const char *const settings[] = { "OPENBATCH_SECRETS_DIR", "OPENBATCH_DOCKER_CONFIG",
                                            "OPENBATCH_KAFKA_SETTINGS" };
    size_t home = strlen(d->home), i, at;
    json_t *one;
    d->shared = json_array();
    for (i = 0; i < ARRAY_SIZE(settings); i++) {
        const char *path = getenv(settings[i]);
        const json_t *mount = path ? mount_of(self, path) : NULL;
        const char *to = json_string_value(json_object_get(mount, "Destination"));
        const char *name = json_string_value(json_object_get(mount, "Name"));
        const char *from = name ? name : json_string_value(json_object_get(mount, "Source"));
        if (!to || !from || (strncmp(to, d->home, home) == 0 && to[home] == '/'))
            continue;
        ob_cleanup(ob_freep) char *bind = ob_strf("%s:%s:ro", from, to);
        bool there = false;
        json_array_foreach(d->shared, at, one) there =
            there || strcmp(json_string_value(one), bind) == 0;
        if (!there)
            (void)json_array_append_new(d->shared, ob_json_text(bind));
    }
}

static void on_self(const ob_http_reply *reply, void *arg)
{
    docker *d = ((docker_asked *)arg)->d;
    ob_cleanup(ob_freep) char *dir = ob_strf("%s/instances", d->home);
    d->placing = false;
    if (reply->status == 404) { /* in no container */
        placed(d, "host", dir, d->engine, "openbatch");
        return;
    }
    if (!docker_good(reply, "self", ""))
        return;
    json_auto_t *self = ob_json_read(reply->body, reply->len);
    json_t *networks = json_object_get(json_object_get(self, "NetworkSettings"), "Networks");
    json_t *labels = json_object_get(json_object_get(self, "Config"), "Labels");
    const char *network = json_object_iter_key(json_object_iter(networks));
    const char *project = json_string_value(json_object_get(labels, COMPOSE_LABEL "project"));
    const char *mount = mounted(self, dir), *socket = mounted(self, d->engine);
    if (!network || !mount || !socket)
        ob_warn("provider.unlocated", "{s:s}", "error",
                "this container has no network, no volume for its instances, or no engine socket");
    else
        placed(d, network, mount, socket, project ? project : d->self);
    if (d->placed)
        share(d, self);
    if (d->placed && project)
        d->project = ob_strdup(project);
}

static void on_version(const ob_http_reply *reply, void *arg)
{
    docker *d = ((docker_asked *)arg)->d;
    if (!docker_good(reply, "version", "")) {
        d->placing = false;
        return;
    }
    json_auto_t *version = ob_json_read(reply->body, reply->len);
    ob_docker_api(version, d->api);
    docker_ask(d, OB_POINT_NONE, "", "GET", NULL, on_self, "/containers/%s/json", d->self);
}

void docker_place(docker *d)
{
    d->placing = true;
    docker_ask(d, OB_POINT_NONE, "", "GET", NULL, on_version, "/version");
}

/* ---- Starting ---- */

/* Made as by `docker compose run executor`: so `up` leaves it alone, and a `down` that finds the
 * scaler dead removes it. */
static void add_compose_labels(json_t *labels, const char *project)
{
    static const char *const set[][2] = { { COMPOSE_LABEL "service", "executor" },
                                          { COMPOSE_LABEL "oneoff", "True" },
                                          { COMPOSE_LABEL "container-number", "1" },
                                          { COMPOSE_LABEL "config-hash", "none" } };
    (void)json_object_set_new(labels, COMPOSE_LABEL "project", ob_json_text(project));
    for (size_t i = 0; i < ARRAY_SIZE(set); i++)
        (void)json_object_set_new(labels, set[i][0], ob_json_text(set[i][1]));
}

static json_t *container_of(const docker *d, const docker_instance *in)
{
    /* The directory's env has all settings of the executor. */
    ob_cleanup(ob_freep) char *command =
        ob_strf("cd '%s/instances/%s' && set -a && . ./env && set +a && exec openbatch-executor",
                d->home, in->id);
    ob_cleanup(ob_freep) char *bind = ob_strf("%s:%s/instances", d->mount, d->home);
    ob_cleanup(ob_freep) char *socket = ob_strf("%s:/var/run/docker.sock", d->socket);
    ob_cleanup(ob_freep) char *copy = ob_strf("OPENBATCH_COPY=%s", d->project ? d->project : "");
    json_t *binds = json_pack("[o,o]", ob_json_text(bind), ob_json_text(socket));
    (void)json_array_extend(binds, d->shared);
    json_t *labels = json_pack("{s:o, s:o}", "openbatch.copy", ob_json_text(d->copy),
                               "openbatch.executor", ob_json_text(in->id));
    if (d->project)
        add_compose_labels(labels, d->project);
    json_t *host = json_pack(
        "{s:o, s:o, s:o, s:{s:o}, s:{s:o, s:{s:o, s:o}}}", "Binds", binds, "NetworkMode",
        ob_json_text(d->network), "PidMode", ob_json_text("host"), "RestartPolicy", "Name",
        ob_json_text("unless-stopped"), "LogConfig", "Type", ob_json_text("json-file"), "Config",
        "max-size", ob_json_text("10m"), "max-file", ob_json_text("3"));
    return json_pack("{s:o, s:[o,o,o], s:[], s:o, s:o, s:[o], s:o, s:o}", "Image",
                     ob_json_text(d->image), "Entrypoint", ob_json_text("/bin/sh"),
                     ob_json_text("-c"), ob_json_text(command), "Cmd", "User", ob_json_text("0:0"),
                     "Hostname", ob_json_text(in->id), "Env", ob_json_text(copy), "Labels", labels,
                     "HostConfig", host);
}

static void on_started(const ob_http_reply *reply, void *arg)
{
    const docker_asked *a = arg;
    docker_instance *in = docker_find(a->d, a->id);
    if (!in)
        return;
    in->asked = false;
    in->next_ms = ob_mono_ms() + DOCKER_AGAIN_MS;
    if (in->phase != PHASE_STARTING)
        return;
    if (reply->status == 404) { /* no such container */
        in->next_ms = 0;
        return;
    }
    if (reply->status != 304 && !docker_good(reply, "start", a->id))
        return;
    in->phase = PHASE_RUNNING;
    ob_info("instance.started", "{s:s}", "instance", a->id);
}

static void start_it(docker *d, docker_instance *in)
{
    in->asked = true;
    docker_ask(d, OB_POINT_SCALER_DOCKER_START, in->id, "POST", NULL, on_started,
               "/containers/%s-%s/start", d->copy, in->id);
}

static void on_made(const ob_http_reply *reply, void *arg)
{
    const docker_asked *a = arg;
    docker_instance *in = docker_find(a->d, a->id);
    if (!in)
        return;
    in->asked = false;
    if (in->phase != PHASE_STARTING)
        return;
    /* 409: it is there. */
    if (reply->status == 409 || docker_good(reply, "create", a->id))
        start_it(a->d, in);
    else
        in->next_ms = ob_mono_ms() + DOCKER_AGAIN_MS;
}

void docker_make(docker *d, docker_instance *in)
{
    json_auto_t *body = container_of(d, in);
    in->asked = true;
    docker_ask(d, OB_POINT_SCALER_DOCKER_CREATE, in->id, "POST", body, on_made,
               "/containers/create?name=%s-%s", d->copy, in->id);
}

/* ---- Ending ---- */

static void on_gone(const ob_http_reply *reply, void *arg)
{
    const docker_asked *a = arg;
    docker *d = a->d;
    docker_instance *in = docker_find(d, a->id);
    if (!in)
        return;
    in->asked = false;
    in->next_ms = ob_mono_ms() + DOCKER_AGAIN_MS;
    if (reply->status != 404 && !docker_good(reply, "remove", a->id))
        return;
    instance_dir_remove(d->home, in->id);
    ob_info("instance.removed", "{s:s}", "instance", in->id);
    docker_forget(d, in);
    if (d->removed++ % PRUNE_EVERY == 0)
        instance_dir_prune(d->home);
}

static void on_job_removed(const ob_http_reply *reply, void *arg)
{
    const docker_asked *a = arg;
    if (reply->status != 404 && reply->status != 409)
        (void)docker_good(reply, "remove a job's container", a->id);
}

void docker_remove_job(docker *d, const char *container, const char *instance)
{
    docker_ask(d, OB_POINT_SCALER_DOCKER_REMOVE_JOB, instance, "DELETE", NULL, on_job_removed,
               "/containers/%s?force=1&v=1", container);
}

static void on_jobs(const ob_http_reply *reply, void *arg)
{
    const docker_asked *a = arg;
    docker_instance *in = docker_find(a->d, a->id);
    if (!in)
        return;
    in->asked = false;
    in->next_ms = ob_mono_ms() + DOCKER_AGAIN_MS;
    if (!docker_good(reply, "list", a->id))
        return;
    json_auto_t *list = ob_json_read(reply->body, reply->len);
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one)
    {
        const char *id = json_string_value(json_object_get(one, "Id"));
        docker_remove_job(a->d, id ? id : "", a->id);
    }
    if (json_array_size(list) > 0)
        return; /* looked at once more */
    in->asked = true;
    docker_ask(a->d, OB_POINT_SCALER_DOCKER_REMOVE, a->id, "DELETE", NULL, on_gone,
               "/containers/%s-%s?force=1&v=1", a->d->copy, a->id);
}

void docker_purge(docker *d, docker_instance *in)
{
    char filter[256];
    docker_label_filter(filter, sizeof(filter), "openbatch.instance", in->id);
    in->asked = true;
    docker_ask(d, OB_POINT_NONE, in->id, "GET", NULL, on_jobs, "/containers/json?all=1&filters=%s",
               filter);
}

static void on_stopped(const ob_http_reply *reply, void *arg)
{
    const docker_asked *a = arg;
    docker_instance *in = docker_find(a->d, a->id);
    if (!in)
        return;
    in->asked = false;
    /* 304: not running; 409: not running, asked to be killed; 404: not there. */
    if (reply->status == 304 || reply->status == 404 || reply->status == 409 ||
        docker_good(reply, "stop", a->id)) {
        in->phase = PHASE_PURGING;
        in->next_ms = 0;
        a->d->freed = true;
    } else {
        in->next_ms = ob_mono_ms() + DOCKER_AGAIN_MS;
    }
}

void docker_stop(docker *d, docker_instance *in)
{
    in->asked = true;
    if (in->kill)
        docker_ask(d, OB_POINT_SCALER_DOCKER_KILL, in->id, "POST", NULL, on_stopped,
                   "/containers/%s-%s/kill", d->copy, in->id);
    else
        docker_ask(d, OB_POINT_SCALER_DOCKER_STOP, in->id, "POST", NULL, on_stopped,
                   "/containers/%s-%s/stop?t=%d", d->copy, in->id, GRACE_S);
}
