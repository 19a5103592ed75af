/* Kafka. Tests replace these functions by their own. A process has one ob_bus; only its owner's
 * thread calls it, unless a comment says otherwise.
 *
 * Internal topics are read from their end, without groups or committed offsets
 * (docs/architecture.md); only batch.logs has a group. Losing or repeating a message changes
 * nothing: every message is a doorbell or a level. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "ob/config.h"
#include "ob/error.h"
#include "ob/point.h"

typedef struct ob_bus ob_bus;

typedef struct ob_bus_msg {
    const char *topic;
    int32_t partition;
    int64_t offset;
    const char *key; /* not NUL-terminated; may be NULL */
    size_t key_len;
    const char *data; /* not NUL-terminated */
    size_t len;
} ob_bus_msg;

/* An event of a position or topic; the service reconciles. */
typedef enum ob_bus_event {
    OB_BUS_REASSIGNED, /* the partitions of ob_bus_follow_end are being read; or a topic, partition
                          or offset was unknown, so positions were resolved again and messages may
                          be missing */
    OB_BUS_DOWN,       /* no broker is reachable */
    OB_BUS_UP,
} ob_bus_event;

typedef void (*ob_bus_on_msg)(const ob_bus_msg *msg, void *arg);
typedef void (*ob_bus_on_event)(ob_bus_event event, void *arg);
/* The result of a message; ok false: it was not delivered. ref: the argument of ob_bus_produce. */
typedef void (*ob_bus_on_delivery)(void *ref, int ok, int64_t offset, void *arg);

typedef struct ob_bus_config {
    const char *servers;
    const char *user; /* NULL: no SASL */
    const char *password;
    const char *settings; /* file of librdkafka settings, one name=value per line; they override
                             ours. NULL or empty: none */
    const char *pid_file; /* file with the number of Kafka's process on this host, which alone is
                             spoken to; NULL or empty: anybody who has the port */
    const char *client_id;
    int32_t partitions; /* OPENBATCH_KAFKA_PARTITIONS, for topics that are created */
    /* Nobody else may write the topics that this process sends to. Then its producer has an id: a
     * message is there once, and in order. Kafka believes whatever id a batch names, so others who
     * write the same topic could use the id up: our messages would be refused, or dropped as
     * repeated. */
    bool writes_alone;
    const char *group; /* NULL, or the group of 'group_topics' (api: batch.logs) */
    ob_bus_on_msg on_msg;
    ob_bus_on_event on_event;       /* may be NULL */
    ob_bus_on_delivery on_delivery; /* may be NULL; ob_bus_poll calls it */
    void *arg;
} ob_bus_config;

/* Creates producer and consumer. Does not wait for the broker. The config's strings are copied. */
int ob_bus_new(const ob_bus_config *config, ob_bus **ret, ob_error *err);
/* As ob_bus_new, for a service: servers, user, password (read from its file), settings and
 * partitions are the service's own; 'config' says the rest. Errors: those of ob_config_read_secret,
 * too. */
int ob_bus_open(const ob_config_common *service,
                const ob_bus_config *config,
                ob_bus **ret,
                ob_error *err);
void ob_bus_free(ob_bus *bus); /* flushes for at most 2 s */

/* Creates the missing topics of ob_topics, except those that this user may not create. Errors:
 * retriable if no broker is reachable. */
int ob_bus_make_topics(ob_bus *bus, int timeout_ms, ob_error *err);

/* Assigns all partitions of 'topics' (NULL-terminated) at end offsets that are resolved now;
 * replaces an earlier assignment. When it returns, the offsets are known, so everything that is
 * produced later is read. partitions_only: NULL, or for each topic the one partition to read, -1 =
 * all. Errors: -ENOENT (topic or partition does not exist), -EIO; both are retriable and keep the
 * earlier assignment. */
int ob_bus_assign_end(ob_bus *bus,
                      const char *const *topics,
                      const int32_t *partitions_only,
                      int timeout_ms,
                      ob_error *err);
/* Assigns an instance's partition of 'topic' at its end, without waiting, even if the broker takes
 * long. OB_BUS_REASSIGNED reports that it is done; everything that is produced after that is read.
 * Replaces an earlier assignment at once. It also prepares the producer for 'sends_to', whose first
 * message would otherwise wait a second. */
int ob_bus_follow_end(
    ob_bus *bus, const char *topic, const char *instance, const char *sends_to, ob_error *err);

/* Subscribes to topics with the configured group. Call ob_bus_commit, which passes the point, to
 * commit offsets when the messages' effects are durable. */
int ob_bus_subscribe(ob_bus *bus, const char *const *topics, ob_error *err);
int ob_bus_commit(ob_bus *bus, ob_point point, ob_error *err);
/* Stops consuming (a deposed leader). */
void ob_bus_unassign(ob_bus *bus);

/* Number of partitions of a topic according to the broker, cached; refreshed on OB_BUS_REASSIGNED.
 * Errors: -EIO retriable. */
int ob_bus_partitions(ob_bus *bus, const char *topic, int timeout_ms, int32_t *ret, ob_error *err);
/* End (high watermark) and begin offsets of a partition. */
int ob_bus_watermarks(ob_bus *bus,
                      const char *topic,
                      int32_t partition,
                      int timeout_ms,
                      int64_t *ret_low,
                      int64_t *ret_high,
                      ob_error *err);

/* Passes the point and queues one message (copied). partition -1: by key. ref: passed to
 * on_delivery (NULL: no report). Never blocks. Errors: -EAGAIN (the queue is full), -ENOENT
 * (unknown topic: it is being created), -EIO; all of these are retriable; -EMSGSIZE; -EINVAL (the
 * topic takes only sealed messages: use ob_seal_send, ob/seal.h). Any thread. */
int ob_bus_send(ob_bus *bus,
                ob_point point,
                const char *topic,
                int32_t partition,
                const char *key,
                size_t key_len,
                const char *data,
                size_t len,
                void *ref,
                ob_error *err);

/* The same for the few messages that go in clear on a topic of sealed ones: probes, and orders for
 * executors of an earlier version. */
int ob_bus_send_clear(ob_bus *bus,
                      ob_point point,
                      const char *topic,
                      int32_t partition,
                      const char *key,
                      size_t key_len,
                      const char *data,
                      size_t len,
                      void *ref,
                      ob_error *err);

/* Messages are handled for so long before the caller gets its turn, however many wait. */
#define OB_BUS_HANDLE_MS 100

/* Handles messages that have arrived by calling the handlers in the caller's thread. Waits up to
 * timeout_ms for the first message and takes at most 'max' messages in at most OB_BUS_HANDLE_MS and
 * one handler's time more; the descriptor stays readable if there may be others. Returns the number
 * of messages; returns 0 early after delivery reports, an event or a signal. Sends no request to
 * the cluster: a thread of the bus prepares repairs. The owner calls it every few seconds, also
 * when nothing is on its way: a producer is replaced a second time only when the owner has polled
 * what the first one left. */
int ob_bus_poll(ob_bus *bus, int timeout_ms, int max);

/* A file descriptor that becomes readable when ob_bus_poll has something to do (for epoll; read it
 * to drain it). */
int ob_bus_fd(ob_bus *bus);

/* Is a broker reachable, according to the last information? */
int ob_bus_is_up(const ob_bus *bus);
