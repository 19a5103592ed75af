/* A service's health: its own reports, and the socket that serves them. Owns the socket's path and
 * one thread. Never checks a dependency itself: only the service's own work shows whether it
 * answers. One lock for all of the state; functions may be called from any thread. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ob/clock.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/service.h"
#include "service_internal.h"

#define BEAT_SILENCE_MS 10000
#define WRITE_TIMEOUT_S 1

static struct {
    pthread_mutex_t lock;
    json_t *depends; /* name -> {ok, required, text} */
    json_t *info;
    int64_t last_beat_ms; /* 0: no heartbeat of a loop yet */
    bool has_leader, leader;

    bool serving;
    pthread_t thread;
    int listen_fd, stop_fd;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
} health = { .lock = PTHREAD_MUTEX_INITIALIZER, .listen_fd = -1, .stop_fd = -1 };

void ob_health_beat(void)
{
    (void)pthread_mutex_lock(&health.lock);
    health.last_beat_ms = ob_mono_ms();
    (void)pthread_mutex_unlock(&health.lock);
}

void ob_health_set(const char *dependency, bool required, bool ok, const char *text)
{
    json_t *value = json_pack("{s:b, s:b}", "ok", (int)ok, "required", (int)required);
    if (text)
        (void)json_object_set_new(value, "text", ob_json_text(text));
    (void)pthread_mutex_lock(&health.lock);
    if (!health.depends)
        health.depends = json_object();
    (void)json_object_set_new(health.depends, dependency, value);
    (void)pthread_mutex_unlock(&health.lock);
}

void ob_health_leader(bool leader)
{
    (void)pthread_mutex_lock(&health.lock);
    health.has_leader = true;
    health.leader = leader;
    (void)pthread_mutex_unlock(&health.lock);
}

void ob_health_info(const char *name, json_t *value)
{
    (void)pthread_mutex_lock(&health.lock);
    if (!health.info)
        health.info = json_object();
    (void)json_object_set_new(health.info, name, value);
    (void)pthread_mutex_unlock(&health.lock);
}

/* The figures about the process itself. */
static void add_own_info(json_t *info)
{
    int64_t by_ms, ago_ms;
    if (ob_log_dropped() > 0)
        (void)json_object_set_new(info, "logLinesDropped",
                                  json_integer((json_int_t)ob_log_dropped()));
    if (ob_wall_jumped(&by_ms, &ago_ms))
        (void)json_object_set_new(info, "clockJump",
                                  json_pack("{s:I, s:I}", "byMs", (json_int_t)by_ms, "secondsAgo",
                                            (json_int_t)(ago_ms / 1000)));
}

json_t *ob_health_object(void)
{
    (void)pthread_mutex_lock(&health.lock);
    /* Before the first report the service is still starting. */
    bool ok = health.last_beat_ms || json_object_size(health.depends) > 0;
    bool starting = !ok;
    const char *name;
    json_t *dependency;
    json_object_foreach(health.depends, name, dependency)
    {
        if (json_is_true(json_object_get(dependency, "required")) &&
            !json_is_true(json_object_get(dependency, "ok")))
            ok = false;
    }
    bool silent = health.last_beat_ms && ob_mono_ms() - health.last_beat_ms > BEAT_SILENCE_MS;
    if (silent)
        ok = false;

    json_t *out = json_pack("{s:o, s:i, s:b}", "service", ob_json_text(service_name_get()), "pid",
                            (int)getpid(), "ok", (int)ok);
    if (starting)
        (void)json_object_set_new(out, "starting", json_true());
    if (silent)
        (void)json_object_set_new(out, "loop", ob_json_text("silent"));
    if (health.has_leader)
        (void)json_object_set_new(out, "leader", json_boolean(health.leader));
    /* Copies: the values may be replaced while the caller reads. */
    json_t *depends = health.depends ? json_deep_copy(health.depends) : json_object();
    json_t *info = health.info ? json_deep_copy(health.info) : json_object();
    (void)pthread_mutex_unlock(&health.lock);
    add_own_info(info);
    (void)json_object_set_new(out, "depends", depends);
    (void)json_object_set_new(out, "info", info);
    return out;
}

static void answer(int fd)
{
    json_auto_t *object = ob_health_object();
    ob_cleanup(ob_freep) char *text = json_dumps(object, JSON_COMPACT);
    if (!text)
        return;
    size_t len = strlen(text);
    text[len++] = '\n'; /* over the NUL: the length is known */
    const struct timeval limit = { .tv_sec = WRITE_TIMEOUT_S };
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    for (size_t at = 0; at < len;) {
        ssize_t n = send(fd, text + at, len - at, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        at += (size_t)n;
    }
}

static void *serve(void *unused)
{
    for (;;) {
        struct pollfd fds[2] = { { .fd = health.listen_fd, .events = POLLIN },
                                 { .fd = health.stop_fd, .events = POLLIN } };
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return NULL;
        if (fds[1].revents)
            return NULL;
        if (!fds[0].revents)
            continue;
        int fd = accept4(health.listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            answer(fd);
            (void)close(fd);
        } else if (errno == EMFILE || errno == ENFILE) {
            (void)poll(&fds[1], 1, 100); /* not a busy loop while descriptors are out */
        }
    }
}

static void close_fds(void)
{
    if (health.listen_fd >= 0)
        (void)close(health.listen_fd);
    if (health.stop_fd >= 0)
        (void)close(health.stop_fd);
    health.listen_fd = health.stop_fd = -1;
}

static int listen_at(const char *path, ob_error *err)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    memcpy(address.sun_path, path, strlen(path) + 1);
    health.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    health.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (health.listen_fd < 0 || health.stop_fd < 0)
        return ob_fail(err, errno, "health socket: %s", strerror(errno));
    /* A killed predecessor leaves its socket behind. */
    if (unlink(path) < 0 && errno != ENOENT)
        return ob_fail(err, errno, "%s: %s", path, strerror(errno));
    if (bind(health.listen_fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        chmod(path, 0600) < 0 || listen(health.listen_fd, 16) < 0)
        return ob_fail(err, errno, "%s: %s", path, strerror(errno));
    return 0;
}

int ob_health_start(const char *run_dir, const char *name, ob_error *err)
{
    if (health.serving)
        return ob_fail(err, EALREADY, "the health socket is open already");
    int n = snprintf(health.path, sizeof(health.path), "%s/%s.health", run_dir, name);
    if (n < 0 || (size_t)n >= sizeof(health.path))
        return ob_fail(err, ENAMETOOLONG, "%s is too long for a unix socket", run_dir);
    int r = listen_at(health.path, err);
    if (r == 0) {
        int e = pthread_create(&health.thread, NULL, serve, NULL);
        if (e)
            r = ob_fail(err, e, "health thread: %s", strerror(e));
    }
    if (r < 0)
        close_fds();
    else
        health.serving = true;
    return r;
}

void ob_health_stop(void)
{
    if (health.serving) {
        uint64_t one = 1;
        (void)!write(health.stop_fd, &one, sizeof(one));
        (void)pthread_join(health.thread, NULL);
        (void)unlink(health.path);
        close_fds();
        health.serving = false;
    }
    (void)pthread_mutex_lock(&health.lock);
    json_decref(health.depends);
    json_decref(health.info);
    health.depends = health.info = NULL;
    health.last_beat_ms = 0;
    health.has_leader = false;
    (void)pthread_mutex_unlock(&health.lock);
}
