/* A service's health: its own reports, and the socket that serves them. Never checks a dependency
 * itself: only the service's own work shows whether it answers. One lock for all of the state;
 * functions may be called from any thread. */
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "local_socket.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/service.h"
#include "service_internal.h"

#define BEAT_SILENCE_MS 10000

static struct {
    pthread_mutex_t lock;
    json_t *depends; /* name -> {ok, required, text} */
    json_t *info;
    int64_t last_beat_ms; /* 0: no heartbeat of a loop yet */
    bool has_leader, leader;
    local_socket *socket; /* of the thread that starts and stops it */
} health = { .lock = PTHREAD_MUTEX_INITIALIZER };

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
    local_socket_send(fd, text, len);
}

int ob_health_start(const char *run_dir, const char *name, ob_error *err)
{
    if (health.socket)
        return ob_fail(err, EALREADY, "the health socket is open already");
    ob_cleanup(ob_freep) char *file = ob_strf("%s.health", name);
    return local_socket_start(run_dir, file, answer, &health.socket, err);
}

void ob_health_stop(void)
{
    local_socket_stop(health.socket);
    health.socket = NULL;
    (void)pthread_mutex_lock(&health.lock);
    json_decref(health.depends);
    json_decref(health.info);
    health.depends = health.info = NULL;
    health.last_beat_ms = 0;
    health.has_leader = false;
    (void)pthread_mutex_unlock(&health.lock);
}
