/* The table of topics. Doorbells and levels have no value after a minute, so they are kept for an
 * hour at most; segments roll every ten minutes, because Kafka deletes only whole segments. Owns
 * nothing. */
#include "ob/topics.h"

#include <string.h>

#include "ob/hash.h"
#include "ob/message.h"

#define HOUR "3600000"
#define TEN_MINUTES "600000"
#define DAY "86400000"
#define GIB "1073741824"
#define FOUR_GIB "4294967296"
#define SEGMENT "67108864"

/* A compressed batch that unpacks to more than a reader can hold would stop that reader for good.
 */
#define UNPACKED "compression.type", "uncompressed"
#define DOORBELL                                                                                   \
    {                                                                                              \
        "retention.ms", HOUR, "segment.ms", TEN_MINUTES, "retention.bytes", GIB, UNPACKED, NULL    \
    }

/* An order for one instance wakes every executor that reads its partition. */
#define PLACEMENTS 8

const ob_topic ob_topics[] = {
    { OB_TOPIC_SUBMISSIONS, 1, DOORBELL },
    { OB_TOPIC_COMMANDS, 1, DOORBELL },
    { OB_TOPIC_PLACEMENTS, PLACEMENTS, DOORBELL, .is_sealed = true },
    { OB_TOPIC_EXECUTIONS, 1, DOORBELL, .is_sealed = true },
    { OB_TOPIC_INSTANCES, 1, DOORBELL },
    { OB_TOPIC_DEMAND, 1, DOORBELL },
    /* The api stores logs within seconds; the day is for times when no api runs. */
    { OB_TOPIC_LOGS,
      1,
      { "retention.ms", DAY, "segment.bytes", SEGMENT, "retention.bytes", FOUR_GIB, UNPACKED,
        NULL },
      .is_sealed = true },
    /* Public: one order for all readers; limited by size, not by time. The producer compresses
     * (lz4), and the broker stores it so. */
    { OB_TOPIC_JOB_STATE,
      0,
      { "retention.ms", "-1", "segment.bytes", SEGMENT, "retention.bytes", FOUR_GIB,
        "compression.type", "producer", NULL },
      .is_public = true },
    { NULL, 0, { NULL } },
};

int32_t ob_topic_partitions(const ob_topic *topic, int32_t configured)
{
    if (topic->partitions == 0)
        return 1;
    return topic->partitions > configured ? topic->partitions : configured;
}

size_t ob_topic_max(const char *topic)
{
    for (const ob_topic *t = ob_topics; t->name; t++)
        if (strcmp(t->name, topic) == 0)
            return t->is_public ? SIZE_MAX : OB_MESSAGE_MAX;
    return SIZE_MAX;
}

bool ob_topic_is_sealed(const char *topic)
{
    for (const ob_topic *t = ob_topics; t->name; t++)
        if (strcmp(t->name, topic) == 0)
            return t->is_sealed;
    return false;
}

int32_t ob_instance_partition(const char *instance_id, int32_t partitions)
{
    if (partitions <= 1)
        return 0;
    return (int32_t)(ob_hash32(OB_HASH32, instance_id) % (uint32_t)partitions);
}
