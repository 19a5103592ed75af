/* Kafka. These functions are the seam: tests link their own in place of the library's. One ob_bus a
 * process; calls come from its owner's thread unless said.
 *
 * Internal topics are assigned from their end, without groups or committed offsets
 * (docs/architecture.md); batch.logs alone has a group. A lost or repeated message changes nothing:
 * every message is a doorbell or a level. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "ob/config.h"
#include "ob/error.h"

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

/* What happened to a position or topic; the service reconciles. */
typedef enum ob_bus_event {
    OB_BUS_REASSIGNED, /* what ob_bus_follow_end asked for is read; or an unknown topic, partition
                          or offset was met: positions were resolved anew, messages may be missing
                        */
    OB_BUS_DOWN,       /* all brokers are away */
    OB_BUS_UP,
} ob_bus_event;

typedef void (*ob_bus_on_msg)(const ob_bus_msg *msg, void *arg);
typedef void (*ob_bus_on_event)(ob_bus_event event, void *arg);
/* A message's fate: ok false = it was not delivered. 'ref' is the value given to produce. */
typedef void (*ob_bus_on_delivery)(void *ref, int ok, int64_t offset, void *arg);

typedef struct ob_bus_config {
    const char *servers;
    const char *user; /* NULL: no SASL */
    const char *password;
    const char *settings; /* file of librdkafka settings, name=value a line, which win; NULL or
                             empty: none */
    const char *pid_file; /* file with the number of Kafka's process on this host, which alone is
                             spoken to; NULL or empty: anybody who has the port */
    const char *client_id;
    int32_t partitions; /* of partitioned topics, when they are made */
    const char *group;  /* NULL, or the group of 'group_topics' (api: batch.logs) */
    ob_bus_on_msg on_msg;
    ob_bus_on_event on_event;       /* may be NULL */
    ob_bus_on_delivery on_delivery; /* may be NULL; called from within poll */
    void *arg;
} ob_bus_config;

/* Makes producer and consumer. Does not wait for the broker. The config's strings are copied. */
int ob_bus_new(const ob_bus_config *config, ob_bus **ret, ob_error *err);
/* As ob_bus_new, for a service: servers, user, password (read from its file), settings and
 * partitions are the service's own; 'config' says the rest. Errors: those of ob_config_read_secret,
 * too. */
int ob_bus_open(const ob_config_common *service,
                const ob_bus_config *config,
                ob_bus **ret,
                ob_error *err);
void ob_bus_free(ob_bus *bus); /* flushes for at most 2 s */

/* Makes the topics of ob_topics that are missing, but for those this user may not make. Errors:
 * retriable while the broker is away. */
int ob_bus_make_topics(ob_bus *bus, int timeout_ms, ob_error *err);

/* Assigns all partitions of 'topics' (NULL-terminated) at end offsets resolved now; replaces an
 * earlier assignment. Returns after the offsets are known: what is produced afterwards is seen.
 * partitions_only: NULL, or for each topic the one partition wanted, -1 = all.
 * Errors: -ENOENT (no such topic or partition), -EIO; both retriable, an earlier assignment stays.
 */
int ob_bus_assign_end(ob_bus *bus,
                      const char *const *topics,
                      const int32_t *partitions_only,
                      int timeout_ms,
                      ob_error *err);
/* Assigns an instance's partition of 'topic' at its end, however long the broker takes:
 * OB_BUS_REASSIGNED says when that is so, and what is produced afterwards is seen. Replaces an
 * earlier assignment at once. By then the producer knows 'sends_to' (its first message would wait a
 * second for that). Does not wait. */
int ob_bus_follow_end(
    ob_bus *bus, const char *topic, const char *instance, const char *sends_to, ob_error *err);

/* Subscribes to topics with the configured group; offsets are committed by ob_bus_commit after the
 * messages' effects are durable. */
int ob_bus_subscribe(ob_bus *bus, const char *const *topics, ob_error *err);
int ob_bus_commit(ob_bus *bus, ob_error *err);
/* Stops consuming (a deposed leader). */
void ob_bus_unassign(ob_bus *bus);

/* Number of partitions of a topic as the broker says, cached; refreshed on OB_BUS_REASSIGNED.
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

/* Queues one message (copied). partition -1: by key. ref: handed to on_delivery (NULL: nobody
 * asks). Never blocks. Errors: -EAGAIN (the queue is full), -ENOENT (unknown topic: it is being
 * made), -EIO; all retriable; -EMSGSIZE. Any thread. */
int ob_bus_send(ob_bus *bus,
                const char *topic,
                int32_t partition,
                const char *key,
                size_t key_len,
                const char *data,
                size_t len,
                void *ref,
                ob_error *err);

/* Handles what has arrived, calling the handlers from the caller's thread: waits up to timeout_ms
 * for the first message, takes at most 'max' messages. Returns the number of messages; comes back
 * early, with 0, after delivery reports, an event or a signal. Asks the cluster nothing: repairs
 * are prepared by a thread of the bus. */
int ob_bus_poll(ob_bus *bus, int timeout_ms, int max);

/* A file descriptor that becomes readable when ob_bus_poll has something to do (for epoll; drain it
 * by reading). */
int ob_bus_fd(ob_bus *bus);

/* Is a broker reachable, as far as is known now? */
int ob_bus_is_up(const ob_bus *bus);
