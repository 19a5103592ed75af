/* ob/bus.h on the simulated Kafka (sim_kafka.c): what a process reads, and what it is told. Owns
 * the readers and the group.
 *
 * There is one group: its members share the partitions of batch.logs. When one comes or goes, all
 * stop reading, and begin again a little later at what was committed.
 *
 * Invariant: readers, sends and reports of a killed process are gone at once. One thread. */
#include "ob/bus.h"

#include <string.h>

#include "sim_kafka.h"

#define REQUEST_US 1500
#define SESSION_US (10 * SECOND_US) /* a member of the group that is silent for so long is out */

/* ---- The group ---- */

static void follow(ob_bus *bus, int topic, int partition, int64_t from);

static void share_out(void *arg)
{
    ob_bus *members[FOLLOWS_MAX];
    size_t n = 0;
    int topic = kafka_topic(OB_TOPIC_LOGS);
    if ((uint64_t)(uintptr_t)arg != kafka.changes)
        return; /* it has changed again */
    if (!kafka_is_up()) {
        world_at(kafka.away_until_us + REQUEST_US, share_out, arg);
        return;
    }
    for (ob_bus *bus = kafka.all; bus && n < FOLLOWS_MAX; bus = bus->next)
        if (bus->subscribes && !bus->is_out)
            members[n++] = bus;
    for (int p = 0; n > 0 && p < kafka_partitions(topic); p++)
        follow(members[(size_t)p % n], topic, p, kafka.committed[p]);
    for (size_t i = 0; i < n; i++)
        world_signal(members[i]->owner, BUS_FD);
}

/* A member came or went. settles_us: the group does not settle before. */
static void change_group(int64_t settles_us)
{
    if (settles_us > kafka.settles_us)
        kafka.settles_us = settles_us;
    for (ob_bus *bus = kafka.all; bus; bus = bus->next)
        if (bus->subscribes)
            bus->n_reads = 0;
    int64_t at_us = world_now_us() + dice_between(&kafka.latency, 20, 400) * MS_US;
    world_at(at_us < kafka.settles_us ? kafka.settles_us : at_us, share_out,
             (void *)(uintptr_t)++kafka.changes);
}

/* Members that stand still are out after a while, and find out when they go on. */
static void watch_group(ob_bus *self)
{
    bool changed = self->is_out;
    self->is_out = false;
    self->polled_us = world_now_us();
    for (ob_bus *bus = kafka.all; bus; bus = bus->next)
        if (bus->subscribes && !bus->is_out && bus->owner->frozen_until_us > world_now_us() &&
            world_now_us() - bus->polled_us > SESSION_US)
            changed = bus->is_out = true;
    if (changed)
        change_group(0);
}

int64_t sim_bus_unread(void)
{
    int64_t n = 0;
    int topic = kafka_topic(OB_TOPIC_LOGS);
    for (int p = 0; p < kafka_partitions(topic); p++)
        n += kafka_end(&kafka.logs[topic][p]) - kafka.committed[p];
    return n;
}

/* ---- ob/bus.h ---- */

int ob_bus_new(const ob_bus_config *config, ob_bus **ret, ob_error *err)
{
    (void)err;
    ob_bus *bus = ob_calloc(1, sizeof(*bus));
    bus->owner = world_process();
    bus->config = *config;
    bus->was_up = kafka_is_up();
    bus->next = kafka.all;
    kafka.all = bus;
    *ret = bus;
    return 0;
}

int ob_bus_open(const ob_config_common *service,
                const ob_bus_config *config,
                ob_bus **ret,
                ob_error *err)
{
    (void)service;
    return ob_bus_new(config, ret, err);
}

static void unlink_bus(ob_bus *bus)
{
    for (ob_bus **at = &kafka.all; *at; at = &(*at)->next)
        if (*at == bus) {
            *at = bus->next;
            break;
        }
    /* Its memory stays: what is on its way must not meet another one at the same place. */
    free(bus->reports);
    bus->reports = NULL;
    bus->forgets = dice_in(&kafka.luck, 2);
}

void ob_bus_free(ob_bus *bus)
{
    if (!bus)
        return;
    unlink_bus(bus);
    if (bus->subscribes)
        change_group(0);
}

void sim_bus_end_process(const process *p)
{
    ob_bus *next;
    for (ob_bus *bus = kafka.all; bus; bus = next) {
        next = bus->next;
        if (bus->owner != p)
            continue;
        unlink_bus(bus);
        if (bus->subscribes)
            change_group(bus->polled_us + SESSION_US);
    }
}

/* A request to the brokers: takes its time, or all of the caller's. */
static int ask(int timeout_ms, ob_error *err)
{
    int64_t until_us = world_now_us() + timeout_ms * MS_US;
    while (!kafka_is_up()) {
        if (world_now_us() >= until_us)
            return ob_fail_retry(err, EIO, "no broker is reachable");
        world_sleep(20 * MS_US);
    }
    world_sleep(REQUEST_US);
    return 0;
}

int ob_bus_make_topics(ob_bus *bus, int timeout_ms, ob_error *err)
{
    (void)bus;
    return ask(timeout_ms, err);
}

int ob_bus_partitions(ob_bus *bus, const char *topic, int timeout_ms, int32_t *ret, ob_error *err)
{
    (void)bus;
    int r = ask(timeout_ms, err);
    if (r == 0)
        *ret = kafka_partitions(kafka_topic(topic));
    return r;
}

int ob_bus_watermarks(ob_bus *bus,
                      const char *topic,
                      int32_t partition,
                      int timeout_ms,
                      int64_t *ret_low,
                      int64_t *ret_high,
                      ob_error *err)
{
    (void)bus;
    int r = ask(timeout_ms, err);
    if (r < 0)
        return r;
    const log_part *l = &kafka.logs[kafka_topic(topic)][partition];
    *ret_low = l->first;
    *ret_high = kafka_end(l);
    return 0;
}

static void follow(ob_bus *bus, int topic, int partition, int64_t from)
{
    if (bus->n_reads == FOLLOWS_MAX)
        abort();
    bus->reads[bus->n_reads++] = (reader){ .topic = topic,
                                           .partition = partition,
                                           .next = from,
                                           .generation = kafka.logs[topic][partition].generation };
}

static void follow_end(ob_bus *bus, int topic, int partition)
{
    follow(bus, topic, partition, kafka_end(&kafka.logs[topic][partition]));
}

int ob_bus_assign_end(ob_bus *bus,
                      const char *const *topics,
                      const int32_t *partitions_only,
                      int timeout_ms,
                      ob_error *err)
{
    int r = ask(timeout_ms, err);
    if (r < 0)
        return r;
    bus->n_reads = 0;
    bus->positions_lost = false;
    for (size_t i = 0; topics[i]; i++) {
        int topic = kafka_topic(topics[i]);
        for (int p = 0; p < kafka_partitions(topic); p++)
            if (!partitions_only || partitions_only[i] < 0 || partitions_only[i] == p)
                follow_end(bus, topic, p);
    }
    return 0;
}

typedef struct following {
    ob_bus *bus;
    int topic, partition;
} following;

static void on_followed(void *arg)
{
    following *f = arg;
    ob_bus *bus = kafka_find(f->bus);
    if (bus && !kafka_is_up()) {
        world_at(kafka.away_until_us + REQUEST_US, on_followed, f);
        return;
    }
    if (bus) {
        bus->n_reads = 0;
        follow_end(bus, f->topic, f->partition);
        bus->event_owed = true;
        world_signal(bus->owner, BUS_FD);
    }
    free(f);
}

int ob_bus_follow_end(
    ob_bus *bus, const char *topic, const char *instance, const char *sends_to, ob_error *err)
{
    (void)sends_to, (void)err;
    following *f = ob_calloc(1, sizeof(*f));
    *f = (following){ .bus = bus,
                      .topic = kafka_topic(topic),
                      .partition = ob_instance_partition(instance, kafka.partitions) };
    bus->n_reads = 0;
    world_after(dice_between(&kafka.latency, 1, 20) * MS_US, on_followed, f);
    return 0;
}

int ob_bus_subscribe(ob_bus *bus, const char *const *topics, ob_error *err)
{
    (void)topics, (void)err; /* batch.logs; it does not wait */
    bus->subscribes = true;
    bus->polled_us = world_now_us();
    change_group(0);
    return 0;
}

int ob_bus_commit(ob_bus *bus, ob_point point, ob_error *err)
{
    ob_point_pass(point, OB_POINT_BEFORE);
    if (!kafka_is_up())
        return ob_fail_retry(err, EIO, "no broker is reachable");
    for (size_t i = 0; i < bus->n_reads; i++) {
        const reader *r = &bus->reads[i];
        if (r->generation == kafka.logs[r->topic][r->partition].generation)
            kafka.committed[r->partition] = r->next;
    }
    ob_point_pass(point, OB_POINT_AFTER);
    return 0;
}

void ob_bus_unassign(ob_bus *bus)
{
    bus->n_reads = 0;
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
    if (len > ob_topic_max(topic))
        return ob_fail(err, EMSGSIZE, "the message is too long");
    int n = kafka_topic(topic);
    message m = { .data = (char *)data, .key = (char *)key, .len = len, .key_len = key_len };
    ob_point_pass(point, OB_POINT_BEFORE);
    kafka_send(bus, n, kafka_partition_for(n, partition, key, key_len), kafka_copy(&m), ref);
    ob_point_pass(point, OB_POINT_AFTER);
    return 0;
}

static void say(const ob_bus *bus, ob_bus_event event)
{
    if (bus->config.on_event)
        bus->config.on_event(event, bus->config.arg);
}

static void say_events(ob_bus *bus)
{
    if (kafka_is_up() != bus->was_up) {
        bus->was_up = kafka_is_up();
        say(bus, bus->was_up ? OB_BUS_UP : OB_BUS_DOWN);
    }
    if (bus->event_owed) {
        bus->event_owed = false;
        say(bus, OB_BUS_REASSIGNED);
    }
    if (bus->positions_lost && kafka_is_up()) {
        bus->positions_lost = false;
        for (size_t i = 0; i < bus->n_reads; i++) {
            const log_part *l = &kafka.logs[bus->reads[i].topic][bus->reads[i].partition];
            bus->reads[i].next =
                bus->subscribes ? kafka.committed[bus->reads[i].partition] : kafka_end(l);
            bus->reads[i].generation = l->generation;
        }
        say(bus, OB_BUS_REASSIGNED);
    }
}

static void say_reports(ob_bus *bus)
{
    for (size_t i = 0; i < bus->n_reports;) {
        report one = bus->reports[i];
        if (one.at_us > world_now_us()) {
            i++;
            continue;
        }
        memmove(&bus->reports[i], &bus->reports[i + 1],
                (--bus->n_reports - i) * sizeof(*bus->reports));
        bus->config.on_delivery(one.ref, one.ok, one.offset, bus->config.arg);
    }
}

static int take(ob_bus *bus, reader *r, int max)
{
    log_part *l = &kafka.logs[r->topic][r->partition];
    int n = 0;
    if (r->generation != l->generation)
        return 0; /* until it is told that its position is lost */
    for (; n < max && r->next < kafka_end(l); n++) {
        const message *m = l->at[r->next - l->first];
        if (m->seen_us > world_now_us())
            break;
        r->next++;
        bus->config.on_msg(&(ob_bus_msg){ .topic = ob_topics[r->topic].name,
                                          .partition = r->partition,
                                          .offset = m->offset,
                                          .key = m->key,
                                          .key_len = m->key_len,
                                          .data = m->data,
                                          .len = m->len },
                           bus->config.arg);
    }
    return n;
}

static int poll_once(ob_bus *bus, int max)
{
    int n = 0;
    say_reports(bus);
    say_events(bus);
    if (bus->subscribes)
        watch_group(bus);
    if (!bus->config.on_msg || !kafka_is_up())
        return 0;
    for (size_t i = 0; i < bus->n_reads && n < max; i++)
        n += take(bus, &bus->reads[i], max - n);
    return n;
}

int ob_bus_poll(ob_bus *bus, int timeout_ms, int max)
{
    int64_t until_us = world_now_us() + timeout_ms * MS_US;
    int n = poll_once(bus, max);
    while (n == 0 && world_now_us() < until_us) {
        world_wait_until(until_us);
        n = poll_once(bus, max);
        if (world_take_signal(bus->owner, BUS_FD))
            break;
    }
    return n;
}

int ob_bus_fd(ob_bus *bus)
{
    (void)bus;
    return WORLD_FD + BUS_FD;
}

int ob_bus_is_up(const ob_bus *bus)
{
    (void)bus;
    return kafka_is_up();
}
