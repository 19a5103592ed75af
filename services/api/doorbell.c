/* Doorbells: the producer of batch.submissions and batch.commands, and the thread that polls it,
 * creates missing topics and reports whether Kafka answers. A request never waits for Kafka:
 * accepted requests are in the inbox, which is swept. Also the api's heartbeat for its health. */
#include "doorbell.h"

#include <pthread.h>
#include <string.h>

#include "ob/bus.h"
#include "ob/clock.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/service.h"
#include "ob/topics.h"

#define BELL_POLL_MS 200

struct bell {
    ob_bus *bus;
    pthread_t thread;
    bool running;
    atomic_bool stop;
    bool topics_made; /* bell thread only */
    int64_t next_try_ms;
};

void api_ring(api_ctx *ctx, const char *topic, const char *data, size_t len)
{
    ob_error err = { 0 };
    if (ob_bus_send(ctx->bus, OB_POINT_API_RING, topic, -1, NULL, 0, data, len, NULL, &err) < 0)
        ob_debug("doorbell.dropped", "{s:s, s:s}", "topic", topic, "error", err.text);
}

void api_ring_command(api_ctx *ctx)
{
    json_auto_t *message = ob_message_new("command", 0);
    ob_cleanup(ob_freep) char *text = NULL;
    size_t len = ob_message_dump(message, &text);
    api_ring(ctx, OB_TOPIC_COMMANDS, text, len);
}

static void on_bus_event(ob_bus_event event, void *arg)
{
    bell *b = arg;
    switch (event) {
    case OB_BUS_REASSIGNED: /* a topic is unknown: they were wiped */
        b->topics_made = false;
        break;
    case OB_BUS_DOWN:
        ob_warn("kafka.lost", NULL);
        break;
    case OB_BUS_UP:
        ob_info("kafka.reached", NULL);
        b->topics_made = false;
        break;
    }
}

static void on_bus_msg(const ob_bus_msg *msg, void *arg)
{
    (void)msg; /* nothing is assigned on this bus */
    (void)arg;
}

static void *bell_run(void *arg)
{
    bell *b = arg;
    while (!atomic_load(&b->stop)) {
        (void)ob_bus_poll(b->bus, BELL_POLL_MS, 1000);
        bool up = ob_bus_is_up(b->bus);
        ob_health_beat();
        /* Not required, because accepted requests are in the inbox, which is swept. */
        ob_health_set("kafka", false, up, up ? "answers" : "no broker answers");
        if (b->topics_made || ob_mono_ms() < b->next_try_ms)
            continue;
        ob_error err = { 0 };
        b->topics_made = ob_bus_make_topics(b->bus, 2000, &err) == 0;
        b->next_try_ms = ob_mono_ms() + 1000;
        if (!b->topics_made)
            ob_debug("topics.failed", "{s:s}", "error", err.text);
    }
    return NULL;
}

int bell_start(const api_config *config, bell **ret, ob_error *err)
{
    bell *b = *ret = ob_calloc(1, sizeof *b);
    const ob_bus_config bus = {
        .client_id = "openbatch-api", .on_msg = on_bus_msg, .on_event = on_bus_event, .arg = b
    };
    int r = ob_bus_open(&config->common, &bus, &b->bus, err);
    if (r < 0)
        return r;
    int e = pthread_create(&b->thread, NULL, bell_run, b);
    if (e)
        return ob_fail(err, e, "cannot start the doorbell thread: %s", strerror(e));
    b->running = true;
    return 0;
}

ob_bus *bell_bus(bell *b)
{
    return b->bus;
}

void bell_stop(bell *b)
{
    if (!b)
        return;
    atomic_store(&b->stop, true);
    if (b->running)
        (void)pthread_join(b->thread, NULL);
    ob_bus_free(b->bus);
    free(b);
}
