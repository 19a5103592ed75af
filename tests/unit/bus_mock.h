/* librdkafka's mock cluster with buses, for tests of the bus. */
#pragma once

#include "unit.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "ob/bus.h"

extern rd_kafka_mock_cluster_t *cluster; /* of one broker */

#define MAX_SEEN 20000
typedef struct seen {
    ob_bus *bus;
    int n;
    char text[64]; /* of the last message */
    char key[64];
    char topic[64];
    int32_t partition;
    int64_t offset;
    bool got[MAX_SEEN]; /* messages whose text is a number */
    int delivered, failed, reassigned, up, down;
    void *last_ref;
    void (*in_handler)(struct seen *seen);
} seen;

int set_up(void **state);
int tear_down(void **state);

/* group: may be NULL. */
ob_bus *open_bus(seen *s, const char *group);
/* settings: a file of librdkafka's, as in ob_bus_config. */
ob_bus *open_bus_set(seen *s, const char *group, const char *settings);
/* One that alone writes its topics. */
ob_bus *open_bus_alone(seen *s);
void on_msg(const ob_bus_msg *msg, void *arg);
void make_topic(const char *topic, int partitions);
void assign(ob_bus *bus, const char *topic);
void say(ob_bus *bus, const char *topic, const char *key, const char *text, void *ref);
/* Polls until *count reaches 'want'; fails after 20 s. */
void poll_until(ob_bus *bus, const int *count, int want);
void poll_for(ob_bus *bus, int64_t ms);
