/* The internals of the Kafka bus, shared by bus_kafka.c (sending, polling), bus_kafka_client.c
 * (librdkafka's handles), bus_kafka_admin.c (topics, offsets) and bus_kafka_keeper.c (the thread
 * that repairs). */
#pragma once

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "ob/bus.h"
#include "ob/topics.h"

/* A producer, and the handle that keeps the public topic's settings. */
typedef struct bus_sender {
    rd_kafka_t *rk;
    rd_kafka_topic_t *public_topic;
} bus_sender;

/* The assignment that the owner requested. */
typedef struct bus_wanted {
    char *topic;
    int32_t partition; /* -1: all */
    char *instance;    /* if set: the partition of this one instead */
} bus_wanted;

/* A partition and the offset from which it is, or shall be, read. */
typedef struct bus_position {
    char *topic;
    int32_t partition;
    int64_t offset;
    rd_kafka_topic_t *rkt; /* set while it is read; each position has its own reference */
} bus_position;

typedef struct bus_positions {
    bus_position *at;
    size_t n;
} bus_positions;

typedef struct bus_count {
    char *topic;
    int32_t partitions;
} bus_count;

struct ob_bus {
    atomic_int users; /* the owner, and clients that are being destroyed; the last frees it */

    /* Constant after ob_bus_new. */
    char *servers, *user, *password, *client_id, *group, *settings, *pid_file;
    int32_t partitions;
    bool writes_alone;
    ob_bus_on_msg on_msg;
    ob_bus_on_event on_event;
    ob_bus_on_delivery on_delivery;
    void *arg;
    int wake_fd; /* eventfd: readable when poll has something to do */

    /* Only the keeper replaces the producer. A replaced one is destroyed only after the owner has
     * polled it until it is empty (retired, then dead), so the owner and the keeper may use a
     * producer that they took without holding the lock. */
    pthread_rwlock_t sender_lock;
    bus_sender *sender;

    /* The owner's. */
    rd_kafka_queue_t *queue;  /* of the assigned partitions */
    rd_kafka_t *group_member; /* NULL until ob_bus_subscribe */
    bus_positions reading;
    bool told_up;
    int handled;             /* reports and events since poll began */
    int64_t delivered_at_ms; /* monotonic: the last message that went out */

    int step_ms; /* the keeper's: time limit for a step of a repair */

    /* Shared with the keeper, under 'lock'. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t keeper;
    bool stopping;
    rd_kafka_t *consumer; /* NULL until the first assignment; never replaced */
    bus_sender *retired, *dead;
    bool sender_failed;
    bool repair_wanted, repair_done;
    unsigned wanted_generation; /* of 'wanted'; the keeper drops its result if it has changed */
    bus_wanted *wanted;
    size_t n_wanted;
    char *sends_to; /* a topic that the producer must know too; NULL: none */
    bus_positions resolved;
    bus_count *counts;
    size_t n_counts;

    atomic_bool up;
};

/* bus_kafka.c: one user less. */
void bus_unref(ob_bus *bus);

/* bus_kafka_client.c */
int bus_sender_new(ob_bus *bus, bus_sender **ret, ob_error *err);
/* Destroys clients in a separate thread and waits a while. If librdkafka does not return in time,
 * the client keeps referring to the bus, and counts as one of its users until it has ended. */
void bus_sender_free(ob_bus *bus, bus_sender *sender);
void bus_consumer_free(ob_bus *bus, rd_kafka_t *consumer);
int bus_consumer_new(ob_bus *bus, const char *group, rd_kafka_t **ret, ob_error *err);

/* Asks the keeper to replace the producer. Any thread. */
void bus_sender_fails(ob_bus *bus);
/* The current producer; the owner and the keeper may use it without the lock. */
rd_kafka_t *bus_producer(ob_bus *bus);
/* Makes poll return. Any thread. */
void bus_wake(ob_bus *bus);
void bus_set_up(ob_bus *bus, bool up);
/* Does the error mean that a topic, a partition or a position is not what we assumed? */
bool bus_is_lost_position(rd_kafka_resp_err_t e);
/* Asks the keeper to create topics and resolve positions again. Any thread. */
void bus_want_repair(ob_bus *bus, const char *why);

/* bus_kafka_peer.c: is the other end of a connection within this host the process whose number
 * stands in 'pid_file', and one of no container? Waits until it has accepted, at most some seconds.
 * ask: the kernel, if it answers such questions; otherwise its tables are read, which costs it much
 * more. */
bool bus_peer_is(int fd, const char *pid_file, bool ask);

/* bus_kafka_admin.c */
int bus_fail_kafka(ob_error *err, rd_kafka_resp_err_t e, const char *what);
int bus_resolve(rd_kafka_t *rk,
                const bus_wanted *wanted,
                size_t n,
                int timeout_ms,
                bus_positions *ret,
                ob_error *err);
/* Refreshes a client's data about the topics that it uses. */
int bus_refresh(rd_kafka_t *rk, int timeout_ms, ob_error *err);
void bus_positions_done(bus_positions *positions);
void bus_wanted_free(bus_wanted *wanted, size_t n);
void bus_forget_counts(ob_bus *bus); /* under 'lock' */

/* bus_kafka_keeper.c */
int bus_keeper_start(ob_bus *bus, ob_error *err);
void bus_keeper_stop(ob_bus *bus);
