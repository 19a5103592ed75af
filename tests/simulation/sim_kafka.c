/* The brokers of a simulated Kafka. Owns the topics' messages, and what is on its way to and from
 * them.
 *
 * A message is appended some time after it was sent, in the order of its sender and key; readers
 * see it a little later. What the real one may do with a message, this one does when it is asked
 * to: lose it (with or without telling the sender), keep it twice, or hold it up so that those of
 * other keys pass. A wiped topic begins again at offset 0, and its readers at its end.
 *
 * Invariant: what a killed process sent before may still arrive; if it was held up, it is perhaps
 * lost with its memory. One thread. */
#include "sim_kafka.h"

#include <string.h>

#include "ob/hash.h"

/* A message on its way. The bus is looked up again: its process may be gone. */
typedef struct flight {
    ob_bus *bus;
    int topic, partition;
    message *m;
    void *ref;
    uint64_t generation;
    bool held; /* in its sender's memory, longer than usual */
} flight;

struct kafka kafka;

void sim_kafka_open(uint64_t seed, int partitions)
{
    memset(&kafka, 0, sizeof(kafka));
    kafka.partitions = partitions;
    kafka.latency = dice_new(seed, "kafka latency");
    kafka.luck = dice_new(seed, "kafka luck");
}

bool kafka_is_up(void)
{
    return world_now_us() >= kafka.away_until_us;
}

int kafka_topic(const char *name)
{
    for (int i = 0; ob_topics[i].name; i++)
        if (strcmp(ob_topics[i].name, name) == 0)
            return i;
    return -1;
}

int kafka_partitions(int topic)
{
    return ob_topics[topic].partitions > 0 ? kafka.partitions : 1;
}

int64_t kafka_end(const log_part *l)
{
    return l->first + (int64_t)l->n;
}

ob_bus *kafka_find(const ob_bus *bus)
{
    for (ob_bus *b = kafka.all; b; b = b->next)
        if (b == bus)
            return b;
    return NULL;
}

static void wake(void *arg)
{
    ob_bus *bus = kafka_find(arg);
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

message *kafka_copy(const message *m)
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
    m->offset = kafka_end(l);
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
    ob_bus *bus = f->bus ? kafka_find(f->bus) : NULL;
    log_part *l = &kafka.logs[f->topic][f->partition];
    if (f->held && f->bus && !bus && f->bus->forgets) {
        trace_step("unsent", (uint64_t)f->topic, f->m->len,
                   "a message of %s is gone with its sender", ob_topics[f->topic].name);
        message_free(f->m);
        free(f);
        return;
    }
    if (!kafka_is_up() &&
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
        message *twin = struck(BUS_TWICE) ? kafka_copy(f->m) : NULL;
        offset = append(f->topic, f->partition, f->m);
        if (twin) {
            trace_step("twice", (uint64_t)f->topic, (uint64_t)offset,
                       "Kafka keeps a message of %s twice", ob_topics[f->topic].name);
            (void)append(f->topic, f->partition, twin);
        }
    }
    /* One that a wiped topic has swallowed was acknowledged, or not. */
    bool ok = !lost || dice_in(&kafka.luck, 2);
    if (lost && f->topic == kafka_topic(OB_TOPIC_LOGS))
        oracle_output_lost(!ok);
    if (bus)
        add_report(bus, f->ref, ok, offset < 0 ? 0 : offset);
    free(f);
}

int kafka_partition_for(int topic, int32_t partition, const char *key, size_t len)
{
    uint32_t hash = OB_HASH32;
    if (partition >= 0)
        return partition;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (uint8_t)key[i]) * 16777619u;
    return (int)(hash % (uint32_t)kafka_partitions(topic));
}

void kafka_send(ob_bus *bus, int topic, int partition, message *m, void *ref)
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

void sim_kafka_ring(const char *topic)
{
    message *m = ob_calloc(1, sizeof(*m));
    m->data = ob_strdup("{\"v\":1,\"type\":\"command\",\"epoch\":0}");
    m->len = strlen(m->data);
    int n = kafka_topic(topic);
    kafka_send(NULL, n, (int)dice_below(&kafka.latency, kafka_partitions(n)), m, NULL);
}

/* ---- Faults ---- */

static void is_back(void *arg)
{
    (void)arg;
    for (ob_bus *bus = kafka.all; bus && kafka_is_up(); bus = bus->next)
        world_signal(bus->owner, BUS_FD);
}

void sim_kafka_away(int64_t for_us)
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

void sim_kafka_wipe(void)
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
void sim_kafka_again(uint64_t which, int n)
{
    /* Orders for executors are what matters most. */
    int topic = which % 2 ? kafka_topic(OB_TOPIC_PLACEMENTS) : (int)(which / 2 % TOPICS);
    int partition = (int)(which / 32 % (uint64_t)kafka_partitions(topic));
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

void sim_kafka_mischief(bus_mischief what, int in, int64_t for_us)
{
    kafka.mischief[what].in = in;
    kafka.mischief[what].until_us = world_now_us() + for_us;
}
