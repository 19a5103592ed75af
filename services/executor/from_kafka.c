/* Passes on messages and events of Kafka: placements to placement.c, and from there in order to
 * attempts.c; results of sent messages to heartbeat.c and output.c. Creates the bus; parts.c frees
 * it. Thread: the loop's. */
#include "from_kafka.h"

#include <openssl/crypto.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "departure.h"
#include "join.h"
#include "ob/clock.h"
#include "ob/log.h"
#include "ob/service.h"

#define POLL_MESSAGES 500
#define FOREIGN_WARN_MS 60000

/* ---- what the scheduler asks for ---- */

static void on_advance(placement_position last, void *arg)
{
    executor *x = arg;
    spool_set(x->spool, "last", "at",
              json_pack("[I, I]", (json_int_t)last.epoch, (json_int_t)last.seq), true);
}

static void on_run(const char *run, int attempt_no, json_t *spec, void *arg)
{
    attempts_run(&((executor *)arg)->attempts, run, attempt_no, spec);
}

static void on_stop(const char *run, int grace_s, void *arg)
{
    attempts_stop(&((executor *)arg)->attempts, run, grace_s);
}

static void on_confirm(const char *run, void *arg)
{
    attempts_confirm(&((executor *)arg)->attempts, run);
}

static void on_sync(void *arg)
{
    executor *x = arg;
    ob_info("sync.received", NULL);
    heartbeat_register(x->heartbeat);
}

static void on_leave(void *arg)
{
    departure_ordered(arg);
}

placement_sink from_scheduler(executor *x)
{
    return (placement_sink){ .advance = on_advance,
                             .confirm = on_confirm,
                             .stop = on_stop,
                             .run = on_run,
                             .sync = on_sync,
                             .leave = on_leave,
                             .arg = x };
}

/* ---- the bus ---- */

static void refuse(executor *x, const ob_bus_msg *msg, const ob_error *err)
{
    if (x->bad_messages++ == 0)
        ob_warn("placement.refused", "{s:s, s:I}", "error", err->text, "offset",
                (json_int_t)msg->offset);
}

/* Messages for other instances cannot be read, and those in clear are for executors of an earlier
 * version. Reading a message twice is safe: see placement.c. */
static void on_message(const ob_bus_msg *msg, void *arg)
{
    executor *x = arg;
    ob_error err = { 0 };
    ob_seal_opened order = { 0 };
    int r = ob_seal_read(&x->seal, msg->topic, msg->data, msg->len, &order, &err);
    if (r == -EBADMSG)
        refuse(x, msg, &err);
    if (r < 0)
        return;
    join_accept(x->spool, x->config->instance);
    placement_result result = placement_take(x->placement, order.text, order.len, &err);
    OPENSSL_cleanse(order.text, order.len);
    free(order.text);
    switch (result) {
    case PLACEMENT_TAKEN:
    case PLACEMENT_OTHER_INSTANCE:
    case PLACEMENT_STALE:
        break;
    case PLACEMENT_OTHER_SESSION:
        if (ob_boot_ms() - x->foreign_warned_ms < FOREIGN_WARN_MS)
            break;
        x->foreign_warned_ms = ob_boot_ms();
        ob_warn("placement.ignored", "{s:I}", "offset", (json_int_t)msg->offset);
        break;
    case PLACEMENT_BAD:
        refuse(x, msg, &err);
        break;
    }
}

static void on_event(ob_bus_event event, void *arg)
{
    executor *x = arg;
    switch (event) {
    case OB_BUS_REASSIGNED:
        heartbeat_assigned(x->heartbeat);
        break;
    case OB_BUS_DOWN:
    case OB_BUS_UP:
        ob_health_set("kafka", true, event == OB_BUS_UP, "");
        break;
    }
}

static void on_delivery(void *ref, int ok, int64_t offset, void *arg)
{
    executor *x = arg;
    if (ref == heartbeat_ref(x->heartbeat))
        heartbeat_delivered(x->heartbeat, ok);
    else if (ref)
        logs_delivered(x->logs, ref, ok);
}

void kafka_poll(executor *x)
{
    while (ob_bus_poll(x->bus, 0, POLL_MESSAGES) == POLL_MESSAGES)
        ;
}

static void on_ready(int fd, uint32_t events, void *arg)
{
    uint64_t count;
    (void)!read(fd, &count, sizeof(count));
    kafka_poll(arg);
}

/* Reads the instance's key. Each process of an instance has a number of its own, which is on the
 * disk before the first message: messages of an earlier process are older than all of this one. */
static int take_key(executor *x, ob_error *err)
{
    char *token = NULL;
    const json_t *before = json_object_get(spool_get(x->spool, "seal"), "generation");
    json_int_t generation = json_integer_value(before) + 1;
    spool_set(x->spool, "seal", "generation", json_integer(generation), true);
    int r = spool_sync(x->spool, err);
    if (r < 0)
        return r;
    r = ob_config_read_secret(x->config->token_file, &token, err);
    if (r < 0)
        return r;
    r = ob_seal_own(&x->seal, x->config->instance, token, (uint32_t)generation, err);
    OPENSSL_cleanse(token, strlen(token));
    free(token);
    return r;
}

int kafka_open(executor *x, ob_error *err)
{
    const settings *c = x->config;
    ob_cleanup(ob_freep) char *client = ob_strf("executor-%s", c->instance);
    const ob_bus_config bus = { .client_id = client,
                                .on_msg = on_message,
                                .on_event = on_event,
                                .on_delivery = on_delivery,
                                .arg = x };
    int r = take_key(x, err);
    if (r == 0)
        r = ob_bus_open(&c->common, &bus, &x->bus, err);
    if (r == 0)
        r = loop_watch(x->loop, ob_bus_fd(x->bus), EPOLLIN, on_ready, x, err);
    return r;
}
