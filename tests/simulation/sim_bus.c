/* ob/bus.h: a simulated Kafka. Owns the topics' messages, and what is on its way to and from them.
 *
 * A message is appended some time after it was sent, in the order of its sender and key; readers
 * see it a little later. What the real one may do with a message, this one does when it is asked
 * to: lose it (with or without telling the sender), keep it twice, or hold it up so that those of
 * other keys pass. A wiped topic begins again at offset 0, and its readers at its end.
 *
 * There is one group: its members share the partitions of batch.logs. When one comes or goes, all
 * stop reading, and begin again a little later at what was committed.
 *
 * Invariant: readers, sends and reports of a killed process are gone at once; what it sent before
 * may still arrive; if it was held up, it is perhaps lost with its memory. One thread. */
#include "ob/bus.h"

#include <stdio.h>
#include <string.h>

#include "ob/hash.h"
#include "ob/topics.h"
#include "sim.h"

#define BUS_FD 1
#define TOPICS 8
#define PARTITIONS_MAX 8
#define FOLLOWS_MAX 64
#define REQUEST_US 1500
#define SESSION_US (10 * SECOND_US) /* a member of the group that is silent for so long is out */

typedef struct message {
    char *data, *key;
    size_t len, key_len;
    int64_t offset, seen_us; /* readers have it from then on */
} message;

typedef struct log_part {
    message **at;
    size_t n, cap;
    int64_t first;       /* offset of at[0] */
    uint64_t generation; /* counts wipes */
    int64_t appended_us; /* of the last one */
} log_part;

typedef struct reader {
    int topic, partition;
    int64_t next;
    uint64_t generation;
} reader;

typedef struct report {
    void *ref;
    int ok;
    int64_t offset, at_us;
} report;

struct ob_bus {
    process *owner;
    ob_bus_config config;
    reader reads[FOLLOWS_MAX];
    size_t n_reads;
    bool positions_lost, was_up, event_owed;
    report *reports; /* by time */
    size_t n_reports, cap_reports;
    int64_t key_us[64];      /* by a hash of its key: when its last message arrives */
    bool subscribes, is_out; /* a member of the group; it does not know yet that it is no more */
    int64_t polled_us;
    bool forgets; /* its process is gone, and with it all that was held up */
    struct ob_bus *next;
};

/* A message on its way. The bus is looked up again: its process may be gone. */
typedef struct flight {
    ob_bus *bus;
    int topic, partition;
    message *m;
    void *ref;
    uint64_t generation;
    bool held; /* in its sender's memory, longer than usual */
} flight;

static struct {
    int partitions;
    log_part logs[TOPICS][PARTITIONS_MAX];
    ob_bus *all;
    int64_t away_until_us;
    struct {
        int in;
        int64_t until_us;
    } mischief[BUS_MISCHIEF_COUNT];
    dice latency, luck;
    int64_t committed[PARTITIONS_MAX]; /* the group's, of batch.logs */
    int64_t settles_us; /* not before: a member that was killed is still waited for */
    uint64_t changes;   /* of the group */
} kafka;

void sim_bus_open(uint64_t seed, int partitions)
{
    memset(&kafka, 0, sizeof(kafka));
    kafka.partitions = partitions;
    kafka.latency = dice_new(seed, "kafka latency");
    kafka.luck = dice_new(seed, "kafka luck");
}

static bool is_up(void)
{
    return world_now_us() >= kafka.away_until_us;
}

static int topic_of(const char *name)
{
    for (int i = 0; ob_topics[i].name; i++)
        if (strcmp(ob_topics[i].name, name) == 0)
            return i;
    return -1;
}

static int partitions_of(int topic)
{
    return ob_topics[topic].partitioned ? kafka.partitions : 1;
}

static int64_t end_of(const log_part *l)
{
    return l->first + (int64_t)l->n;
}

static ob_bus *find(const ob_bus *bus)
{
    for (ob_bus *b = kafka.all; b; b = b->next)
        if (b == bus)
            return b;
    return NULL;
}

static void wake(void *arg)
{
    ob_bus *bus = find(arg);
    if (bus)
        world_signal(bus->owner, BUS_FD);
}

static bool reads(const ob_bus *bus, int topic, int partition)
{
    for (size_t i = 0; i < bus->n_reads; i++)
        if (bus->reads[i].topic == topic && bus->reads[i].partition == partition)
            return true;
    return false;
}

static message *copy_message(const message *m)
{
    message *to = ob_calloc(1, sizeof(*to));
    *to = *m;
    to->data = ob_calloc(m->len + 1, 1);
    memcpy(to->data, m->data, m->len);
    if (m->key) {
        to->key = ob_calloc(m->key_len + 1, 1);
        memcpy(to->key, m->key, m->key_len);
    }
    return to;
}

/* Takes the message. Returns its offset. */
static int64_t append(int topic, int partition, message *m)
{
    log_part *l = &kafka.logs[topic][partition];
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 64;
        l->at = ob_realloc(l->at, l->cap * sizeof(*l->at));
    }
    m->offset = end_of(l);
    m->seen_us = world_now_us() + dice_between(&kafka.latency, 100, 600);
    if (l->n > 0 && m->seen_us < l->at[l->n - 1]->seen_us)
        m->seen_us = l->at[l->n - 1]->seen_us;
    l->at[l->n++] = m;
    for (ob_bus *bus = kafka.all; bus; bus = bus->next)
        if (reads(bus, topic, partition))
            world_at(m->seen_us, wake, bus);
    return m->offset;
}

static void add_report(ob_bus *bus, void *ref, int ok, int64_t offset)
{
    if (!bus->config.on_delivery || !ref)
        return;
    if (bus->n_reports == bus->cap_reports) {
        bus->cap_reports = bus->cap_reports ? bus->cap_reports * 2 : 32;
        bus->reports = ob_realloc(bus->reports, bus->cap_reports * sizeof(*bus->reports));
    }
    int64_t at_us = world_now_us() + dice_between(&kafka.latency, 100, 500);
    bus->reports[bus->n_reports++] =
        (report){ .ref = ref, .ok = ok, .offset = offset, .at_us = at_us };
    world_at(at_us, wake, bus);
}

static bool struck(bus_mischief what)
{
    return world_now_us() < kafka.mischief[what].until_us &&
           dice_in(&kafka.luck, kafka.mischief[what].in);
}

static void message_free(message *m)
{
    free(m->data);
    free(m->key);
    free(m);
}

static void arrive(void *arg)
{
    flight *f = arg;
    ob_bus *bus = f->bus ? find(f->bus) : NULL;
    log_part *l = &kafka.logs[f->topic][f->partition];
    if (f->held && f->bus && !bus && f->bus->forgets) {
        trace_step("unsent", (uint64_t)f->topic, f->m->len,
                   "a message of %s is gone with its sender", ob_topics[f->topic].name);
        message_free(f->m);
        free(f);
        return;
    }
    if (!is_up() &&
        l->generation == f->generation) { /* the producer tries again until it is back */
        f->held = true;
        world_at(kafka.away_until_us + 1, arrive, f);
        return;
    }
    bool lost = l->generation != f->generation || struck(BUS_LOSE);
    int64_t offset = -1;
    if (lost) {
        trace_step("lost", (uint64_t)f->topic, f->m->len, "Kafka loses a message of %s: %.*s",
                   ob_topics[f->topic].name, (int)f->m->len, f->m->data);
        message_free(f->m);
    } else {
        message *twin = struck(BUS_TWICE) ? copy_message(f->m) : NULL;
        offset = append(f->topic, f->partition, f->m);
        if (twin) {
            trace_step("twice", (uint64_t)f->topic, (uint64_t)offset,
                       "Kafka keeps a message of %s twice", ob_topics[f->topic].name);
            (void)append(f->topic, f->partition, twin);
        }
    }
    /* One that a wiped topic has swallowed was acknowledged, or not. */
    bool ok = !lost || dice_in(&kafka.luck, 2);
    if (lost && f->topic == topic_of(OB_TOPIC_LOGS))
        oracle_output_lost(!ok);
    if (bus)
        add_report(bus, f->ref, ok, offset < 0 ? 0 : offset);
    free(f);
}

static int partition_for(int topic, int32_t partition, const char *key, size_t len)
{
    uint32_t hash = OB_HASH32;
    if (partition >= 0)
        return partition;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (uint8_t)key[i]) * 16777619u;
    return (int)(hash % (uint32_t)partitions_of(topic));
}

static void send_to(ob_bus *bus, int topic, int partition, message *m, void *ref)
{
    uint32_t hash = OB_HASH32;
    for (size_t i = 0; i < m->key_len; i++)
        hash = (hash ^ (uint8_t)m->key[i]) * 16777619u;
    int64_t arrives_us = world_now_us() + dice_between(&kafka.latency, 200, 900);
    bool held = struck(BUS_DELAY);
    if (held) {
        int64_t by_us = dice_between(&kafka.luck, 1, 6000) * MS_US;
        trace_step("delayed", (uint64_t)topic, (uint64_t)by_us,
                   "a message of %s is held up for %.1f s", ob_topics[topic].name,
                   (double)by_us / 1e6);
        arrives_us += by_us;
    }
    if (bus) {
        int64_t *last = &bus->key_us[(hash + (uint32_t)topic * 7u) % ARRAY_SIZE(bus->key_us)];
        held = held || arrives_us < *last - MS_US; /* behind one that is held up */
        arrives_us = arrives_us < *last ? *last : arrives_us;
        *last = arrives_us;
    }
    flight *f = ob_calloc(1, sizeof(*f));
    *f = (flight){ .bus = bus,
                   .topic = topic,
                   .partition = partition,
                   .m = m,
                   .ref = ref,
                   .held = held,
                   .generation = kafka.logs[topic][partition].generation };
    world_at(arrives_us, arrive, f);
}

void sim_bus_ring(const char *topic)
{
    message *m = ob_calloc(1, sizeof(*m));
    m->data = ob_strdup("{\"v\":1,\"type\":\"command\",\"epoch\":0}");
    m->len = strlen(m->data);
    int n = topic_of(topic);
    send_to(NULL, n, (int)dice_below(&kafka.latency, partitions_of(n)), m, NULL);
}

/* ---- Faults ---- */

static void is_back(void *arg)
{
    (void)arg;
    for (ob_bus *bus = kafka.all; bus && is_up(); bus = bus->next)
        world_signal(bus->owner, BUS_FD);
}

void sim_bus_away(int64_t for_us)
{
    if (world_now_us() + for_us > kafka.away_until_us)
        kafka.away_until_us = world_now_us() + for_us;
    for (ob_bus *bus = kafka.all; bus; bus = bus->next)
        world_signal(bus->owner, BUS_FD);
    world_at(kafka.away_until_us, is_back, NULL);
}

static void positions_lost(void *arg)
{
    (void)arg;
    for (ob_bus *bus = kafka.all; bus; bus = bus->next)
        if (bus->n_reads > 0) {
            bus->positions_lost = true;
            world_signal(bus->owner, BUS_FD);
        }
}

void sim_bus_wipe(void)
{
    oracle_output_lost(false);
    memset(kafka.committed, 0, sizeof(kafka.committed));
    for (int t = 0; t < TOPICS; t++)
        for (int p = 0; p < PARTITIONS_MAX; p++) {
            log_part *l = &kafka.logs[t][p];
            for (size_t i = 0; i < l->n; i++)
                message_free(l->at[i]);
            l->n = 0;
            l->first = 0;
            l->generation++;
        }
    world_after(dice_between(&kafka.latency, 50, 1500) * MS_US, positions_lost, NULL);
}

/* As after an offset that a broker has lost: what was read is read again. */
void sim_bus_again(uint64_t which, int n)
{
    /* Orders for executors are what matters most. */
    int topic = which % 2 ? topic_of(OB_TOPIC_PLACEMENTS) : (int)(which / 2 % TOPICS);
    int partition = (int)(which / 32 % (uint64_t)partitions_of(topic));
    const log_part *l = &kafka.logs[topic][partition];
    for (ob_bus *bus = kafka.all; bus; bus = bus->next)
        for (size_t i = 0; i < bus->n_reads; i++) {
            reader *r = &bus->reads[i];
            if (r->topic != topic || r->partition != partition || r->generation != l->generation)
                continue;
            r->next = r->next - n < l->first ? l->first : r->next - n;
            world_signal(bus->owner, BUS_FD);
        }
}

void sim_bus_mischief(bus_mischief what, int in, int64_t for_us)
{
    kafka.mischief[what].in = in;
    kafka.mischief[what].until_us = world_now_us() + for_us;
}

/* ---- The group ---- */

static void follow(ob_bus *bus, int topic, int partition, int64_t from);

static void share_out(void *arg)
{
    ob_bus *members[FOLLOWS_MAX];
    size_t n = 0;
    int topic = topic_of(OB_TOPIC_LOGS);
    if ((uint64_t)(uintptr_t)arg != kafka.changes)
        return; /* it has changed again */
    if (!is_up()) {
        world_at(kafka.away_until_us + REQUEST_US, share_out, arg);
        return;
    }
    for (ob_bus *bus = kafka.all; bus && n < FOLLOWS_MAX; bus = bus->next)
        if (bus->subscribes && !bus->is_out)
            members[n++] = bus;
    for (int p = 0; n > 0 && p < partitions_of(topic); p++)
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
    int topic = topic_of(OB_TOPIC_LOGS);
    for (int p = 0; p < partitions_of(topic); p++)
        n += end_of(&kafka.logs[topic][p]) - kafka.committed[p];
    return n;
}

/* ---- ob/bus.h ---- */

int ob_bus_new(const ob_bus_config *config, ob_bus **ret, ob_error *err)
{
    (void)err;
    ob_bus *bus = ob_calloc(1, sizeof(*bus));
    bus->owner = world_process();
    bus->config = *config;
    bus->was_up = is_up();
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
    while (!is_up()) {
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
        *ret = partitions_of(topic_of(topic));
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
    const log_part *l = &kafka.logs[topic_of(topic)][partition];
    *ret_low = l->first;
    *ret_high = end_of(l);
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
    follow(bus, topic, partition, end_of(&kafka.logs[topic][partition]));
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
        int topic = topic_of(topics[i]);
        for (int p = 0; p < partitions_of(topic); p++)
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
    ob_bus *bus = find(f->bus);
    if (bus && !is_up()) {
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
                      .topic = topic_of(topic),
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
    if (!is_up())
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
    int n = topic_of(topic);
    message m = { .data = (char *)data, .key = (char *)key, .len = len, .key_len = key_len };
    ob_point_pass(point, OB_POINT_BEFORE);
    send_to(bus, n, partition_for(n, partition, key, key_len), copy_message(&m), ref);
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
    if (is_up() != bus->was_up) {
        bus->was_up = is_up();
        say(bus, bus->was_up ? OB_BUS_UP : OB_BUS_DOWN);
    }
    if (bus->event_owed) {
        bus->event_owed = false;
        say(bus, OB_BUS_REASSIGNED);
    }
    if (bus->positions_lost && is_up()) {
        bus->positions_lost = false;
        for (size_t i = 0; i < bus->n_reads; i++) {
            const log_part *l = &kafka.logs[bus->reads[i].topic][bus->reads[i].partition];
            bus->reads[i].next =
                bus->subscribes ? kafka.committed[bus->reads[i].partition] : end_of(l);
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
    for (; n < max && r->next < end_of(l); n++) {
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
    if (!bus->config.on_msg || !is_up())
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
    return is_up();
}
