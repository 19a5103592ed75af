/* The inside of the simulated Kafka: what its brokers (sim_kafka.c) and ob/bus.h on them
 * (sim_bus.c) share. */
#pragma once

#include "ob/bus.h"
#include "ob/topics.h"
#include "sim.h"

#define BUS_FD 1
#define TOPICS 8
#define PARTITIONS_MAX 8
#define FOLLOWS_MAX 64

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

extern struct kafka {
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

bool kafka_is_up(void);
int kafka_topic(const char *name);
int kafka_partitions(int topic);
int64_t kafka_end(const log_part *l);
/* NULL: it is gone, with its process. */
ob_bus *kafka_find(const ob_bus *bus);
message *kafka_copy(const message *m);
int kafka_partition_for(int topic, int32_t partition, const char *key, size_t len);
/* Takes the message. bus: its sender, or NULL. */
void kafka_send(ob_bus *bus, int topic, int partition, message *m, void *ref);
