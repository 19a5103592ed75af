/* See bus_mock.h. */
#include "bus_mock.h"

#include "ob/clock.h"

static rd_kafka_t *host; /* carries the mock cluster */
rd_kafka_mock_cluster_t *cluster;

void on_msg(const ob_bus_msg *msg, void *arg)
{
    seen *s = arg;
    s->n++;
    (void)snprintf(s->text, sizeof(s->text), "%.*s", (int)msg->len, msg->data);
    (void)snprintf(s->key, sizeof(s->key), "%.*s", (int)msg->key_len, msg->key ? msg->key : "");
    (void)snprintf(s->topic, sizeof(s->topic), "%s", msg->topic);
    s->partition = msg->partition;
    s->offset = msg->offset;
    int number = atoi(s->text);
    if (number > 0 && number < MAX_SEEN)
        s->got[number] = true;
    if (s->in_handler)
        s->in_handler(s);
}

static void on_event(ob_bus_event event, void *arg)
{
    seen *s = arg;
    s->reassigned += event == OB_BUS_REASSIGNED;
    s->up += event == OB_BUS_UP;
    s->down += event == OB_BUS_DOWN;
}

static void on_delivery(void *ref, int ok, int64_t offset, void *arg)
{
    seen *s = arg;
    s->last_ref = ref;
    s->delivered += ok;
    s->failed += !ok;
}

static ob_bus *open_any(seen *s, const char *group, const char *settings, bool writes_alone)
{
    ob_error err = { 0 };
    const ob_bus_config config = {
        .settings = settings,
        .servers = rd_kafka_mock_cluster_bootstraps(cluster),
        .client_id = "test",
        .writes_alone = writes_alone,
        .group = group,
        .partitions = 3,
        .on_msg = on_msg,
        .on_event = on_event,
        .on_delivery = on_delivery,
        .arg = s,
    };
    memset(s, 0, sizeof(*s));
    if (ob_bus_new(&config, &s->bus, &err) < 0)
        fail_msg("%s", err.text);
    return s->bus;
}

ob_bus *open_bus(seen *s, const char *group)
{
    return open_any(s, group, NULL, false);
}

ob_bus *open_bus_set(seen *s, const char *group, const char *settings)
{
    return open_any(s, group, settings, false);
}

ob_bus *open_bus_alone(seen *s)
{
    return open_any(s, NULL, NULL, true);
}

void say(ob_bus *bus, const char *topic, const char *key, const char *text, void *ref)
{
    ob_error err = { 0 };
    if (ob_bus_send(bus, OB_POINT_API_RING, topic, -1, key, key ? strlen(key) : 0, text,
                    strlen(text), ref, &err) < 0)
        fail_msg("%s", err.text);
}

void poll_until(ob_bus *bus, const int *count, int want)
{
    int64_t end = ob_mono_ms() + 20000;
    while (*count < want) {
        if (ob_mono_ms() > end)
            fail_msg("%d instead of %d", *count, want);
        (void)ob_bus_poll(bus, 100, 1000);
    }
}

void poll_for(ob_bus *bus, int64_t ms)
{
    for (int64_t end = ob_mono_ms() + ms; ob_mono_ms() < end;)
        (void)ob_bus_poll(bus, 50, 1000);
}

void assign(ob_bus *bus, const char *topic)
{
    ob_error err = { 0 };
    const char *const topics[] = { topic, NULL };
    if (ob_bus_assign_end(bus, topics, NULL, 10000, &err) < 0)
        fail_msg("%s", err.text);
}

void make_topic(const char *topic, int partitions)
{
    assert_int_equal(rd_kafka_mock_topic_create(cluster, topic, partitions, 1), 0);
}

int set_up(void **state)
{
    char text[256];
    host = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof(text));
    cluster = host ? rd_kafka_mock_cluster_new(host, 1) : NULL;
    return cluster ? 0 : -1;
}

int tear_down(void **state)
{
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(host);
    return 0;
}
