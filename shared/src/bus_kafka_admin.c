/* Requests to the cluster: topics, partitions, offsets. Each call blocks, limited by its time-out.
 * Owns only the cache of partition counts. Runs in the owner's thread or the keeper's. */
#include <poll.h>
#include <string.h>

#include "bus_internal.h"
#include "ob/clock.h"
#include "ob/id.h"

int bus_fail_kafka(ob_error *err, rd_kafka_resp_err_t e, const char *what)
{
    int code = bus_is_lost_position(e) ? ENOENT : EIO;
    return ob_fail_retry(err, code, "Kafka: %s: %s", what, rd_kafka_err2str(e));
}

#define MAX_TOPICS 16
#define RETRY_PAUSE_MS 20

static int left_ms(int64_t deadline_ms)
{
    int64_t left = deadline_ms - ob_mono_ms();
    return left > 1 ? (int)left : 1;
}

static const rd_kafka_metadata_topic_t *find_topic(const rd_kafka_metadata_t *md, const char *name)
{
    for (int i = 0; i < md->topic_cnt; i++)
        if (strcmp(md->topics[i].topic, name) == 0)
            return &md->topics[i];
    return NULL;
}

static bool is_missing(const rd_kafka_metadata_topic_t *topic)
{
    return !topic || topic->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

static bool is_ready(const rd_kafka_metadata_topic_t *topic)
{
    if (!topic || topic->err != RD_KAFKA_RESP_ERR_NO_ERROR || topic->partition_cnt == 0)
        return false;
    for (int i = 0; i < topic->partition_cnt; i++)
        if (topic->partitions[i].leader < 0)
            return false;
    return true;
}

static int
new_topic(const ob_bus *bus, const ob_topic *topic, rd_kafka_NewTopic_t **ret, ob_error *err)
{
    char text[256];
    int count = ob_topic_partitions(topic, bus->partitions);
    /* -1: as many replicas as the brokers' default says. */
    rd_kafka_NewTopic_t *made = rd_kafka_NewTopic_new(topic->name, count, -1, text, sizeof(text));
    if (!made)
        return ob_fail(err, EINVAL, "Kafka: topic %s: %s", topic->name, text);
    for (const char *const *c = topic->configs; c[0]; c += 2)
        (void)rd_kafka_NewTopic_set_config(made, c[0], c[1]);
    *ret = made;
    return 0;
}

/* Checks the answers for single topics. Another process may have been faster, and a topic that this
 * user may not create is left to other users. *ret_made: the number of topics that should exist
 * now. */
static int check_created(rd_kafka_event_t *event, size_t *ret_made, ob_error *err)
{
    rd_kafka_resp_err_t e = rd_kafka_event_error(event);
    const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
    if (e || !result)
        return ob_fail_retry(err, EIO, "Kafka: topics cannot be created: %s",
                             rd_kafka_event_error_string(event));
    size_t n = 0;
    const rd_kafka_topic_result_t **topics = rd_kafka_CreateTopics_result_topics(result, &n);
    for (size_t i = 0; i < n; i++) {
        e = rd_kafka_topic_result_error(topics[i]);
        if (e == RD_KAFKA_RESP_ERR_NO_ERROR || e == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
            (*ret_made)++;
        else if (e != RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED &&
                 e != RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED)
            return ob_fail_retry(err, EIO, "Kafka: topic %s cannot be created: %s",
                                 rd_kafka_topic_result_name(topics[i]),
                                 rd_kafka_topic_result_error_string(topics[i])
                                     ? rd_kafka_topic_result_error_string(topics[i])
                                     : rd_kafka_err2str(e));
    }
    return 0;
}

static int create(rd_kafka_t *rk,
                  rd_kafka_NewTopic_t **topics,
                  size_t n,
                  int timeout_ms,
                  size_t *ret_made,
                  ob_error *err)
{
    char text[256];
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, text, sizeof(text));
    (void)rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms, text, sizeof(text));
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    ob_point_pass(OB_POINT_ANY_TOPICS, OB_POINT_BEFORE);
    rd_kafka_CreateTopics(rk, topics, n, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms + 500);
    int r = event ? check_created(event, ret_made, err)
                  : ob_fail_retry(err, ETIMEDOUT, "Kafka: topics were not created in time");
    if (r == 0)
        ob_point_pass(OB_POINT_ANY_TOPICS, OB_POINT_AFTER);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    return r;
}

static int
list_topics(rd_kafka_t *rk, int64_t deadline_ms, const rd_kafka_metadata_t **ret, ob_error *err)
{
    rd_kafka_resp_err_t e = rd_kafka_metadata(rk, 1, NULL, ret, left_ms(deadline_ms));
    return e ? bus_fail_kafka(err, e, "topics") : 0;
}

int ob_bus_make_topics(ob_bus *bus, int timeout_ms, ob_error *err)
{
    rd_kafka_t *rk = bus_producer(bus);
    int64_t deadline_ms = ob_mono_ms() + timeout_ms;
    const rd_kafka_metadata_t *md = NULL;
    int r = list_topics(rk, deadline_ms, &md, err);
    if (r < 0)
        return r;
    rd_kafka_NewTopic_t *missing[MAX_TOPICS];
    const char *names[MAX_TOPICS];
    size_t n = 0;
    for (const ob_topic *t = ob_topics; t->name && n < MAX_TOPICS && r == 0; t++) {
        if (!is_missing(find_topic(md, t->name)))
            continue;
        r = new_topic(bus, t, &missing[n], err);
        if (r == 0)
            names[n++] = t->name;
    }
    rd_kafka_metadata_destroy(md);

    size_t made = 0;
    if (r == 0 && n > 0)
        r = create(rk, missing, n, left_ms(deadline_ms), &made, err);
    rd_kafka_NewTopic_destroy_array(missing, n);

    /* The answer comes before all brokers have the topics: wait until they can be used. */
    while (r == 0 && made > 0) {
        r = list_topics(rk, deadline_ms, &md, err);
        if (r < 0)
            break;
        size_t ready = 0;
        for (size_t i = 0; i < n; i++)
            ready += is_ready(find_topic(md, names[i]));
        rd_kafka_metadata_destroy(md);
        if (ready >= made)
            break;
        if (ob_mono_ms() >= deadline_ms)
            return ob_fail_retry(err, ETIMEDOUT, "Kafka: new topics are not ready in time");
        (void)poll(NULL, 0, RETRY_PAUSE_MS);
    }
    return r;
}

int bus_refresh(rd_kafka_t *rk, int timeout_ms, ob_error *err)
{
    const rd_kafka_metadata_t *md = NULL;
    rd_kafka_resp_err_t e = rd_kafka_metadata(rk, 0, NULL, &md, timeout_ms);
    if (e)
        return bus_fail_kafka(err, e, "brokers");
    rd_kafka_metadata_destroy(md);
    return 0;
}

/* Asks how many partitions a topic has. */
static int
count_partitions(rd_kafka_t *rk, const char *topic, int timeout_ms, int32_t *ret, ob_error *err)
{
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
    if (!rkt)
        return bus_fail_kafka(err, rd_kafka_last_error(), topic);
    const rd_kafka_metadata_t *md = NULL;
    rd_kafka_resp_err_t e = rd_kafka_metadata(rk, 0, rkt, &md, timeout_ms);
    rd_kafka_topic_destroy(rkt);
    if (e)
        return bus_fail_kafka(err, e, topic);
    const rd_kafka_metadata_topic_t *found = find_topic(md, topic);
    int r = 0;
    if (!found || found->err)
        r = bus_fail_kafka(err, found ? found->err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, topic);
    else if (!is_ready(found))
        r = bus_fail_kafka(err, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, topic);
    else
        *ret = found->partition_cnt;
    rd_kafka_metadata_destroy(md);
    return r;
}

void bus_forget_counts(ob_bus *bus)
{
    for (size_t i = 0; i < bus->n_counts; i++)
        free(bus->counts[i].topic);
    free(bus->counts);
    bus->counts = NULL;
    bus->n_counts = 0;
}

int ob_bus_partitions(ob_bus *bus, const char *topic, int timeout_ms, int32_t *ret, ob_error *err)
{
    int32_t count = 0;
    (void)pthread_mutex_lock(&bus->lock);
    for (size_t i = 0; i < bus->n_counts && !count; i++)
        if (strcmp(bus->counts[i].topic, topic) == 0)
            count = bus->counts[i].partitions;
    (void)pthread_mutex_unlock(&bus->lock);
    if (!count) {
        int r = count_partitions(bus_producer(bus), topic, timeout_ms, &count, err);
        if (r < 0)
            return r;
        (void)pthread_mutex_lock(&bus->lock);
        bus->counts = ob_realloc(bus->counts, (bus->n_counts + 1) * sizeof(*bus->counts));
        bus->counts[bus->n_counts++] = (bus_count){ ob_strdup(topic), count };
        (void)pthread_mutex_unlock(&bus->lock);
    }
    *ret = count;
    return 0;
}

/* A new topic is known before its partitions have a leader. */
static bool passes_soon(rd_kafka_resp_err_t e)
{
    return e == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
           e == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
           e == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

static int query_watermarks(rd_kafka_t *rk,
                            const char *topic,
                            int32_t partition,
                            int64_t deadline_ms,
                            int64_t *ret_low,
                            int64_t *ret_high,
                            ob_error *err)
{
    for (;;) {
        rd_kafka_resp_err_t e = rd_kafka_query_watermark_offsets(rk, topic, partition, ret_low,
                                                                 ret_high, left_ms(deadline_ms));
        if (!e)
            return 0;
        if (!passes_soon(e) || ob_mono_ms() + RETRY_PAUSE_MS >= deadline_ms)
            return bus_fail_kafka(err, e, topic);
        (void)poll(NULL, 0, RETRY_PAUSE_MS);
    }
}

int ob_bus_watermarks(ob_bus *bus,
                      const char *topic,
                      int32_t partition,
                      int timeout_ms,
                      int64_t *ret_low,
                      int64_t *ret_high,
                      ob_error *err)
{
    int64_t low = 0, high = 0;
    int r = query_watermarks(bus_producer(bus), topic, partition, ob_mono_ms() + timeout_ms, &low,
                             &high, err);
    if (r < 0)
        return r;
    if (ret_low)
        *ret_low = low;
    if (ret_high)
        *ret_high = high;
    return 0;
}

void bus_positions_done(bus_positions *positions)
{
    for (size_t i = 0; i < positions->n; i++) {
        free(positions->at[i].topic);
        if (positions->at[i].rkt)
            rd_kafka_topic_destroy(positions->at[i].rkt);
    }
    free(positions->at);
    *positions = (bus_positions){ 0 };
}

void bus_wanted_free(bus_wanted *wanted, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(wanted[i].topic);
        free(wanted[i].instance);
    }
    free(wanted);
}

static int resolve_one(
    rd_kafka_t *rk, const bus_wanted *wanted, int64_t deadline_ms, bus_positions *to, ob_error *err)
{
    int32_t count = 0;
    int r = count_partitions(rk, wanted->topic, left_ms(deadline_ms), &count, err);
    if (r < 0)
        return r;
    int32_t one =
        wanted->instance ? ob_instance_partition(wanted->instance, count) : wanted->partition;
    if (one >= count)
        return ob_fail_retry(err, ENOENT,
                             "Kafka: %s has %d partitions, but partition %d was requested",
                             wanted->topic, count, one);
    int32_t first = one >= 0 ? one : 0;
    int32_t end = one >= 0 ? first + 1 : count;
    for (int32_t p = first; p < end; p++) {
        int64_t low = 0, high = 0;
        r = query_watermarks(rk, wanted->topic, p, deadline_ms, &low, &high, err);
        if (r < 0)
            return r;
        to->at = ob_realloc(to->at, (to->n + 1) * sizeof(*to->at));
        to->at[to->n++] = (bus_position){ ob_strdup(wanted->topic), p, high, NULL };
    }
    return 0;
}

int bus_resolve(rd_kafka_t *rk,
                const bus_wanted *wanted,
                size_t n,
                int timeout_ms,
                bus_positions *ret,
                ob_error *err)
{
    int64_t deadline_ms = ob_mono_ms() + timeout_ms;
    bus_positions positions = { 0 };
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++)
        r = resolve_one(rk, &wanted[i], deadline_ms, &positions, err);
    if (r < 0) {
        bus_positions_done(&positions);
        return r;
    }
    *ret = positions;
    return 0;
}
