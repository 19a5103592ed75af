/* A leader's own round trip through Kafka: a message to itself, through every partition of
 * batch.executions. It shows whether messages of others can arrive. One owner thread. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "ob/bus.h"

#define OB_PROBE_MAX_PARTITIONS 256

typedef struct ob_probe {
    const char *role;                /* borrowed; the sender's name in the message */
    uint64_t session;                /* tells the probes of this leadership from all others */
    int32_t partitions;              /* 0: not known yet */
    uint64_t nonce;                  /* of the last one */
    int64_t begun_at_ms, sent_at_ms; /* monotonic */
    int64_t seen_at_ms[OB_PROBE_MAX_PARTITIONS]; /* when the last one came back */
} ob_probe;

/* A new session: nothing has been sent yet, and silence counts from now. */
void ob_probe_begin(ob_probe *probe, const char *role, int32_t partitions, int64_t now_ms);
/* The topic has another number of partitions now. Silence of new ones counts from now. */
void ob_probe_resize(ob_probe *probe, int32_t partitions, int64_t now_ms);
/* Sends one to each partition, if 'every_ms' have passed; passes the point. */
void ob_probe_send(
    ob_probe *probe, ob_bus *bus, ob_point point, int64_t epoch, int64_t now_ms, int64_t every_ms);
/* Takes a message of batch.executions. Returns whether it was a probe, of whomever. */
bool ob_probe_take(
    ob_probe *probe, int32_t partition, const char *type, const json_t *body, int64_t now_ms);
/* How long the slowest partition has been silent. */
int64_t ob_probe_silent_ms(const ob_probe *probe, int64_t now_ms);
