/* The table of topics: name, partitions, retention, and who may create it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OB_TOPIC_SUBMISSIONS "batch.submissions" /* api -> scheduler: doorbell */
#define OB_TOPIC_COMMANDS "batch.commands"       /* api -> scheduler, scaler: doorbell */
#define OB_TOPIC_PLACEMENTS "batch.placements"   /* scheduler -> executor */
#define OB_TOPIC_EXECUTIONS "batch.executions"   /* executor, probes -> scheduler, scaler */
#define OB_TOPIC_INSTANCES "batch.instances"     /* scaler <-> scheduler */
#define OB_TOPIC_DEMAND "batch.demand"           /* scheduler -> scaler */
#define OB_TOPIC_LOGS "batch.logs"               /* executor -> api (consumer group) */
#define OB_TOPIC_JOB_STATE "batch.job-state"     /* scheduler -> anyone: public */

typedef struct ob_topic {
    const char *name;
    int32_t partitions;      /* at least; OPENBATCH_KAFKA_PARTITIONS may say more. 0: always one */
    const char *configs[10]; /* "key", "value", ..., NULL */
    bool is_public;          /* others read its messages, so our limit does not apply */
    bool is_sealed;          /* its messages are sealed (ob/seal.h) */
} ob_topic;
extern const ob_topic ob_topics[]; /* ends with name == NULL */

/* With how many partitions a topic is created. configured: OPENBATCH_KAFKA_PARTITIONS. */
int32_t ob_topic_partitions(const ob_topic *topic, int32_t configured);
/* The longest message of a topic: OB_MESSAGE_MAX if we read it. */
size_t ob_topic_max(const char *topic);
/* Are the topic's messages sealed? */
bool ob_topic_is_sealed(const char *topic);

/* The partition of batch.placements for an instance: hash(instance id) mod partitions (FNV-1a
 * 32). */
int32_t ob_instance_partition(const char *instance_id, int32_t partitions);
