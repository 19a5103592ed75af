/* The bus on librdkafka: sending, reading, polling. Partitions are assigned one by one into one
 * queue, without a group: librdkafka's group consumer would look for a coordinator and store
 * offsets that are wrong after a wipe. Handlers are called only from ob_bus_poll (deliveries also
 * from ob_bus_free), in the owner's thread. Only ob_bus_send_clear may be called from any thread.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bus_internal.h"
#include "ob/clock.h"
#include "ob/cond.h"
#include "ob/log.h"

#define FLUSH_MS 2000
#define WAIT_SLICE_MS 1000 /* poll checks its queues at least this often */

static char *strdup_or_null(const char *s)
{
    return s && *s ? ob_strdup(s) : NULL;
}

int ob_bus_new(const ob_bus_config *config, ob_bus **ret, ob_error *err)
{
    ob_bus *bus = ob_calloc(1, sizeof(*bus));
    atomic_init(&bus->users, 1);
    bus->servers = ob_strdup(config->servers);
    bus->user = strdup_or_null(config->user);
    bus->password = strdup_or_null(config->password);
    bus->settings = config->settings && *config->settings ? ob_strdup(config->settings) : NULL;
    bus->pid_file = strdup_or_null(config->pid_file);
    bus->client_id = ob_strdup(config->client_id ? config->client_id : "openbatch");
    bus->group = strdup_or_null(config->group);
    bus->partitions = config->partitions > 0 ? config->partitions : 1;
    bus->writes_alone = config->writes_alone;
    bus->on_msg = config->on_msg;
    bus->on_event = config->on_event;
    bus->on_delivery = config->on_delivery;
    bus->arg = config->arg;
    (void)pthread_rwlock_init(&bus->sender_lock, NULL);
    (void)pthread_mutex_init(&bus->lock, NULL);
    ob_cond_init(&bus->changed);

    int r = 0;
    bus->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bus->wake_fd < 0)
        r = ob_fail(err, errno, "eventfd: %s", strerror(errno));
    if (r == 0)
        r = bus_sender_new(bus, &bus->sender, err);
    if (r == 0)
        r = bus_keeper_start(bus, err);
    if (r < 0) {
        bus->stopping = true; /* there is no keeper to join */
        ob_bus_free(bus);
        return r;
    }
    *ret = bus;
    return 0;
}

int ob_bus_open(const ob_config_common *service,
                const ob_bus_config *config,
                ob_bus **ret,
                ob_error *err)
{
    const char *file = service->kafka_password_file;
    char *password = NULL;
    int r = file && *file ? ob_config_read_secret(file, &password, err) : 0;
    if (r < 0)
        return r;
    ob_bus_config all = *config;
    all.servers = service->kafka;
    all.user = service->kafka_user;
    all.password = password;
    all.settings = service->kafka_settings;
    all.pid_file = service->kafka_pid_file;
    all.partitions = (int32_t)service->kafka_partitions;
    r = ob_bus_new(&all, ret, err);
    if (password)
        explicit_bzero(password, strlen(password));
    free(password);
    return r;
}

static void stop_reading(ob_bus *bus)
{
    for (size_t i = 0; i < bus->reading.n; i++)
        (void)rd_kafka_consume_stop(bus->reading.at[i].rkt, bus->reading.at[i].partition);
    bus_positions_done(&bus->reading);
}

static void forget_wanted(ob_bus *bus)
{
    bus_wanted_free(bus->wanted, bus->n_wanted);
    bus->wanted = NULL;
    bus->n_wanted = 0;
    bus->wanted_generation++;
    bus_positions_done(&bus->resolved);
    bus->repair_done = false;
}

void ob_bus_free(ob_bus *bus)
{
    if (!bus)
        return;
    if (!bus->stopping)
        bus_keeper_stop(bus);
    if (bus->sender && rd_kafka_outq_len(bus->sender->rk) > 0)
        (void)rd_kafka_flush(bus->sender->rk, FLUSH_MS);
    stop_reading(bus);
    if (bus->queue)
        rd_kafka_queue_destroy(bus->queue);
    bus_consumer_free(bus, bus->consumer);
    bus_consumer_free(bus, bus->group_member);
    bus_sender *const senders[] = { bus->sender, bus->retired, bus->dead };
    for (size_t i = 0; i < ARRAY_SIZE(senders); i++) {
        if (!senders[i])
            continue;
        /* Unsent messages are reported as failed before the handle is destroyed. */
        (void)rd_kafka_purge(senders[i]->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        (void)rd_kafka_flush(senders[i]->rk, 100);
        bus_sender_free(bus, senders[i]);
    }
    forget_wanted(bus);
    bus_forget_counts(bus);
    bus_unref(bus);
}

/* Starts to read at resolved positions; takes ownership of them. */
static int start_reading(ob_bus *bus, bus_positions *positions, ob_error *err)
{
    stop_reading(bus);
    for (size_t i = 0; i < positions->n; i++) {
        bus_position *p = &positions->at[i];
        p->rkt = rd_kafka_topic_new(bus->consumer, p->topic, NULL);
        if (!p->rkt ||
            rd_kafka_consume_start_queue(p->rkt, p->partition, p->offset, bus->queue) < 0) {
            int r = bus_fail_kafka(err, rd_kafka_last_error(), p->topic);
            for (size_t j = 0; j < i; j++)
                (void)rd_kafka_consume_stop(positions->at[j].rkt, positions->at[j].partition);
            bus_positions_done(positions);
            return r;
        }
    }
    bus->reading = *positions;
    *positions = (bus_positions){ 0 };
    return 0;
}

static int need_consumer(ob_bus *bus, ob_error *err)
{
    if (bus->consumer)
        return 0;
    rd_kafka_t *consumer = NULL;
    int r = bus_consumer_new(bus, NULL, &consumer, err);
    if (r < 0)
        return r;
    bus->queue = rd_kafka_queue_new(consumer);
    static const uint64_t one = 1;
    rd_kafka_queue_io_event_enable(bus->queue, bus->wake_fd, &one, sizeof(one));
    (void)pthread_mutex_lock(&bus->lock);
    bus->consumer = consumer;
    (void)pthread_mutex_unlock(&bus->lock);
    return 0;
}

int ob_bus_assign_end(ob_bus *bus,
                      const char *const *topics,
                      const int32_t *partitions_only,
                      int timeout_ms,
                      ob_error *err)
{
    int r = need_consumer(bus, err);
    if (r < 0)
        return r;
    size_t n = 0;
    while (topics[n])
        n++;
    bus_wanted *wanted = ob_calloc(n, sizeof(*wanted));
    for (size_t i = 0; i < n; i++)
        wanted[i] = (bus_wanted){ .topic = ob_strdup(topics[i]),
                                  .partition = partitions_only ? partitions_only[i] : -1 };

    bus_positions positions = { 0 };
    r = bus_resolve(bus_producer(bus), wanted, n, timeout_ms, &positions, err);
    if (r == 0)
        r = start_reading(bus, &positions, err);
    if (r < 0) {
        bus_wanted_free(wanted, n);
        return r;
    }
    (void)pthread_mutex_lock(&bus->lock);
    forget_wanted(bus);
    bus->wanted = wanted;
    bus->n_wanted = n;
    (void)pthread_mutex_unlock(&bus->lock);
    bus_set_up(bus, true);
    return 0;
}

int ob_bus_follow_end(
    ob_bus *bus, const char *topic, const char *instance, const char *sends_to, ob_error *err)
{
    int r = need_consumer(bus, err);
    if (r < 0)
        return r;
    stop_reading(bus);
    (void)pthread_mutex_lock(&bus->lock);
    forget_wanted(bus);
    bus->wanted = ob_calloc(1, sizeof(*bus->wanted));
    bus->wanted[0] = (bus_wanted){ .topic = ob_strdup(topic), .instance = ob_strdup(instance) };
    bus->n_wanted = 1;
    free(bus->sends_to);
    bus->sends_to = ob_strdup(sends_to);
    (void)pthread_mutex_unlock(&bus->lock);
    bus_want_repair(bus, "a new assignment");
    return 0;
}

void ob_bus_unassign(ob_bus *bus)
{
    (void)pthread_mutex_lock(&bus->lock);
    forget_wanted(bus);
    (void)pthread_mutex_unlock(&bus->lock);
    stop_reading(bus);
}

int ob_bus_subscribe(ob_bus *bus, const char *const *topics, ob_error *err)
{
    if (!bus->group)
        return ob_fail(err, EINVAL, "Kafka: no group is configured");
    if (!bus->group_member) {
        int r = bus_consumer_new(bus, bus->group, &bus->group_member, err);
        if (r < 0)
            return r;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    for (const char *const *t = topics; *t; t++)
        (void)rd_kafka_topic_partition_list_add(list, *t, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t e = rd_kafka_subscribe(bus->group_member, list);
    rd_kafka_topic_partition_list_destroy(list);
    return e ? bus_fail_kafka(err, e, "subscribe") : 0;
}

int ob_bus_commit(ob_bus *bus, ob_point point, ob_error *err)
{
    if (!bus->group_member)
        return ob_fail(err, EINVAL, "Kafka: nothing is subscribed to");
    ob_point_pass(point, OB_POINT_BEFORE);
    /* Does not wait: if it is lost, messages come again. */
    rd_kafka_resp_err_t e = rd_kafka_commit(bus->group_member, NULL, 1);
    if (e && e != RD_KAFKA_RESP_ERR__NO_OFFSET)
        return bus_fail_kafka(err, e, "commit");
    ob_point_pass(point, OB_POINT_AFTER);
    return 0;
}

static int send_failed(ob_bus *bus, rd_kafka_resp_err_t e, const char *topic, ob_error *err)
{
    if (e == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return ob_fail_retry(err, EAGAIN, "Kafka: the queue is full");
    if (e == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        return ob_fail(err, EMSGSIZE, "Kafka: a message for %s is too large", topic);
    if (bus_is_lost_position(e))
        bus_want_repair(bus, rd_kafka_err2str(e));
    return bus_fail_kafka(err, e, topic);
}

int ob_bus_send_clear(ob_bus *bus,
                      ob_point point,
                      const char *topic,
                      int32_t partition,
                      const char *key,
                      size_t key_len,
                      const char *data,
                      size_t len,
                      void *ref,
                      ob_error *err)
{
    /* Its readers would drop it, and the sender would repeat it for ever. */
    if (len > ob_topic_max(topic))
        return ob_fail(err, EMSGSIZE, "a message of %zu bytes for %s is too large", len, topic);
    rd_kafka_vu_t parts[] = {
        { .vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic },
        { .vtype = RD_KAFKA_VTYPE_PARTITION,
          .u.i32 = partition < 0 ? RD_KAFKA_PARTITION_UA : partition },
        { .vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY },
        { .vtype = RD_KAFKA_VTYPE_KEY, .u.mem = { (void *)(uintptr_t)key, key ? key_len : 0 } },
        { .vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = { (void *)(uintptr_t)data, len } },
        { .vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = ref },
    };
    ob_point_pass(point, OB_POINT_BEFORE);
    (void)pthread_rwlock_rdlock(&bus->sender_lock);
    rd_kafka_error_t *error = rd_kafka_produceva(bus->sender->rk, parts, ARRAY_SIZE(parts));
    /* The error's code is that of what failed first, whatever it was. on_error may hear of it too
     * late: only when the owner polls. */
    if (error && rd_kafka_fatal_error(bus->sender->rk, NULL, 0))
        bus_sender_fails(bus);
    (void)pthread_rwlock_unlock(&bus->sender_lock);
    if (!error) {
        ob_point_pass(point, OB_POINT_AFTER);
        return 0;
    }
    rd_kafka_resp_err_t e = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    return send_failed(bus, e, topic, err);
}

static void handle(ob_bus *bus, const rd_kafka_message_t *m)
{
    if (m->err) {
        if (bus_is_lost_position(m->err))
            bus_want_repair(bus, rd_kafka_message_errstr(m));
        else
            ob_debug("bus.failed", "{s:s}", "reason", rd_kafka_message_errstr(m));
        return;
    }
    bus_set_up(bus, true);
    if (!bus->on_msg)
        return;
    const ob_bus_msg msg = {
        .topic = m->rkt ? rd_kafka_topic_name(m->rkt) : "",
        .partition = m->partition,
        .offset = m->offset,
        .key = m->key,
        .key_len = m->key_len,
        .data = m->payload ? m->payload : "",
        .len = m->len,
    };
    bus->on_msg(&msg, bus->arg);
}

/* Handles up to 'max' messages of the assigned partitions. It takes them one by one: a handler may
 * be slow, or may unassign, after which messages no longer belong to the owner. */
static int poll_assigned(ob_bus *bus, int max, int64_t until_ms)
{
    int n = 0;
    while (bus->queue && n < max && ob_mono_ms() < until_ms) {
        rd_kafka_message_t *m = rd_kafka_consume_queue(bus->queue, 0);
        if (!m)
            break;
        n += m->err == RD_KAFKA_RESP_ERR_NO_ERROR;
        handle(bus, m);
        rd_kafka_message_destroy(m);
    }
    return n;
}

static int poll_group(ob_bus *bus, int max, int64_t until_ms)
{
    int n = 0;
    while (bus->group_member && n < max && ob_mono_ms() < until_ms) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(bus->group_member, 0);
        if (!m)
            break;
        n += m->err == RD_KAFKA_RESP_ERR_NO_ERROR;
        handle(bus, m);
        rd_kafka_message_destroy(m);
    }
    return n;
}

static void tell(ob_bus *bus, ob_bus_event event)
{
    bus->handled++;
    if (bus->on_event)
        bus->on_event(event, bus->arg);
}

/* Polls a replaced producer until all of its messages are reported, then leaves it to the keeper.
 */
static void poll_retired(ob_bus *bus)
{
    (void)pthread_mutex_lock(&bus->lock);
    bus_sender *retired = bus->retired;
    (void)pthread_mutex_unlock(&bus->lock);
    if (!retired)
        return;
    (void)rd_kafka_poll(retired->rk, 0);
    if (rd_kafka_outq_len(retired->rk) > 0) {
        bus_wake(bus); /* its reports may come without a wake-up */
        return;
    }
    (void)pthread_mutex_lock(&bus->lock);
    if (!bus->dead) {
        bus->dead = ob_take(bus->retired);
        (void)pthread_cond_signal(&bus->changed);
    }
    (void)pthread_mutex_unlock(&bus->lock);
}

/* Takes what the keeper resolved. */
static void finish_repair(ob_bus *bus)
{
    bus_positions positions = { 0 };
    (void)pthread_mutex_lock(&bus->lock);
    bool done = bus->repair_done;
    bus->repair_done = false;
    if (done) {
        positions = bus->resolved;
        bus->resolved = (bus_positions){ 0 };
        (void)pthread_cond_signal(&bus->changed);
    }
    (void)pthread_mutex_unlock(&bus->lock);
    if (!done)
        return;
    ob_error err = { 0 };
    if (positions.n > 0 && start_reading(bus, &positions, &err) < 0) {
        bus_want_repair(bus, err.text);
        return;
    }
    ob_debug("bus.reassigned", NULL);
    tell(bus, OB_BUS_REASSIGNED);
}

static void serve(ob_bus *bus)
{
    (void)rd_kafka_poll(bus_producer(bus), 0);
    poll_retired(bus);
    if (bus->consumer)
        (void)rd_kafka_poll(bus->consumer, 0);
    finish_repair(bus);
    bool up = atomic_load(&bus->up);
    if (up != bus->told_up) {
        bus->told_up = up;
        tell(bus, up ? OB_BUS_UP : OB_BUS_DOWN);
    }
}

int ob_bus_poll(ob_bus *bus, int timeout_ms, int max)
{
    int64_t deadline_ms = ob_mono_ms() + timeout_ms;
    if (max < 1)
        max = 1;
    bus->handled = 0;
    for (;;) {
        uint64_t count;
        (void)!read(bus->wake_fd, &count, sizeof(count)); /* before looking, never after */
        serve(bus);
        int64_t until_ms = ob_mono_ms() + OB_BUS_HANDLE_MS;
        int n = poll_assigned(bus, max, until_ms);
        n += poll_group(bus, max - n, until_ms);
        if (n >= max || ob_mono_ms() >= until_ms)
            bus_wake(bus); /* there may be more without a further wake-up */
        if (n > 0 || bus->handled > 0)
            return n;
        int64_t left = deadline_ms - ob_mono_ms();
        if (left <= 0)
            return 0;
        struct pollfd fd = { .fd = bus->wake_fd, .events = POLLIN };
        int ready = poll(&fd, 1, (int)(left < WAIT_SLICE_MS ? left : WAIT_SLICE_MS));
        if (ready < 0 && errno == EINTR)
            return 0; /* a signal: the caller checks whether to stop */
    }
}

int ob_bus_fd(ob_bus *bus)
{
    return bus->wake_fd;
}

int ob_bus_is_up(const ob_bus *bus)
{
    return atomic_load(&bus->up);
}
