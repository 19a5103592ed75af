/* librdkafka's handles: their settings and callbacks. Never blocks on the network. Callbacks for
 * errors and deliveries run in the thread that polls (the bus's owner); the log callback runs in
 * librdkafka's threads. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bus_internal.h"
#include "ob/clock.h"
#include "ob/cond.h"
#include "ob/log.h"
#include "ob/text.h"

#define DESTROY_MS 3000
#define CONNECT_MS 10000

typedef struct setting {
    const char *name;
    const char *value;
} setting;

/* Doorbells must not wait in a queue: back-off and refresh times are small, so that a broker that
 * came back and a topic that was deleted are detected within a second or two. */
static const setting common_settings[] = {
    { "broker.address.family", "v4" },
    { "socket.nagle.disable", "true" },
    { "socket.keepalive.enable", "true" },
    { "socket.timeout.ms", "10000" },
    { "reconnect.backoff.ms", "50" },
    { "reconnect.backoff.max.ms", "500" },
    { "topic.metadata.refresh.interval.ms", "5000" },
    { "topic.metadata.refresh.fast.interval.ms", "100" },
    { "topic.metadata.refresh.sparse", "true" },
    { "topic.metadata.propagation.max.ms", "5000" },
    { 0 },
};

static const setting producer_settings[] = {
    { "acks", "all" },
    { "linger.ms", "0" },
    { "retry.backoff.ms", "50" },
    { "request.timeout.ms", "10000" },
    /* If a message cannot be sent in this time, the service sends it again from its rows */
    { "message.timeout.ms", "30000" },
    { "message.max.bytes", "1048576" },
    { "queue.buffering.max.messages", "200000" },
    { "queue.buffering.max.kbytes", "262144" },
    /* As in the Java clients: equal keys go to one partition, whatever client writes. */
    { "partitioner", "murmur2_random" },
    { 0 },
};

static const setting consumer_settings[] = {
    { "enable.auto.commit", "false" },
    { "enable.partition.eof", "false" },
    { "allow.auto.create.topics", "false" },
    /* Kafka answers at once when there is something. An idle consumer costs it as many answers. */
    { "fetch.wait.max.ms", "1000" },
    { "fetch.error.backoff.ms", "50" },
    { "queued.max.messages.kbytes", "16384" },
    { 0 },
};

void bus_wake(ob_bus *bus)
{
    uint64_t one = 1;
    (void)!write(bus->wake_fd, &one, sizeof(one));
}

void bus_set_up(ob_bus *bus, bool up)
{
    if (atomic_exchange(&bus->up, up) == up)
        return;
    if (!up) { /* the keeper checks for the broker's return */
        (void)pthread_mutex_lock(&bus->lock);
        (void)pthread_cond_signal(&bus->changed);
        (void)pthread_mutex_unlock(&bus->lock);
    }
    bus_wake(bus);
}

rd_kafka_t *bus_producer(ob_bus *bus)
{
    (void)pthread_rwlock_rdlock(&bus->sender_lock);
    rd_kafka_t *producer = bus->sender->rk;
    (void)pthread_rwlock_unlock(&bus->sender_lock);
    return producer;
}

bool bus_is_lost_position(rd_kafka_resp_err_t e)
{
    return e == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || e == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           e == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
           e == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE ||
           e == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
           e == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
}

void bus_want_repair(ob_bus *bus, const char *why)
{
    (void)pthread_mutex_lock(&bus->lock);
    bool news = !bus->repair_wanted;
    bus->repair_wanted = true;
    (void)pthread_cond_signal(&bus->changed);
    (void)pthread_mutex_unlock(&bus->lock);
    if (news)
        ob_debug("bus.repair_started", "{s:s}", "reason", why);
}

/* Waiting does not help: a wrong password, user or certificate. */
static bool is_refusal(rd_kafka_resp_err_t e)
{
    return e == RD_KAFKA_RESP_ERR__AUTHENTICATION || e == RD_KAFKA_RESP_ERR__SSL;
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    ob_bus *bus = opaque;
    rd_kafka_resp_err_t e = (rd_kafka_resp_err_t)code;
    ob_log(is_refusal(e) ? OB_LOG_WARN : OB_LOG_DEBUG, "bus.failed", "{s:s, s:s, s:s}", "client",
           rd_kafka_name(rk), "error", rd_kafka_err2name(e), "reason", reason);
    if (e == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        bus_set_up(bus, false);
    } else if (e == RD_KAFKA_RESP_ERR__FATAL) {
        if (rk == bus_producer(bus)) /* not one that has been replaced */
            bus_sender_fails(bus);
    } else if (bus_is_lost_position(e)) {
        bus_want_repair(bus, reason);
    }
}

void bus_sender_fails(ob_bus *bus)
{
    (void)pthread_mutex_lock(&bus->lock);
    bus->sender_failed = true;
    (void)pthread_cond_signal(&bus->changed);
    (void)pthread_mutex_unlock(&bus->lock);
}

/* A producer that has sent nothing for as long as one of its messages may wait. If the broker is
 * not reachable, a new producer is no worse; if it is, the producer hangs and would send nothing
 * for ever. */
static bool is_stuck(const ob_bus *bus, const rd_kafka_message_t *msg)
{
    return msg->err == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT &&
           ob_mono_ms() - bus->delivered_at_ms >= rd_kafka_message_latency(msg) / 1000;
}

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *msg, void *opaque)
{
    ob_bus *bus = opaque;
    bool ok = msg->err == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (ok) {
        bus->delivered_at_ms = ob_mono_ms();
        bus_set_up(bus, true);
    } else if (bus_is_lost_position(msg->err)) {
        bus_want_repair(bus, rd_kafka_err2str(msg->err));
    } else if (rk == bus_producer(bus) && is_stuck(bus, msg)) {
        bus_sender_fails(bus);
    }
    bus->handled++;
    if (bus->on_delivery && msg->_private)
        bus->on_delivery(msg->_private, ok, msg->offset, bus->arg);
}

static void on_log(const rd_kafka_t *rk, int level, const char *fac, const char *text)
{
    ob_debug("kafka.logged", "{s:s, s:i, s:s, s:s}", "client", rd_kafka_name(rk), "syslog", level,
             "facility", fac, "text", text);
}

static int set(rd_kafka_conf_t *conf, const char *name, const char *value, ob_error *err)
{
    char text[256];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
        return ob_fail(err, EINVAL, "Kafka setting %s: %s", name, text);
    return 0;
}

static int set_all(rd_kafka_conf_t *conf, const setting *settings, ob_error *err)
{
    int r = 0;
    for (const setting *s = settings; s->name && r == 0; s++)
        r = set(conf, s->name, s->value, err);
    return r;
}

/* In place: "\n" becomes the end of a line. */
static void unfold(char *text)
{
    char *out = text;
    for (const char *in = text; *in; out++) {
        bool end = in[0] == '\\' && in[1] == 'n';
        *out = end ? '\n' : *in;
        in += end ? 2 : 1;
    }
    *out = '\0';
}

/* The operator's settings: lines of name=value; empty lines and # comments are skipped. A PEM,
 * which has lines of its own, is one line with "\n" in it. */
static int set_from_file(rd_kafka_conf_t *conf, const char *path, ob_error *err)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t cap = 0;
    int r = file ? 0 : ob_fail(err, errno, "%s: %s", path, strerror(errno));
    while (r == 0 && getline(&line, &cap, file) > 0) {
        line[strcspn(line, "\r\n")] = '\0';
        char *equals = strchr(line, '=');
        if (line[0] == '\0' || line[0] == '#')
            continue;
        if (!equals) {
            r = ob_fail(err, EINVAL, "%s: not name=value: %s", path, ob_cut(line, 40));
        } else {
            *equals = '\0';
            if (equals - line > 4 && strcmp(equals - 4, ".pem") == 0)
                unfold(equals + 1);
            r = set(conf, line, equals + 1, err);
        }
    }
    free(line);
    if (file)
        (void)fclose(file);
    return r;
}

/* Connects, and finds out whom to, before anything is said. */
static int
connect_to_kafka(int fd, const struct sockaddr *address, int len, const char *id, void *opaque)
{
    const ob_bus *bus = opaque;
    int error = connect(fd, address, (socklen_t)len) < 0 ? errno : 0;
    socklen_t size = sizeof(error);
    struct pollfd wait = { .fd = fd, .events = POLLOUT };
    if (error == EINPROGRESS && poll(&wait, 1, CONNECT_MS) != 1)
        return ETIMEDOUT;
    if (error == EINPROGRESS && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return errno;
    if (error == 0 && !bus_peer_is(fd, bus->pid_file, true)) {
        ob_warn("bus.peer_refused", "{s:s}", "broker", id);
        error = EPERM;
    }
    return error;
}

static int set_common(ob_bus *bus, rd_kafka_conf_t *conf, ob_error *err)
{
    rd_kafka_conf_set_opaque(conf, bus);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    if (bus->pid_file)
        rd_kafka_conf_set_connect_cb(conf, connect_to_kafka);
    int r = set_all(conf, common_settings, err);
    if (r == 0)
        r = set(conf, "bootstrap.servers", bus->servers, err);
    if (r == 0)
        r = set(conf, "client.id", bus->client_id, err);
    if (r == 0 && bus->user) {
        r = set(conf, "security.protocol", "SASL_PLAINTEXT", err);
        if (r == 0)
            r = set(conf, "sasl.mechanisms", "PLAIN", err);
        if (r == 0)
            r = set(conf, "sasl.username", bus->user, err);
        if (r == 0)
            r = set(conf, "sasl.password", bus->password ? bus->password : "", err);
    }
    return r < 0 || !bus->settings ? r : set_from_file(conf, bus->settings, err);
}

static int make_client(rd_kafka_type_t type, rd_kafka_conf_t *conf, rd_kafka_t **ret, ob_error *err)
{
    char text[256];
    rd_kafka_t *rk = rd_kafka_new(type, conf, text, sizeof(text));
    if (!rk) {
        rd_kafka_conf_destroy(conf); /* rd_kafka_new takes it only on success */
        return ob_fail(err, EINVAL, "Kafka client: %s", text);
    }
    *ret = rk;
    return 0;
}

/* Wakes the owner when something is added to a queue. Takes the reference. */
static void wake_on(ob_bus *bus, rd_kafka_queue_t *queue)
{
    static const uint64_t one = 1;
    rd_kafka_queue_io_event_enable(queue, bus->wake_fd, &one, sizeof(one));
    rd_kafka_queue_destroy(queue);
}

/* A client keeps a topic's settings from its first handle, as long as a handle exists. */
static int open_public_topic(bus_sender *sender, ob_error *err)
{
    rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(sender->rk);
    char text[256];
    if (rd_kafka_topic_conf_set(conf, "compression.codec", "lz4", text, sizeof(text)) !=
        RD_KAFKA_CONF_OK) {
        rd_kafka_topic_conf_destroy(conf);
        return ob_fail(err, EINVAL, "Kafka topic setting: %s", text);
    }
    sender->public_topic = rd_kafka_topic_new(sender->rk, OB_TOPIC_JOB_STATE, conf);
    if (!sender->public_topic)
        return ob_fail(err, EINVAL, "Kafka topic: %s", rd_kafka_err2str(rd_kafka_last_error()));
    return 0;
}

int bus_sender_new(ob_bus *bus, bus_sender **ret, ob_error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    int r = set_common(bus, conf, err);
    if (r == 0)
        r = set_all(conf, producer_settings, err);
    if (r == 0)
        r = set(conf, "enable.idempotence", bus->writes_alone ? "true" : "false", err);
    if (r == 0 && bus->writes_alone) /* the publisher: 500 events would be as many requests */
        r = set(conf, "linger.ms", "5", err);
    if (r < 0) {
        rd_kafka_conf_destroy(conf);
        return r;
    }
    bus_sender *sender = ob_calloc(1, sizeof(*sender));
    r = make_client(RD_KAFKA_PRODUCER, conf, &sender->rk, err);
    if (r == 0)
        r = open_public_topic(sender, err);
    if (r < 0) {
        bus_sender_free(bus, sender);
        return r;
    }
    wake_on(bus, rd_kafka_queue_get_main(sender->rk));
    *ret = sender;
    return 0;
}

void bus_unref(ob_bus *bus)
{
    if (atomic_fetch_sub(&bus->users, 1) > 1)
        return;
    if (bus->wake_fd >= 0)
        (void)close(bus->wake_fd);
    (void)pthread_cond_destroy(&bus->changed);
    (void)pthread_mutex_destroy(&bus->lock);
    (void)pthread_rwlock_destroy(&bus->sender_lock);
    if (bus->password)
        explicit_bzero(bus->password, strlen(bus->password));
    free(bus->servers);
    free(bus->user);
    free(bus->password);
    free(bus->settings);
    free(bus->client_id);
    free(bus->pid_file);
    free(bus->group);
    free(bus->sends_to);
    free(bus);
}

/* The object being destroyed, and whether that is done; shared by both threads, freed by the
 * last. */
typedef struct ending {
    pthread_mutex_t lock;
    pthread_cond_t done;
    ob_bus *bus; /* a reference */
    rd_kafka_t *rk;
    bool is_consumer, finished, abandoned;
} ending;

static void ending_free(ending *e)
{
    bus_unref(e->bus);
    (void)pthread_cond_destroy(&e->done);
    (void)pthread_mutex_destroy(&e->lock);
    free(e);
}

static void *end_client(void *arg)
{
    ending *e = arg;
    if (e->is_consumer)
        (void)rd_kafka_consumer_close(e->rk);
    rd_kafka_destroy(e->rk);
    (void)pthread_mutex_lock(&e->lock);
    e->finished = true;
    bool last = e->abandoned;
    (void)pthread_cond_signal(&e->done);
    (void)pthread_mutex_unlock(&e->lock);
    if (last)
        ending_free(e);
    return NULL;
}

/* librdkafka 2.0 may wait for ever in rd_kafka_destroy (observed when a group's topic was deleted
 * while a commit was in progress), and a service that was asked to stop must stop. */
static void destroy_bounded(ob_bus *bus, rd_kafka_t *rk, bool is_consumer)
{
    ending *e = ob_calloc(1, sizeof(*e));
    (void)atomic_fetch_add(&bus->users, 1);
    e->bus = bus;
    (void)pthread_mutex_init(&e->lock, NULL);
    ob_cond_init(&e->done);
    e->rk = rk;
    e->is_consumer = is_consumer;
    pthread_t thread;
    if (pthread_create(&thread, NULL, end_client, e) != 0) {
        rd_kafka_destroy(rk);
        ending_free(e);
        return;
    }
    (void)pthread_detach(thread);

    int64_t until_ms = ob_mono_ms() + DESTROY_MS;
    (void)pthread_mutex_lock(&e->lock);
    while (!e->finished && ob_cond_wait_until(&e->done, &e->lock, until_ms))
        ;
    bool finished = e->finished;
    e->abandoned = !finished;
    (void)pthread_mutex_unlock(&e->lock);
    if (finished)
        ending_free(e);
    else
        ob_debug("bus.client_abandoned", NULL);
}

void bus_sender_free(ob_bus *bus, bus_sender *sender)
{
    if (!sender)
        return;
    if (sender->public_topic)
        rd_kafka_topic_destroy(sender->public_topic);
    if (sender->rk)
        destroy_bounded(bus, sender->rk, false);
    free(sender);
}

void bus_consumer_free(ob_bus *bus, rd_kafka_t *consumer)
{
    if (consumer)
        destroy_bounded(bus, consumer, true);
}

int bus_consumer_new(ob_bus *bus, const char *group, rd_kafka_t **ret, ob_error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int r = set_common(bus, conf, err);
    if (r == 0)
        r = set_all(conf, consumer_settings, err);
    /* Without a group a lost position is an error, so that it is detected. A group continues from
     * the available messages. */
    if (r == 0)
        r = set(conf, "auto.offset.reset", group ? "earliest" : "error", err);
    if (r == 0 && group)
        r = set(conf, "group.id", group, err);
    if (r == 0 && group)
        r = set(conf, "session.timeout.ms", "10000", err);
    if (r < 0) {
        rd_kafka_conf_destroy(conf);
        return r;
    }
    rd_kafka_t *consumer = NULL;
    r = make_client(RD_KAFKA_CONSUMER, conf, &consumer, err);
    if (r < 0)
        return r;
    if (group) {
        (void)rd_kafka_poll_set_consumer(consumer);
        wake_on(bus, rd_kafka_queue_get_consumer(consumer));
    } else {
        wake_on(bus, rd_kafka_queue_get_main(consumer));
    }
    *ret = consumer;
    return 0;
}
